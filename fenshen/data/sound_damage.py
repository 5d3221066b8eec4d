"""What happens to sound: gaps, noise, clipping, a narrow band. Made on purpose, to learn to undo it.

One class a damage; each registers itself. A network that undoes them is given six channels: the damaged sound, where it
is missing, and which damage it is. Where something is missing, the sound has been filled in plainly, which a network
then has to better.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen.audio import RATE
from fenshen.registry import Registry

Sound = Float[ndarray, "S"]
Missing = Bool[ndarray, "S"]

TASKS = ("gaps", "denoise", "declip", "bandwidth")  # in the order of their channels
CHANNELS = 2 + len(TASKS)
_ORDER = 192  # of linear prediction: 8 ms, in which even a low voice repeats itself
_AROUND = 1536  # samples on either side that it is fitted to
_RIDGE = 1e-4  # of a sound's power, added as if it were noise, so that prediction dies away


class Damage(ABC):
    """One kind of damage."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, sound: Sound, numbers: np.random.Generator) -> tuple[Sound, Missing | None]:
        """A damaged copy, as strongly as the random numbers say; and where it is missing, if anything is."""


DAMAGES: Registry[Damage] = Registry("task")


def encoded(sound: Sound, task: str, missing: Missing | None = None) -> Float[ndarray, "6 S"]:
    """What a network is given: the sound, where it was missing, and which of the tasks it is."""
    channels = np.zeros((CHANNELS, len(sound)), np.float32)
    channels[0] = sound
    if missing is not None:
        channels[1] = missing
    channels[2 + TASKS.index(task)] = 1
    return channels


def _register(damage: type[Damage]) -> type[Damage]:
    DAMAGES.add(damage.name, damage())
    return damage


@_register
class Gaps(Damage):
    """Lost packets and scratches: a few gaps of 4 to 40 ms, filled in by linear prediction."""

    name = "gaps"

    def apply(self, sound: Sound, numbers: np.random.Generator) -> tuple[Sound, Missing | None]:
        missing = np.zeros(len(sound), bool)
        for _ in range(numbers.integers(2, 7)):
            length = round(RATE * float(numbers.uniform(0.004, 0.04)))
            start = int(numbers.integers(0, max(len(sound) - length, 1)))
            missing[start : start + length] = True
        return predicted(np.where(missing, 0, sound).astype(np.float32), missing), missing


@_register
class Noise(Damage):
    """Noise between white and brown, with a hum of the mains beside it at times; 0 to 20 dB below the sound."""

    name = "denoise"

    def apply(self, sound: Sound, numbers: np.random.Generator) -> tuple[Sound, Missing | None]:
        noise = coloured(len(sound), float(numbers.uniform(0, 2)), numbers)
        if numbers.random() < 0.3:
            noise += 0.7 * hum(len(sound), 50.0 if numbers.random() < 0.5 else 60.0, numbers)
        return with_noise(sound, noise, float(numbers.uniform(0, 20))), None


@_register
class Clipping(Damage):
    """Too loud for what recorded it: cut off at 8 to 60 % of its peak, where cubics have been laid across."""

    name = "declip"

    def apply(self, sound: Sound, numbers: np.random.Generator) -> tuple[Sound, Missing | None]:
        limit = float(np.abs(sound).max() * numbers.uniform(0.08, 0.6))
        clipped = np.clip(sound, -limit, limit)
        missing = np.abs(sound) >= limit
        return rounded(clipped, missing), missing


@_register
class Narrow(Damage):
    """A telephone or an old recorder: nothing above 2 to 7 kHz."""

    name = "bandwidth"

    def apply(self, sound: Sound, numbers: np.random.Generator) -> tuple[Sound, Missing | None]:
        known = (3600.0, 4000.0, 5500.0)
        cut = float(numbers.choice(known)) if numbers.random() < 0.6 else float(numbers.uniform(2000, 7000))
        return narrowed(sound, cut), None


def narrowed(sound: Sound, cut: float) -> Sound:
    """The sound without what is above ``cut`` Hz, by a linear-phase filter that falls over a tenth of that."""
    spectrum = np.fft.rfft(sound)
    at = np.linspace(0, RATE / 2, len(spectrum))
    falling = np.clip((cut - at) / (0.1 * cut) + 0.5, 0, 1)
    return np.fft.irfft(spectrum * falling, len(sound)).astype(np.float32)


def coloured(length: int, slope: float, numbers: np.random.Generator) -> Sound:
    """Normal noise whose power falls with the frequency to the power of ``slope``: 0 is white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(numbers.standard_normal(length))
    at = np.arange(len(spectrum)) * RATE / length
    noise = np.fft.irfft(spectrum * np.maximum(at, 50.0) ** (-slope / 2), length)
    return (noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)).astype(np.float32)


def hum(length: int, frequency: float, numbers: np.random.Generator) -> Sound:
    """The mains with five overtones, of power 1."""
    time = np.arange(length) / RATE
    tones = [
        float(numbers.random()) / k * np.sin(2 * np.pi * (frequency * k * time + float(numbers.random())))
        for k in range(1, 7)
    ]
    whole = np.sum(tones, axis=0)
    return (whole / max(float(np.sqrt(np.mean(whole**2))), 1e-12)).astype(np.float32)


def with_noise(sound: Sound, noise: Sound, ratio: float) -> Sound:
    """The sound with noise of power 1, ``ratio`` dB below it."""
    power = max(float(np.mean(sound.astype(np.float64) ** 2)), 1e-8)
    return (sound + noise * (power * 10 ** (-ratio / 10)) ** 0.5).astype(np.float32)


def runs(missing: Missing) -> Iterator[tuple[int, int]]:
    """Where each run of missing samples begins, and where it is over."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def predicted(sound: Sound, missing: Missing) -> Sound:
    """Gaps filled in by linear prediction from both sides, one fading into the other (Kay 1983).

    Each side's prediction is fitted to what is known before the gap, or after it, by the autocorrelation method.
    """
    filled = sound.copy()
    for start, stop in runs(missing):
        length = stop - start
        forward = _onward(filled[max(start - _AROUND, 0) : start], length)
        after = filled[stop : stop + _AROUND]
        known = ~missing[stop : stop + _AROUND]
        if not known.all():
            after = after[: int(known.argmin())]
        backward = _onward(after[::-1], length)[::-1]
        share = np.sin(np.pi / 2 * (np.arange(length) + 0.5) / length) ** 2
        share = np.zeros(length) if not len(after) else np.ones(length) if start == 0 else share
        filled[start:stop] = (1 - share) * forward + share * backward
    return filled


def _onward(known: Sound, length: int) -> Float[ndarray, "length"]:
    """What would follow."""
    if len(known) < 2 * _ORDER:
        return np.zeros(length)
    x = known.astype(np.float64)
    windowed = x * np.hanning(2 * len(x))[: len(x)] ** 0.5  # the nearer the gap, the more it counts
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(windowed, size)) ** 2
    correlation = np.fft.irfft(spectrum)[: _ORDER + 1]
    correlation[0] = correlation[0] * (1 + _RIDGE) + 1e-12
    lags = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
    weights = np.linalg.solve(correlation[lags], correlation[1:])[::-1]
    past = np.concatenate([x[-_ORDER:], np.zeros(length)])
    for i in range(length):
        past[_ORDER + i] = weights @ past[i : i + _ORDER]
    return np.clip(past[_ORDER:], -1.5 * np.abs(x).max(), 1.5 * np.abs(x).max())


def rounded(sound: Sound, missing: Missing) -> Sound:
    """Clipped peaks rounded: a cubic through the two known samples on either side, never below the limit."""
    made = sound.copy()
    known = np.concatenate([[False] * 2, ~missing, [False] * 2])
    for start, stop in runs(missing):
        if not (known[start : start + 2].all() and known[stop + 2 : stop + 4].all()):
            continue
        length = stop - start + 1.0
        before, after = float(sound[start - 1]), float(sound[stop])
        rise, fall = before - float(sound[start - 2]), float(sound[stop + 1]) - after
        t = np.arange(1, stop - start + 1) / length
        curve = (
            (2 * t**3 - 3 * t**2 + 1) * before
            + (t**3 - 2 * t**2 + t) * length * rise
            + (3 * t**2 - 2 * t**3) * after
            + (t**3 - t**2) * length * fall
        )
        made[start:stop] = beyond(curve.astype(np.float32), sound[start:stop])
    return made


def beyond(made: Sound, limit: Sound) -> Sound:
    """What is nowhere nearer to zero than where the sound was cut off, and on the same side of it."""
    return (np.sign(limit) * np.clip(made * np.sign(limit), np.abs(limit), 4 * np.abs(limit))).astype(
        np.float32
    )
