"""Measuring sequences: their energy distance from held-out ones."""

from __future__ import annotations

from jaxtyping import Float
from numpy import ndarray

from fenshen.metrics.sequences import energy_distance, spread
from fenshen.training.measuring import MEASURING, Draw, Measuring

_COMPARED = 1000


@MEASURING.register("sequences")
class SequenceMeasuring(Measuring):
    """Compares sequences as vectors: quick, and enough to choose a checkpoint by."""

    def diversity(self, samples: Float[ndarray, "N T F"]) -> float:
        real = self.data.samples[self.batches.indices[: self.shown]]
        return spread(samples) / max(spread(real), 1e-9)

    def measure(self, draw: Draw) -> dict[str, float]:
        held_out = self.data.indices("held_out")[:_COMPARED]
        fake = draw(self.probes(_COMPARED, seed=1))
        return {"energy": energy_distance(self.data.samples[held_out], fake)}
