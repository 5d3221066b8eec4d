"""Measuring points: which modes of the mixture were found."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.data import points
from fenshen.metrics.modes import count_modes
from fenshen.training.measuring import MEASURING, Draw, Measuring


@MEASURING.register("points")
class PointMeasuring(Measuring):
    """Counts modes, good samples and reverse KL, of 2,500 samples as the papers do."""

    shown = 2500

    @property
    def _mixture(self) -> points.Mixture:
        if not isinstance(self.data, points.Points):
            raise TypeError("points are measured by the mixture that they are of")
        return self.data.mixture

    def diversity(self, samples: Float[ndarray, "N 2"]) -> float:
        """Share of the modes that some sample is near."""
        return len(np.unique(self._mixture.nearest(samples)[0])) / len(self._mixture.means)

    def measure(self, draw: Draw) -> dict[str, float]:
        counted = count_modes(draw(self.probes(self.shown, seed=1)), self._mixture)
        return {key: float(value) for key, value in counted._asdict().items()}
