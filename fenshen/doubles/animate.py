"""``fenshen animate``: a double driven by a video, a track, or idle movement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeGuard

from fenshen import files
from fenshen.commands import DEVICE, RATE, SEED, Word
from fenshen.doubles.options import OutputOptions
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.doubles.store import Double
    from fenshen.motion.track import Track
    from fenshen.video import Audio

_TRACK = ".parquet"


def animate(
    double: Path | str | Double,
    *,
    out: Path | str,
    drive: Annotated[Path | str | None, Word(metavar="VIDEO|TRACK")] = None,
    idle: Annotated[float | None, Word(metavar="SECONDS")] = None,
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
        drive: whose movements it follows: a video of anybody, whose sound is kept, or a .track.parquet
        idle: idle for this many seconds instead: blinks, breath, glances
        smoothing: how much to smooth the movements measured in a video, 0 to 10
        rate: frames per second
        output: how the film is finished
        seed: random seed of the idle movement
        device: where to compute
        force: overwrite an existing film

    Returns:
        The path of the film or folder.

    Raises:
        UsageError: both or neither of ``drive`` and ``idle``, or a value out of range.
        FenshenError: a file cannot be opened or written, or the video shows no face.
    """
    from fenshen.doubles.output import FILM, Output
    from fenshen.doubles.store import Double
    from fenshen.motion.track import check_rate
    from fenshen.provenance.inputs import of_files

    if (drive is None) == (idle is None):
        raise UsageError("double.one_motion")
    check_rate(rate)
    opened = Double.of(double, device)
    driver = of_files([Path(drive)], "driver", placed=False) if _filmed(drive) else []
    writer = Output(opened, Path(out), FILM, output, inputs=driver, force=force)
    if idle is not None:
        if not 0.1 <= idle <= 3600:
            raise UsageError("generate.out_of_range", option="--idle", value=idle, low=0.1, high=3600)
        from fenshen.motion.idle import idle as idle_track

        return writer.film([(idle_track(idle, rate, seed), None)])
    if not 0 <= smoothing <= 10:
        raise UsageError("generate.out_of_range", option="--smoothing", value=smoothing, low=0, high=10)
    track, sound = _driven(Path(str(drive)), writer.target, smoothing)
    return writer.film([(track.resampled(rate), sound)])


def _filmed(drive: Path | str | None) -> TypeGuard[Path | str]:
    """Whether it is a film, which may have marks, not a track."""
    return drive is not None and Path(drive).is_file() and Path(drive).suffix != _TRACK


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
