"""What restoring a sound can be asked for: one class a task, with what can be done without a network.

A network begins with the plain result where something is missing; and what it may not change, it does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen.data.sound_damage import beyond, narrowed, predicted, rounded, runs
from fenshen.registry import Registry
from fenshen.sounds.recording import RATE, Measured

Sound = Float[ndarray, "S"]
Spans = Sequence[tuple[float, float]]  # seconds

_WINDOW, _HOP = 1024, 256
_QUIET, _NEAR = 3e-3, 0.12  # of the level: what is in a gap, and what is right beside it
_BESIDE = 48  # samples
_SHORTEST, _LONGEST = 48, RATE // 4  # samples of a gap that is found
_RINGING = 8  # samples by which a gap is wider than it is silent: resampling blurs its edges
_LOWEST = 0.06  # of a magnitude, that the Wiener filter leaves
_WIDEST = 9000.0  # Hz, of a band that is extended


@dataclass(frozen=True, eq=False)
class Begun:
    """One channel of a piece on its way.

    Attributes:
        given: what the network sees.
        plain: what can be done without a network.
        missing: what is not known of it; None: everything is.
    """

    given: Sound
    plain: Sound
    missing: Bool[ndarray, "S"] | None = None


class Task(ABC):
    """One way to restore a sound."""

    masked: ClassVar[bool] = False  # it can be told where something is missing
    nothing: ClassVar[str] = ""  # what to say where there was nothing to do
    shipped: ClassVar[str | None] = None  # the model that does it unless the user names one

    @abstractmethod
    def begin(self, sound: Sound, found: Measured, spans: Spans = (), start: int = 0) -> Begun | None:
        """The sound as the network is to see it, and as it is restored without one; None: there is nothing to do.

        Args:
            found: what is known of the whole recording.
            spans: what the user says is missing.
            start: place of the first sample in the recording.
        """

    def finish(self, made: Sound, sound: Sound, begun: Begun, found: Measured) -> Sound:
        """What the network made of a sound, with all that is known for sure."""
        return made


TASKS: Registry[Task] = Registry("task")


class Gaps(Task):
    """What is missing is filled in by linear prediction from both sides."""

    masked = True
    nothing = "sounds.no_gaps"

    def begin(self, sound: Sound, found: Measured, spans: Spans = (), start: int = 0) -> Begun | None:
        missing = gaps(sound, found.level) if not spans else np.zeros(len(sound), bool)
        for first, last in spans:
            missing[max(round(first * RATE) - start, 0) : max(round(last * RATE) - start, 0)] = True
        if not missing.any():
            return None
        plain = predicted(np.where(missing, 0, sound).astype(np.float32), missing)
        return Begun(plain, plain, missing)


class Denoise(Task):
    """Less noise: Wiener's filter, by the noise in the quietest parts."""

    def begin(self, sound: Sound, found: Measured, spans: Spans = (), start: int = 0) -> Begun | None:
        return Begun(sound, wiener(sound))


class Declip(Task):
    """Clipped peaks are rounded by cubics."""

    nothing = "sounds.not_clipped"

    def begin(self, sound: Sound, found: Measured, spans: Spans = (), start: int = 0) -> Begun | None:
        if found.limit is None:
            return None
        missing = np.abs(sound) >= found.limit
        plain = rounded(sound, missing)
        return Begun(plain, plain, missing)

    def finish(self, made: Sound, sound: Sound, begun: Begun, found: Measured) -> Sound:
        missing = np.zeros(len(sound), bool) if begun.missing is None else begun.missing
        return np.where(missing, beyond(made, sound), made).astype(np.float32)


class Bandwidth(Task):
    """More treble, which only a network can add."""

    shipped = "treble"
    nothing = "sounds.full_band"

    def begin(self, sound: Sound, found: Measured, spans: Spans = (), start: int = 0) -> Begun | None:
        return None if found.band > _WIDEST else Begun(sound, sound)

    def finish(self, made: Sound, sound: Sound, begun: Begun, found: Measured) -> Sound:
        return made + narrowed(begun.given - made, 0.9 * found.band)


TASKS.add("gaps", Gaps())
TASKS.add("denoise", Denoise())
TASKS.add("declip", Declip())
TASKS.add("bandwidth", Bandwidth())


def gaps(sound: Sound, level: float) -> Bool[ndarray, "S"]:
    """Silence of 2 to 250 ms that begins or ends in the midst of sound: speech falls silent more slowly."""
    missing = np.zeros(len(sound), bool)
    size = np.abs(sound)
    for start, stop in runs(size < _QUIET * level):
        before, after = size[max(start - _BESIDE, 0) : start], size[stop : stop + _BESIDE]
        abrupt = (
            max(before.max(initial=0), after.max(initial=0)) > _NEAR * level and len(before) and len(after)
        )
        if _SHORTEST <= stop - start <= _LONGEST and abrupt:
            missing[max(start - _RINGING, 0) : stop + _RINGING] = True
    return missing


def wiener(sound: Sound, more: float = 2.0) -> Sound:
    """Wiener's filter with the noise that a tenth of the frames do not exceed, smoothed over time.

    Args:
        more: noise is taken for this many times as strong as it was found, which leaves fewer tones of it
            (Berouti et al. 1979).
    """
    length = len(sound)
    padded = np.pad(
        sound, (_WINDOW, _WINDOW + -length % _HOP), mode="reflect" if length > 2 * _WINDOW else "constant"
    )
    window = np.hanning(_WINDOW + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window
    spectra = np.fft.rfft(frames)
    power = np.abs(spectra) ** 2
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.ones(5) / 5, "same"), 0, power)
    noise = np.quantile(smooth, 0.1, axis=0) * 1.4  # which is below the mean
    gain = np.maximum(1 - more * noise / np.maximum(smooth, 1e-20), _LOWEST)
    parts = np.fft.irfft(spectra * gain, _WINDOW) * window
    made = np.zeros(len(padded))
    weight = np.full(len(padded), 1e-9)
    for i, part in enumerate(parts):
        made[i * _HOP : i * _HOP + _WINDOW] += part
        weight[i * _HOP : i * _HOP + _WINDOW] += window**2
    return (made / weight)[_WINDOW : _WINDOW + length].astype(np.float32)
