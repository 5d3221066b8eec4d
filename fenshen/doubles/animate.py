"""``fenshen animate``: a double driven by a video, a track, idle movement, or a model of movement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeGuard

from fenshen import files
from fenshen.commands import DEVICE, RATE, SEED, Word
from fenshen.doubles.options import OutputOptions
from fenshen.errors import FenshenError, UsageError

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

    from fenshen.doubles.store import Double
    from fenshen.motion.track import Track
    from fenshen.video import Audio

_TRACK = ".parquet"
_SIZE = 256  # px: of the portrait in which a seed frame is measured


def animate(
    double: Path | str | Double,
    *,
    out: Path | str,
    drive: Annotated[Path | str | None, Word(metavar="VIDEO|TRACK|RUN")] = None,
    idle: Annotated[float | None, Word(metavar="SECONDS")] = None,
    seconds: Annotated[float, Word(low=0.1, high=3600)] = 10.0,
    start: Annotated[Path | str | None, Word("--from", "PHOTO|VIDEO|TRACK")] = None,
    smoothing: float = 1.0,
    rate: Annotated[float, RATE] = 25.0,
    output: OutputOptions = OutputOptions(),
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Film a double, driven by a video, a track, or idle movement.

    Args:
        double: a .double file
        out: the film to write (.mp4, .mov, .mkv, .webm, .gif, .webp), or a folder for single frames
        drive: whose movements it follows: a video of anybody, whose sound is kept; a .track.parquet; or a run trained
            on tracks:PATH, which makes movements up
        idle: idle for this many seconds instead: blinks, breath, glances
        seconds: how long the movements of a run are
        start: the seed frame of a run's movements: a photograph's face, or the last frame of a video or track; by
            default the face at rest
        smoothing: how much to smooth the movements measured in a video, 0 to 10
        rate: frames per second
        output: how the film is finished
        seed: random seed of idle movement, and of a run's
        device: where to compute
        force: overwrite an existing film

    Returns:
        The path of the film or folder.

    Raises:
        UsageError: both or neither of ``drive`` and ``idle``, ``start`` without a run, or a value out of range.
        FenshenError: a file cannot be opened or written, or the video shows no face.
    """
    from fenshen.doubles.output import FILM, Output
    from fenshen.doubles.store import Double
    from fenshen.motion.track import check_rate
    from fenshen.provenance.inputs import of_files

    if (drive is None) == (idle is None):
        raise UsageError("double.one_motion")
    check_rate(rate)
    if start is not None and not _is_model(drive):
        raise UsageError("double.start_of_run")
    opened = Double.of(double, device)
    driver = of_files([Path(drive)], "driver", placed=False) if _filmed(drive) else []
    writer = Output(opened, Path(out), FILM, output, inputs=driver, force=force)
    if idle is not None:
        if not 0.1 <= idle <= 3600:
            raise UsageError("generate.out_of_range", option="--idle", value=idle, low=0.1, high=3600)
        from fenshen.motion.idle import idle as idle_track

        return writer.film([(idle_track(idle, rate, seed), None)])
    if _is_model(drive):
        made = _made_up(opened, Path(str(drive)), seconds, seed, start)
        return writer.film([(made.resampled(rate), None)])
    if not 0 <= smoothing <= 10:
        raise UsageError("generate.out_of_range", option="--smoothing", value=smoothing, low=0, high=10)
    track, sound = _driven(Path(str(drive)), writer.target, smoothing)
    return writer.film([(track.resampled(rate), sound)])


def _filmed(drive: Path | str | None) -> TypeGuard[Path | str]:
    """Whether it is a film, which may have marks, not a track."""
    return drive is not None and Path(drive).is_file() and Path(drive).suffix != _TRACK


def _is_model(drive: Path | str | None) -> bool:
    """Whether it makes movements up, not a film or track of them."""
    return drive is not None and any((Path(drive) / name).exists() for name in ("model.json", "checkpoints"))


def _made_up(double: Double, run: Path, seconds: float, seed: int, start: Path | str | None) -> Track:
    """Movements by a model that learnt them."""
    if not 0.1 <= seconds <= 3600:
        raise UsageError("generate.out_of_range", option="--seconds", value=seconds, low=0.1, high=3600)
    from fenshen.model import Model
    from fenshen.motion.learnt import learnt

    frame = None if start is None else _frame(double, Path(start))
    return learnt(Model.load(run, double.model.device), seconds, seed, start=frame)


def _frame(double: Double, source: Path) -> Float[ndarray, "58"]:
    """A seed frame as an offset from the double's face at rest.

    The expression and the turn of a photograph's head are as measured, its place is the double's own.
    """
    from fenshen import portraits

    files.must_be_file(source, "files.seed_frame")
    if source.suffix.lower() not in portraits.SUFFIXES:
        from fenshen.motion import track as tracks
        from fenshen.motion.drive import from_video

        return (tracks.load(source) if source.suffix == _TRACK else from_video(source)).controls[-1]
    from fenshen.controls import INDEX, PLACEMENT
    from fenshen.faces.clip import steady_crop
    from fenshen.faces.detect import FaceFinder
    from fenshen.faces.measure import measure

    with FaceFinder(max_faces=1) as finder:
        faces = finder.find(portraits.read(source))
    if not faces:
        raise FenshenError("motion.no_face", path=source)
    offset = measure(faces[0], steady_crop(faces, _SIZE), _SIZE) - double.neutral
    offset[[INDEX[name] for name in PLACEMENT]] = 0
    return offset


def _driven(source: Path, target: Path, smoothing: float) -> tuple[Track, Audio | None]:
    """The movements of a track or a video; the video's sound if the output format can hold it."""
    from fenshen.motion import track as tracks

    files.must_be_file(source, "files.video_or_track")
    if source.suffix == _TRACK:
        return tracks.load(source), None
    from fenshen import audio, video
    from fenshen.motion.drive import from_video

    track = from_video(source, smoothing=smoothing)
    if len(track.controls) < 2:
        raise UsageError("double.still_driver", path=source)
    seen = video.probe(source)
    if not seen.has_audio or target.suffix.lower() not in (".mp4", ".mov", ".mkv", ".webm"):
        return track, None
    sound = audio.of_film(source, seen.start)
    return track, None if sound is None else (sound.pieces, sound.rate)
