"""Mouth movement from a voice recording by rules, as it was before a network learnt it: to compare with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen.audio import loudness
from fenshen.motion.idle import idle
from fenshen.motion.track import Track, check_rate
from fenshen.motion.visemes import shape

_WINDOW = 0.04  # seconds that the spectrum of a frame is taken over
_BLOCK = 1024  # frames whose spectra are held at once: an hour does not fit into memory
_FORMANTS = ((250, 1000), (800, 2700))  # Hz: the bands of the first and second formant


def from_audio(
    samples: Float[ndarray, "samples"],
    sample_rate: int,
    *,
    rate: float = 25.0,
    seed: int = 0,
    start: float = 0.0,
) -> Track:
    """The movement of a face that makes this sound; in silence, idle movement only.

    Loudness and the centre of the first formant's band open the jaw, that of the second formant's band rounds or
    spreads the lips, hissing narrows the teeth; humming, and a short dip between loud frames, close the mouth.

    Args:
        samples: mono, in [-1, 1].
        sample_rate: samples a second.
        rate: frames a second, from 1 to 240.
        seed: random seed of the idle movement.
        start: seconds of idle movement that precede it.

    Raises:
        UsageError: the frame rate is out of range.
    """
    check_rate(rate)
    count = max(1, round(len(samples) / sample_rate * rate))
    resting = idle(count / rate, rate, seed, start=start)
    loud = loudness(samples, sample_rate, rate, count)
    if not loud.any():
        return resting
    first, second, hiss, hum = _bands(samples, sample_rate, rate, count)
    first, second = (_stretched(centres, loud > 0.3) for centres in (first, second))
    open_ = loud * (0.35 + 0.6 * first) * (1 - 0.75 * hiss)
    spread = loud * np.clip(2.5 * (second - 0.6), 0, 1)
    round_ = loud * np.clip(2.5 * (0.4 - second), 0, 1) * (1 - hiss)
    mouth = (
        np.outer(open_, shape("aa"))
        + np.outer(spread * (1 - hiss), 0.7 * shape("ii"))
        + np.outer(round_, 0.8 * shape("uu"))
        + np.outer(loud * hiss, shape("SS"))
    )
    closed = np.maximum(_dips(loud), 0.8 * hum)[:, None]
    mouth = _softened(mouth * (1 - closed) + closed * 0.8 * shape("PP"))
    return (Track(mouth.astype(np.float32), rate) + resting).clipped()


def _bands(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "4 T"]:
    """Features of each frame's spectrum, one row per feature.

    The centre of the first and of the second formant's band in Hz; from 0 to 1, how much of the sound hisses; and
    from 0 to 1, how likely it is hummed through the nose: vowels keep a hundredth of their power above 700 Hz, m and
    n a thousandth.
    """
    size = round(_WINDOW * sample_rate)
    middles = np.round((np.arange(frames) + 0.5) / rate * sample_rate).astype(int)
    padded = np.pad(samples, (size, 2 * size))
    window, frequencies = np.hanning(size), np.fft.rfftfreq(size, 1 / sample_rate)
    result = np.zeros((4, frames))
    for begin in range(0, frames, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        cut = padded[np.minimum(middles[block, None] + size // 2 + np.arange(size), len(padded) - 1)]
        power = np.abs(np.fft.rfft(cut * window)) ** 2 + 1e-10
        for row, (low, high) in enumerate(_FORMANTS):
            band = (frequencies >= low) & (frequencies < high)
            weights = np.sqrt(power[:, band])
            result[row, block] = (weights * frequencies[band]).sum(1) / weights.sum(1)
        high_share = power[:, frequencies >= 3500].sum(1) / power[:, frequencies >= 150].sum(1)
        upper = 10 * np.log10(power[:, frequencies >= 700].sum(1) / power[:, frequencies < 700].sum(1))
        result[2, block] = np.clip((high_share - 0.25) * 2.5, 0, 1)
        result[3, block] = np.clip((-20 - upper) / 8, 0, 1)
    return result


def _stretched(centres: Float[ndarray, "T"], loud: Bool[ndarray, "T"]) -> Float[ndarray, "T"]:
    """From 0 to 1 between low and high for this voice, judged by its loud frames."""
    low, high = np.quantile(centres[loud], (0.1, 0.9)) if loud.any() else (0.0, 1.0)
    return np.clip((centres - low) / max(high - low, 1.0), 0, 1)


def _dips(loud: Float[ndarray, "T"]) -> Float[ndarray, "T"]:
    """How likely each frame is a short closure: quiet, and loud just before and after."""
    before = np.maximum(np.roll(loud, 1), np.roll(loud, 2))
    after = np.maximum(np.roll(loud, -1), np.roll(loud, -2))
    before[:2] = after[-2:] = 0
    return np.clip((np.minimum(before, after) - loud - 0.25) * 4, 0, 1)


def _softened(mouth: Float[ndarray, "T 58"]) -> Float[ndarray, "T 58"]:
    """Each frame with a quarter of either neighbour: spectra tremble more than lips."""
    padded = np.pad(mouth, ((1, 1), (0, 0)), mode="edge")
    return padded[1:-1] / 2 + padded[:-2] / 4 + padded[2:] / 4
