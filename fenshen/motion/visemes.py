"""From timed phonemes to a speaking face: lips and jaw, accents of brow and head, idle movement underneath.

Neighbouring phonemes overlap. Each has a mouth shape and, for jaw, rounding and lips, a dominance that decays
exponentially away from it; the face is the mean of all shapes by their dominance (Cohen and Massaro 1993,
equations 1 to 3, c = 1). Rounding reaches further ahead than behind, because lips round early. Closures always close:
p, b, m and f, v override the blend while they last, for at least one frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from numpy.random import Generator

from fenshen import controls, sliders
from fenshen.controls import INDEX
from fenshen.motion.idle import idle, random_of
from fenshen.motion.speech.spoken import Language, Phoneme
from fenshen.motion.track import Track, check_rate, frames_of

_GROUPS = ("jaw", "round", "lips")
# Seconds in which dominance falls to 1/e: before a phoneme, and after it, by group.
_AHEAD = np.array([0.055, 0.120, 0.055])
_BEHIND = np.array([0.055, 0.070, 0.055])
_REACH = 0.5  # seconds beyond which a phoneme has no effect
_CORE = 0.25  # of a phoneme, at either end, where its neighbours already have one
_PAUSE = 0.08  # seconds of silence between phonemes after which the mouth comes to rest
_SEALING = 0.045  # seconds in which lips meet and part
_LEAD = 0.015  # seconds by which the mouth is ahead of the sound it makes
_STRESS = {False: 0.92, True: 1.08}
_LOUD = 0.45, 0.75  # how far the mouth opens in silence, and what full loudness adds

_NOD, _LIFT = -0.045, 0.30  # of an accent: radians of pitch, and of the brow's slider
_ACCENT = 0.22  # seconds to either side
_APART = 0.7  # seconds between accents, at least


@dataclass(frozen=True, eq=False)
class _Shape:
    """A mouth shape: controls, dominance per group, how firmly it seals, whether loudness opens it."""

    controls: Float[ndarray, "58"]
    weight: Float[ndarray, "3"]
    seal: float
    vowel: bool


@dataclass(frozen=True)
class _Unit:
    """A shape at its time; stress opens a vowel more."""

    shape: str
    start: float
    end: float
    stressed: bool = False


def shapes_of(symbol: str, language: Language) -> list[str]:
    """The mouth shapes of a phoneme, in order; none for bare stress, tone and other marks.

    Raises:
        KeyError: the table of the language does not know a letter of the symbol.
    """
    return list(_shapes_of(symbol, language))


@cache
def _shapes_of(symbol: str, language: Language) -> tuple[str, ...]:
    table, silent = _tables()["both"] | _tables()[language], _tables()["silent"]
    shapes: list[str] = []
    place = 0
    while place < len(symbol):
        for length in (2, 1):
            letters = symbol[place : place + length]
            if letters in table:
                shapes += table[letters]
                break
        else:
            if letters not in silent:
                raise KeyError(letters)
        place += len(letters)
    return tuple(shapes)


def speak_track(
    phonemes: Sequence[Phoneme],
    seconds: float,
    rate: float,
    seed: int,
    *,
    loudness: Float[ndarray, "T"] | None = None,
    start: float = 0.0,
) -> Track:
    """The movement of a face that speaks these phonemes.

    Args:
        phonemes: in order, times from 0.
        seconds: duration; the mouth rests between phonemes.
        loudness: loudness of each frame, from 0 to 1; louder vowels open more.
        start: where the track begins in the idle movement of this seed.
    """
    check_rate(rate)
    count = frames_of(seconds, rate)
    times = (np.arange(count) + 0.5) / rate  # the middle of what a frame shows
    mouth = mouths(phonemes, seconds, rate, loudness=loudness)
    accents = _accents(phonemes, times, loudness, random_of(seed, 5, round(1000 * start)))
    resting = idle(count / rate, rate, seed, start=start).controls
    return Track(controls.clip(mouth + accents + resting), rate)


def mouths(
    phonemes: Sequence[Phoneme],
    seconds: float,
    rate: float,
    *,
    loudness: Float[ndarray, "T"] | None = None,
    shortest: float | None = None,
) -> Float[ndarray, "T 58"]:
    """The mouth alone; arguments as for :func:`speak_track`.

    Args:
        shortest: seconds that a closure lasts at least; by default those of a frame.
    """
    times = (np.arange(frames_of(seconds, rate)) + 0.5) / rate
    return _mouths(list(_units(phonemes, seconds)), times + _LEAD, shortest or 1 / rate, loudness)


def _mouths(
    units: Sequence[_Unit], times: Float[ndarray, "T"], frame: float, loudness: Float[ndarray, "T"] | None
) -> Float[ndarray, "T 58"]:
    """The mouth at each time: the dominance blend, wider where it is loud, then the seals."""
    total = np.zeros((len(times), controls.COUNT))
    weight = np.full((len(times), len(_GROUPS)), 1e-6)
    group = _group_of()
    for unit in units:
        first, last = np.searchsorted(times, (unit.start - _REACH, unit.end + _REACH))
        shape = _shapes()[unit.shape]
        dominance = shape.weight * _dominance(unit, times[first:last])
        target = shape.controls * (_STRESS[unit.stressed] if shape.vowel else 1.0)
        total[first:last] += dominance[:, group] * target
        weight[first:last] += dominance
    blend = total / weight[:, group]
    if loudness is not None:
        quiet, more = _LOUD
        blend[:, group != 1] *= (quiet + more * loudness)[:, None]  # rounding is no matter of loudness
    for unit in units:
        shape = _shapes()[unit.shape]
        if shape.seal:
            half = max((unit.end - unit.start) / 2, frame / 2)
            away = np.abs(times - (unit.start + unit.end) / 2) - half
            seal = (shape.seal * np.clip(1 - away / _SEALING, 0, 1))[:, None]
            blend = blend * (1 - seal) + seal * np.where(of_mouth(), shape.controls, blend)
    return blend


def _dominance(unit: _Unit, times: Float[ndarray, "T"]) -> Float[ndarray, "T 3"]:
    """Equation 2: ``exp(-|tau| / theta)``, flat over the phoneme's core."""
    core = _CORE * (unit.end - unit.start)
    before = np.maximum(0, unit.start + core - times)[:, None]
    after = np.maximum(0, times - (unit.end - core))[:, None]
    return np.exp(-before / _AHEAD - after / _BEHIND)


def _units(phonemes: Sequence[Phoneme], seconds: float) -> Iterator[_Unit]:
    """Every shape at its time, with rests where nothing is said."""
    before = 0.0
    for phoneme in phonemes:
        shapes = _known(phoneme)
        if not shapes:
            continue
        if phoneme.start - before > _PAUSE:
            yield _Unit("rest", before + 0.03, phoneme.start - 0.03)
        share = (phoneme.end - phoneme.start) / len(shapes)
        for i, shape in enumerate(shapes):
            start = phoneme.start + i * share
            yield _Unit(shape, start, start + share, phoneme.stressed)
        before = phoneme.end
    if seconds > before:
        yield _Unit("rest", before + min(0.06, (seconds - before) / 2), seconds + _REACH)
    yield _Unit("rest", -_REACH, -0.05)


def _known(phoneme: Phoneme) -> tuple[str, ...]:
    """The shapes from the tables; an unknown symbol of an engine is a half-open mouth, not a crash."""
    try:
        return _shapes_of(phoneme.symbol, phoneme.language)
    except KeyError:
        return ("uh",)


def _accents(
    phonemes: Sequence[Phoneme],
    times: Float[ndarray, "T"],
    loudness: Float[ndarray, "T"] | None,
    random: Generator,
) -> Float[ndarray, "T 58"]:
    """A nod, usually with raised brows, on some stressed vowels."""
    result = np.zeros((len(times), controls.COUNT))
    brows = sliders.move(controls.NEUTRAL, "brow", 1.0)
    before = -_APART
    for phoneme in phonemes:
        shapes = _known(phoneme)
        stressed = phoneme.stressed and any(_shapes()[each].vowel for each in shapes)
        if not stressed or phoneme.start - before < _APART or random.random() > 0.6:
            continue
        before = phoneme.start
        middle = (phoneme.start + phoneme.end) / 2
        loud = 0.7 if loudness is None else float(np.interp(middle, times, loudness))
        size = loud * random.uniform(0.6, 1.1)
        nod = np.cos(np.clip((times - middle) / _ACCENT, -1, 1) * np.pi / 2) ** 2
        lift = np.cos(np.clip((times - middle + 0.05) / _ACCENT, -1, 1) * np.pi / 2) ** 2
        result[:, INDEX["pitch"]] += _NOD * size * nod
        result += np.outer(_LIFT * size * (random.random() < 0.7) * lift, brows)
    return result


def shape(name: str) -> Float[ndarray, "58"]:
    """The controls of a mouth shape."""
    return _shapes()[name].controls


@cache
def _tables() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("visemes.json").read_text(encoding="utf-8"))


@cache
def _shapes() -> dict[str, _Shape]:
    return {
        name: _Shape(
            controls=_vector(entry["controls"]),
            weight=np.array([entry.get("weight", {}).get(group, 1.0) for group in _GROUPS]),
            seal=entry.get("seal", 0.0),
            vowel=entry.get("vowel", False),
        )
        for name, entry in _tables()["shapes"].items()
    }


def _vector(named: dict[str, float]) -> Float[ndarray, "58"]:
    """Controls by name; one without its side means both."""
    both = {
        side: value
        for name, value in named.items()
        for side in ((name,) if name in INDEX else (f"{name}Left", f"{name}Right"))
    }
    return controls.vector(both)


@cache
def _group_of() -> Int[ndarray, "58"]:
    """The group of each control: jaw 0, rounding 1, all else 2."""
    group = np.full(controls.COUNT, 2)
    for number, name in enumerate(_GROUPS[:2]):
        for control in _tables()["groups"][name]:
            group[INDEX[control]] = number
    return group


@cache
def of_mouth() -> Bool[ndarray, "58"]:
    """Which controls make the mouth shapes; a seal decides all of them."""
    return np.any([shape.controls > 0 for shape in _shapes().values()], axis=0)
