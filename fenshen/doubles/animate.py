"""``fenshen animate``: a double driven by a video, a track, or nothing but being alive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fenshen.doubles.output import FILMS, Output, Sound
from fenshen.doubles.store import Double
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.motion.track import Track
    from fenshen.provenance.credentials import Signer

_TRACK = ".parquet"


def animate(
    double: Path | str,
    *,
    out: Path | str,
    drive: Path | str | None = None,
    idle: float | None = None,
    smoothing: float = 1.0,
    rate: float = 25.0,
    scale: float = 2.0,
    label: bool = True,
    transparent: bool = False,
    signer: Signer | None = None,
    seed: int = 0,
    device: str = "auto",
    force: bool = False,
) -> Path:
    """Film a double.

    Args:
        double: a ``.double``.
        out: .mp4, .mov, .mkv, .webm, .gif, .webp, or a folder for single frames.
        drive: a video of anybody, whose movements are taken over and whose sound is kept; or a ``.track.parquet``.
        idle: instead, seconds of blinking, breathing and looking about.
        smoothing: of the movements of a video, 0 to 10; 0 leaves them as they were measured.
        rate: frames a second.
        scale: 1 to 4.
        label: draw the visible label.
        transparent: leave out the background; .webm, .webp, .gif or a folder.
        signer: of the credentials, from :func:`fenshen.provenance.credentials.load`; self-made if None.
        seed: of the idle movement.
        device: where to compute.
        force: replace what is there.

    Raises:
        UsageError: both or neither of ``drive`` and ``idle``, or a value out of range.
        FenshenError: a file cannot be opened or written, or the video shows no face.
    """
    from fenshen.motion.track import check_rate

    if (drive is None) == (idle is None):
        raise UsageError("double.one_motion")
    check_rate(rate)
    opened = Double.open(double, device)
    output = Output(
        opened,
        Path(out),
        FILMS,
        scale=scale,
        label=label,
        transparent=transparent,
        signer=signer,
        force=force,
    )
    if idle is not None:
        if not 0.1 <= idle <= 3600:
            raise UsageError("generate.out_of_range", option="--idle", value=idle, low=0.1, high=3600)
        from fenshen.motion.idle import idle as alive

        return output.film([(alive(idle, rate, seed), None)])
    if not 0 <= smoothing <= 10:
        raise UsageError("generate.out_of_range", option="--smoothing", value=smoothing, low=0, high=10)
    track, sound = _driven(Path(str(drive)), output.target, smoothing)
    return output.film([(track.resampled(rate), sound)])


def _driven(source: Path, target: Path, smoothing: float) -> tuple[Track, Sound | None]:
    """The movements of a track or a video; the video's sound where the film can carry it."""
    from fenshen.motion import track as tracks

    if source.suffix == _TRACK:
        return tracks.load(source), None
    from fenshen import audio, video
    from fenshen.motion.drive import from_video

    track = from_video(source, smoothing=smoothing)
    heard = video.probe(source).has_audio and target.suffix.lower() in (".mp4", ".mov", ".mkv", ".webm")
    return track, (audio.read(source), audio.RATE) if heard else None
