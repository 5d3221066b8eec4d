"""A recording: opened, measured once from its beginning to its end, and read in pieces that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import audio
from fenshen.errors import FenshenError
from fenshen.spectra import HOP

Planes = Float[ndarray, "C S"]

RATE = audio.RATE
_PIECE, _AROUND = (
    940 * HOP,
    48 * HOP,
)  # samples, whole frames: ten seconds at once, and half a second beside them
_FRAME = 480  # samples whose loudness is measured together: 20 ms
_WINDOW = 1024
_STEPS = 4096  # of amplitude, in which samples are counted
_HIGHEST = 4.0  # of an amplitude
_SILENT = 3e-5  # of full scale, that nothing exceeds in a silent recording
_FLAT = 0.97  # of the limit, above which a sample was clipped: resampling moves it a little
_DEAF = 10**-6.5  # of the loudest frequency's power, below which there is nothing


@dataclass(frozen=True)
class Measured:
    """What is known of a whole recording.

    Attributes:
        samples: at 24 kHz.
        channels: 1 or 2.
        level: root mean square of its loud parts.
        peak: largest amplitude.
        limit: amplitude at which it was clipped; None where it was not.
        band: frequency in Hz above which there is nothing.
    """

    samples: int
    channels: int
    level: float
    peak: float
    limit: float | None
    band: float

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear."""
        return self.peak < _SILENT


def is_sound(path: Path | str) -> bool:
    """Whether a file is a sound or a film with sound: by what it holds, not by its name."""
    import av
    from av.error import FFmpegError
    from PIL import Image

    if not Path(path).is_file():
        return False
    try:
        with Image.open(path):
            return False
    except Exception:  # Pillow raises what it likes at what is no picture
        pass
    try:
        with av.open(
            str(path), options={"protocol_whitelist": "file"}, metadata_errors="ignore"
        ) as container:
            return bool(container.streams.audio)
    except (FFmpegError, OSError, ValueError):
        return False


def measure(path: Path) -> Measured:
    """Measure a recording in one pass, in constant memory.

    Raises:
        FenshenError: it cannot be read, or is longer than an hour.
    """
    counts, powers, spectrum = np.zeros(_STEPS, np.int64), list[ndarray](), np.zeros(_WINDOW // 2 + 1)
    samples, channels, peak = 0, 1, 0.0
    for planes in audio.pieces(path):
        channels, samples = len(planes), samples + planes.shape[1]
        size = np.abs(planes)
        peak = max(peak, float(size.max(initial=0)))
        places = np.minimum(size * (_STEPS / _HIGHEST), _STEPS - 1).astype(int)
        counts += np.bincount(places.ravel(), minlength=_STEPS)
        loudest = planes[int(np.square(planes).sum(1).argmax())]
        whole = len(loudest) // _FRAME * _FRAME
        powers.append(np.square(loudest[:whole]).reshape(-1, _FRAME).mean(1))
        frames = loudest[: len(loudest) // _WINDOW * _WINDOW].reshape(-1, _WINDOW) * np.hanning(_WINDOW)
        spectrum += np.square(np.abs(np.fft.rfft(frames))).sum(0)
    if not samples:
        raise FenshenError("audio.not_a_sound", path=path, why="empty")
    loud = np.concatenate(powers) if powers else np.zeros(0)
    loud = loud[loud >= np.quantile(loud, 0.6)] if len(loud) else np.array([peak**2 / 2])
    level = max(float(np.sqrt(loud.mean())), 1e-9)
    return Measured(samples, channels, level, peak, _limit(counts, peak), _band(spectrum))


def _limit(counts: ndarray, peak: float) -> float | None:
    """Where amplitudes heap up near the peak as they do nowhere below it."""
    top = int(peak * _STEPS / _HIGHEST)
    if top < 40:
        return None
    width = max(top // 40, 1)
    sums = np.convolve(counts, np.ones(width), "valid")  # of amplitudes from i to i + width
    place = int(sums[top // 2 : top].argmax()) + top // 2
    beside = float(np.median(sums[top // 3 : max(place - width, top // 3 + 1)]))
    heap = sums[place] > 4 * beside + 8 and sums[place] > 8 * sums[min(place + 3 * width, len(sums) - 1)]
    return (place + width / 2) * _HIGHEST / _STEPS * _FLAT if heap else None


def _band(spectrum: ndarray) -> float:
    heard = np.flatnonzero(spectrum > spectrum.max(initial=0) * _DEAF)
    return float((heard[-1] + 1) * RATE / _WINDOW) if len(heard) else RATE / 2


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a recording with what is around it.

    Attributes:
        planes: of the part and around it.
        start: place of the first sample in the recording.
        kept: which samples are the part itself.
    """

    planes: Planes
    start: int
    kept: slice


def pieces(path: Path) -> Iterator[Piece]:
    """All parts of a recording, each with half a second around it where there is any."""
    waiting, count, start, done = list[Planes](), 0, 0, 0  # count: samples that wait, from start on
    for planes in audio.pieces(path):
        waiting.append(planes)
        count += planes.shape[1]
        while start + count >= done + _PIECE + _AROUND:
            whole = np.concatenate(waiting, axis=1)
            kept = slice(done - start, done + _PIECE - start)
            yield Piece(whole[:, : kept.stop + _AROUND], start, kept)
            done += _PIECE
            left = whole[:, done - _AROUND - start :]
            waiting, count, start = [left], left.shape[1], done - _AROUND
    if start + count > done:
        yield Piece(np.concatenate(waiting, axis=1), start, slice(done - start, count))
