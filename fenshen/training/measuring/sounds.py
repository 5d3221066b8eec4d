"""Measuring sounds that were made of others: how far their spectra are from what they should be."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from numpy import ndarray

from fenshen.adversarial.spectral import stft_distance
from fenshen.data.sounds import strip
from fenshen.training.measuring import MEASURING, Draw
from fenshen.training.measuring.translations import TranslationMeasuring

_MEASURED = 48
_BATCH = 32


@MEASURING.register("translated sounds")
class SoundMeasuring(TranslationMeasuring):
    """Translates sounds that the generator was not taught with."""

    def pictures(self, samples: Float[ndarray, "N 1 S"]) -> UInt8[ndarray, "N H W 3"]:
        """Spectrograms: the source where it is a sound itself, what was made of it, and what should have been."""
        sources, targets = self._pairs(len(samples), 0)
        columns = [*([sources] if sources.shape[2] == samples.shape[2] else []), samples, targets]
        return np.stack([np.concatenate([strip(x[0]) for x in row], 1) for row in zip(*columns, strict=True)])

    def diversity(self, samples: Float[ndarray, "N 1 S"]) -> float:
        """How loud they are in the middle, relative to real ones: silence is what a generator collapses to."""
        real = self._pairs(self.shown, 0)[1]
        return float(np.sqrt(np.mean(samples**2) / max(float(np.mean(real**2)), 1e-12)))

    def measure(self, draw: Draw) -> dict[str, float]:
        made, real = draw(self.probes(_MEASURED, seed=1)), self._pairs(_MEASURED, 1)[1]
        return {"stft": distance(made[:, 0], real[:, 0])}


def distance(made: Shaped[ndarray, "N S"], real: Shaped[ndarray, "N S"]) -> float:
    """Mean distance of many sounds."""
    some = [slice(i, i + _BATCH) for i in range(0, len(made), _BATCH)]
    found = [float(stft_distance(torch.from_numpy(made[s]), torch.from_numpy(real[s]))) for s in some]
    return float(np.average(found, weights=[len(made[s]) for s in some]))
