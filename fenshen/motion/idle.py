"""Idle movement: blinking, breathing, glancing, swaying.

Everything depends on the seed and the time alone: frames 0 to 10 of a long track are those of a short one, and a
stretch that starts later continues the one before. This lets speech be animated sentence by sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator

from fenshen import controls, sliders
from fenshen.controls import INDEX
from fenshen.motion.track import Track, check_rate, frames_of

# Intervals between blinks are log-normal: median 3.3 s, two thirds of them from 2 to 5.5 s (spontaneous blinking at
# rest, 15 to 20 a minute).
_BLINK_MEDIAN, _BLINK_SPREAD = 3.3, 0.5
_BLINK_SHORTEST, _BLINK_LONGEST = 0.9, 11.0
_DOUBLE = 0.12  # how many blinks are followed by another at once
_CLOSING, _CLOSED, _OPENING = 0.09, 0.04, 0.20  # seconds: lids fall faster than they rise

# Fixations are log-normal too: median 1.1 s; the eyes jump to the next within 40 ms.
_FIXATION_MEDIAN, _FIXATION_SPREAD, _SACCADE = 1.1, 0.55, 0.04

_BREATH = 0.24  # Hz: fourteen breaths a minute
_SWAY = {"yaw": 0.030, "pitch": 0.018, "roll": 0.014, "x": 0.006, "y": 0.004, "scale": 0.010}  # one spread
_SWAY_BAND = (0.06, 0.45)  # Hz
_MICRO = {"smile": 0.025, "brow": 0.02, "press": 0.02, "mouth_x": 0.012}  # sliders
_MICRO_BAND = (0.05, 0.30)


def idle(seconds: float, rate: float, seed: int, *, start: float = 0.0) -> Track:
    """Idle movement, as controls from neutral.

    Args:
        seconds: duration; at least one frame is returned.
        start: where the track begins in the endless movement of this seed.
    """
    check_rate(rate)
    times = start + np.arange(frames_of(seconds, rate)) / rate
    return Track(controls.clip(_lids(times, seed) + _gaze(times, seed) + _body(times, seed)), rate)


def blinks(seed: int) -> Iterator[float]:
    """When blinks begin, in seconds, without end."""
    random = random_of(seed, 1)
    time = 0.0
    while True:
        wait = random.lognormal(math.log(_BLINK_MEDIAN), _BLINK_SPREAD)
        time += min(max(wait, _BLINK_SHORTEST), _BLINK_LONGEST)
        yield time
        if random.random() < _DOUBLE:
            time += _CLOSING + _CLOSED + _OPENING + random.uniform(0.0, 0.12)
            yield time


def random_of(seed: int, *stream: int) -> Generator:
    """A random generator for a seed (any integer); each stream has its own."""
    return np.random.default_rng([seed % 2**64, *stream])


def noise(
    times: Float[ndarray, "T"], random: Generator, band: tuple[float, float], waves: int = 12
) -> Float[ndarray, "T"]:
    """Band-limited noise with unit variance that can be evaluated at any time: a sum of sines."""
    edges = np.geomspace(*band, waves + 1)
    frequencies = random.uniform(edges[:-1], edges[1:])
    phases = random.uniform(0, 2 * np.pi, waves)
    return np.sin(2 * np.pi * times[:, None] * frequencies + phases).sum(1) * math.sqrt(2 / waves)


def _lids(times: Float[ndarray, "T"], seed: int) -> Float[ndarray, "T 58"]:
    closed = np.zeros(len(times))
    whole = _CLOSING + _CLOSED + _OPENING
    random = random_of(seed, 2)
    for begin in takewhile(lambda t: t <= times[-1], blinks(seed)):
        depth = random.uniform(0.9, 1.0)
        if begin + whole >= times[0]:
            phase = times - begin
            falling = _ease(phase / _CLOSING)
            rising = _ease((phase - _CLOSING - _CLOSED) / _OPENING)
            closed = np.maximum(closed, depth * (falling - rising))
    return np.outer(closed, _slider("blink"))


def _gaze(times: Float[ndarray, "T"], seed: int) -> Float[ndarray, "T 58"]:
    """Gaze: mostly at the viewer, now and then slightly aside; the lids follow a little."""
    random = random_of(seed, 3)
    across, up = np.zeros(len(times)), np.zeros(len(times))
    time, place = 0.0, np.zeros(2)
    while time <= times[-1]:
        time += random.lognormal(math.log(_FIXATION_MEDIAN), _FIXATION_SPREAD)
        aside = random.random() < 0.3
        goal = random.normal(0, (0.16, 0.08) if aside else (0.035, 0.025))
        jump = goal - place
        # Old jumps are summed into one number: an hour of speech restarts at each of its sentences.
        moved = _ease((times - time) / _SACCADE) if time + _SACCADE > times[0] else 1.0
        across += moved * jump[0]
        up += moved * jump[1]
        place = goal
    return _both_ways("gaze_x", across) + _both_ways("gaze_y", up)


def _body(times: Float[ndarray, "T"], seed: int) -> Float[ndarray, "T 58"]:
    random = random_of(seed, 4)
    result = np.zeros((len(times), controls.COUNT), dtype=np.float64)
    for name, spread in _SWAY.items():
        result[:, INDEX[name]] = spread * noise(times, random, _SWAY_BAND)
    for name, spread in _MICRO.items():
        result += _both_ways(name, spread * noise(times, random, _MICRO_BAND))
    wander = 2 * np.pi * 0.5 * noise(times, random, (0.02, 0.08), 4) * 0.3  # no two breaths are alike
    breath = np.sin(2 * np.pi * _BREATH * times + random.uniform(0, 2 * np.pi) + wander)
    for name, depth in (("y", -0.004), ("scale", 0.004), ("pitch", 0.006)):
        result[:, INDEX[name]] += depth * breath
    return result


def _ease(phase: Float[ndarray, "T"]) -> Float[ndarray, "T"]:
    """A smooth step from 0 to 1 as ``phase`` goes from 0 to 1."""
    phase = np.clip(phase, 0, 1)
    return phase * phase * (3 - 2 * phase)


def _both_ways(name: str, values: Float[ndarray, "T"]) -> Float[ndarray, "T 58"]:
    """A slider's controls: one set for its positive, one for its negative values, if it has any."""
    low, _ = sliders.limits(name)
    moved = np.outer(np.maximum(values, 0), _slider(name))
    return moved + np.outer(np.maximum(-values, 0), _slider(name, -1.0)) if low < 0 else moved


def _slider(name: str, value: float = 1.0) -> Float[ndarray, "58"]:
    return sliders.move(controls.NEUTRAL, name, value)
