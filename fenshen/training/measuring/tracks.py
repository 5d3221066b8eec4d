"""Measuring movement: windows that begin where held-out ones do, compared with these as networks see both."""

from __future__ import annotations

import torch
from jaxtyping import Float
from numpy import ndarray

from fenshen.data import tracks
from fenshen.metrics.sequences import energy_distance, spread
from fenshen.training.measuring import MEASURING, Draw, Measuring, Probes, noise

_COMPARED = 256


@MEASURING.register("tracks")
class TrackMeasuring(Measuring):
    """Energy distance: quick, and enough to choose a checkpoint by."""

    shown = 16

    def probes(self, count: int, seed: int) -> Probes:
        """Noise, and where held-out windows begin."""
        begun = self._real(count)[:, 0]
        return noise(self.recipe, count, seed)._replace(controls=begun)

    def diversity(self, samples: Float[ndarray, "N T 58"]) -> float:
        return spread(_seen(samples)) / max(spread(_seen(self._real(len(samples)))), 1e-9)

    def measure(self, draw: Draw) -> dict[str, float]:
        fake = draw(self.probes(_COMPARED, seed=1))
        return {"energy": energy_distance(_seen(self._real(_COMPARED)), _seen(fake))}

    def _real(self, count: int) -> Float[ndarray, "N T 58"]:
        """Windows of the held-out clips, evenly over their time; of the training clips where none are held out."""
        held_out = self.data.indices("held_out")
        rows = held_out if len(held_out) else self.batches.indices
        return self.data.samples[rows[torch.linspace(0, len(rows) - 1, count).long().numpy()]]


def _seen(windows: Float[ndarray, "N T 58"]) -> Float[ndarray, "N T 58"]:
    return tracks.encode(windows).numpy()
