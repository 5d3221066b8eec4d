"""What a network hears: the mel spectrum of a sound, fifty times a second."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.audio import RATE

FRAMES = 50  # a second
_HOP = RATE // (2 * FRAMES)  # samples: two spectra a frame, so that no burst is missed
_WINDOW, _SIZE = 600, 1024  # samples: 25 ms, and what they are padded to
_BANDS, _LOWEST, _HIGHEST = 40, 60.0, 7600.0  # of a spectrum, and Hz
NUMBERS = 2 * _BANDS  # of a frame
LATENESS = (_WINDOW / 2 + _HOP / 2) / RATE  # seconds after the middle of a frame that it still hears
_QUIETEST, _SPAN = -4.0, 7.0  # decades of power
_BLOCK = 4096  # spectra that are computed at once

Power = Float[ndarray, "T 80"]


def power(samples: Float[ndarray, "samples"]) -> Power:
    """The power in 40 bands of the mel scale, of both halves of each frame.

    Args:
        samples: mono at 24 kHz, at the level of speech (:func:`fenshen.audio.normalised`).
    """
    count = 2 * (len(samples) * FRAMES // RATE)
    padded = np.pad(samples.astype(np.float32), _WINDOW)
    starts = np.arange(count) * _HOP + _HOP // 2 - _WINDOW // 2 + _WINDOW
    window, bank = np.hanning(_WINDOW).astype(np.float32), _bank()
    blocks = [
        np.abs(np.fft.rfft(padded[some[:, None] + np.arange(_WINDOW)] * window, _SIZE)) ** 2 @ bank
        for some in (starts[first : first + _BLOCK] for first in range(0, count, _BLOCK))
    ]
    return np.concatenate([np.zeros((0, _BANDS)), *blocks]).reshape(-1, NUMBERS).astype(np.float32)


def heard(power: Power) -> Float[ndarray, "T 80"]:
    """Powers in decades, from 0 (nothing) to 1."""
    return np.clip((np.log10(power + 10**_QUIETEST) - _QUIETEST) / _SPAN, 0, 1).astype(np.float32)


def unheard(heard: Float[ndarray, "T 80"]) -> Power:
    """The inverse of :func:`heard`."""
    return np.maximum(10 ** (heard * _SPAN + _QUIETEST) - 10**_QUIETEST, 0)


@cache
def _bank() -> Float[ndarray, "513 40"]:
    """Triangles whose corners lie equally far apart on the mel scale (O'Shaughnessy's formula)."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (_LOWEST, _HIGHEST))
    mel = np.linspace(lowest, highest, _BANDS + 2)
    low, middle, high = (corner[:, None] for corner in _triples(700 * (10 ** (mel / 2595) - 1)))
    frequencies = np.fft.rfftfreq(_SIZE, 1 / RATE)
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling)).T.astype(np.float32)


def _triples(corners: Float[ndarray, "n"]) -> tuple[ndarray, ndarray, ndarray]:
    return corners[:-2], corners[1:-1], corners[2:]
