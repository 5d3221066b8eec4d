"""Phoneme times for speech from any engine: eSpeak speaks the same words, and time warping maps its times.

Dynamic time warping (Sakoe and Chiba 1978) between the spectra of both; each phoneme's times follow its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from fenshen.motion.speech.spoken import Phoneme, Speech

_HOP, _WINDOW = 0.0125, 0.03  # seconds
_BANDS = 20
_LOWEST, _HIGHEST = 120.0, 7000.0  # Hz
_STEP = 0.12  # what a step aside costs: without it, a frame matches too many


def aligned(samples: Float[ndarray, "samples"], rate: int, model: Speech) -> tuple[Phoneme, ...]:
    """The model's phonemes, at their times in the sound.

    Args:
        samples: the same words, in any voice and at any speed; at most half a minute, because memory grows with its
            square.
        rate: samples a second.
        model: speech whose times are known.
    """
    if not model.phonemes:
        return ()
    path = _warped(_features(model.samples, model.sample_rate), _features(samples, rate))
    places = (np.arange(len(path)) + 0.5) * _HOP
    edges = np.interp([[p.start, p.end] for p in model.phonemes], places, (path + 0.5) * _HOP)
    return tuple(_retimed(model.phonemes, edges, len(samples) / rate))


def _retimed(phonemes: Sequence[Phoneme], edges: Float[ndarray, "n 2"], seconds: float) -> list[Phoneme]:
    """At least ten milliseconds each, in order, inside the sound."""
    moved: list[Phoneme] = []
    before = 0.0
    for phoneme, (start, end) in zip(phonemes, edges, strict=True):
        start = min(max(float(start), before), seconds)
        before = min(max(float(end), start + 0.01), seconds)
        if before > start:
            moved.append(replace(phoneme, start=start, end=before))
    return moved


def _features(samples: Float[ndarray, "samples"], rate: int) -> Float[ndarray, "T bands"]:
    """Log mel-band energies, each with mean 0 and variance 1 over the sound."""
    size, hop = round(_WINDOW * rate), _HOP * rate
    count = max(2, int(len(samples) / hop))
    padded = np.pad(samples, (size // 2, size))
    starts = np.round((np.arange(count) + 0.5) * hop).astype(int)
    power = np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(size)] * np.hanning(size))) ** 2
    edges = 700 * (10 ** (np.linspace(_mel(_LOWEST), _mel(_HIGHEST), _BANDS + 1) / 2595) - 1)
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    bands = [(frequencies >= low) & (frequencies < high) for low, high in pairwise(edges)]
    energy = np.log10(np.stack([power[:, band].sum(1) for band in bands], axis=1) + 1e-7)
    loud = energy.max(1, keepdims=True)
    both = np.concatenate([energy, np.repeat(loud, 6, axis=1)], axis=1)  # pauses must meet pauses
    return (both - both.mean(0)) / (both.std(0) + 1e-3)


def _mel(frequency: float) -> float:
    return 2595 * float(np.log10(1 + frequency / 700))


def _warped(model: Float[ndarray, "n bands"], sound: Float[ndarray, "m bands"]) -> Float[ndarray, "n"]:
    """For each frame of the model, the mean frame of the sound on the cheapest path through both."""
    n, m = len(model), len(sound)
    squares = (model**2).sum(1)[:, None] + (sound**2).sum(1) - 2 * model @ sound.T
    cost = np.sqrt(np.maximum(squares, 0) / model.shape[1]).astype(np.float32)
    steps = _cheapest(cost)
    total, hits = np.zeros(n), np.zeros(n)
    i, j = n - 1, m - 1
    while True:
        total[i] += j
        hits[i] += 1
        if i == 0 and j == 0:
            break
        step = steps[i, j]
        i, j = i - (step != 2), j - (step != 1)
    return total / hits


def _cheapest(cost: Float[ndarray, "n m"]) -> Int[ndarray, "n m"]:
    """Where the cheapest path comes from: 0 both back, 1 model back, 2 sound back; by antidiagonals."""
    n, m = cost.shape
    steps = np.zeros((n, m), dtype=np.int8)
    older, old = np.full(n + 1, np.inf), np.full(n + 1, np.inf)  # antidiagonals by i + 1
    older[0] = 0.0
    for diagonal in range(n + m - 1):
        i = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        ways = np.stack([older[i], old[i] + _STEP, old[i + 1] + _STEP])
        best = ways.argmin(0)
        steps[i, diagonal - i] = best
        new = np.full(n + 1, np.inf)
        new[i + 1] = ways[best, np.arange(len(i))] + cost[i, diagonal - i]
        older, old = old, new
    return steps
