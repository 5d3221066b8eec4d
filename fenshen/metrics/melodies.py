"""What can be counted in melodies: whether they keep the rules that the real ones follow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from fenshen.data.melodies import BAR, CHORDS, LOWEST, PITCHES, notes

_WIDEST = 12  # semitones: wider leaps count as this


class Counted(NamedTuple):
    """Shares, and distances of distributions from those of real melodies (total variation, 0 to 1)."""

    in_scale: float  # notes that belong to the scale
    on_chord: float  # notes on strong beats that belong to the bar's chord
    intervals: float  # distance of the distribution of intervals
    rhythms: float  # distance of the distribution of where in the bar notes begin
    different: float  # melodies that are not like any other one, note for note


def count(steps: Int[ndarray, "N T"], real: Int[ndarray, "M T"], scale: Sequence[int]) -> Counted:
    """Counted over some melodies, beside real ones."""
    every = [note for melody in steps for note in notes(melody)]
    classes = np.array([(note.pitch - LOWEST) % 12 for note in every], dtype=int)
    strong = [note for note in every if note.start % (BAR // 2) == 0]
    chords = [(note.pitch - LOWEST) % 12 in CHORDS[note.start // BAR % len(CHORDS)] for note in strong]
    return Counted(
        float(np.isin(classes, list(scale)).mean()) if len(classes) else 0.0,
        float(np.mean(chords)) if chords else 0.0,
        _apart(_intervals(steps), _intervals(real)),
        _apart(_onsets(steps), _onsets(real)),
        len(np.unique(steps, axis=0)) / len(steps),
    )


def _intervals(steps: Int[ndarray, "N T"]) -> Float[ndarray, "K"]:
    leaps = [b.pitch - a.pitch for melody in steps for a, b in pairwise(notes(melody))]
    return np.bincount(np.clip(leaps, -_WIDEST, _WIDEST).astype(int) + _WIDEST, minlength=2 * _WIDEST + 1)


def _onsets(steps: Int[ndarray, "N T"]) -> Float[ndarray, "K"]:
    begins = (steps < PITCHES).sum(0)
    return begins.reshape(-1, BAR).sum(0)


def _apart(one: ndarray, other: ndarray) -> float:
    shares = [x / max(float(x.sum()), 1e-9) for x in (one.astype(float), other.astype(float))]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
