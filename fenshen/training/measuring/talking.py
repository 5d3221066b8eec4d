"""Measuring sequences that follow others: how far they are from what they should be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.data.sequences import plot_beside
from fenshen.data.translations import Translations
from fenshen.metrics.sequences import spread
from fenshen.training.measuring import MEASURING, Draw, Measuring, Probes, noise

_SEED = 0xBEEF  # of the sources: the same in every run
_MEASURED = 128


@MEASURING.register("translated sequences")
class FollowingMeasuring(Measuring):
    """Lets a generator follow what it was not shown."""

    shown = 8

    def probes(self, count: int, seed: int) -> Probes:
        """Held-out sources."""
        return noise(self.recipe, count, seed)._replace(sources=self._pairs(count, seed)[0])

    def pictures(self, samples: Float[ndarray, "N T F"]) -> UInt8[ndarray, "1 H W 3"]:
        """What was made, over what should have been."""
        return plot_beside(samples, self._pairs(len(samples), 0)[1])[None]

    def diversity(self, samples: Float[ndarray, "N T F"]) -> float:
        return spread(samples) / max(spread(self._pairs(len(samples), 0)[1]), 1e-9)

    def measure(self, draw: Draw) -> dict[str, float]:
        """The mean distance from what should have come out, and the mean correlation of each number with it."""
        made, wanted = draw(self.probes(_MEASURED, seed=1)), self._pairs(_MEASURED, 1)[1]
        numbers = zip(*(x.reshape(-1, x.shape[2]).T for x in (made, wanted)), strict=True)
        moving = [(a, b) for a, b in numbers if a.std() > 1e-6 and b.std() > 1e-6]
        correlation = np.mean([np.corrcoef(a, b)[0, 1] for a, b in moving]) if moving else 0.0
        return {"error": float(np.abs(made - wanted).mean()), "correlation": float(correlation)}

    def _pairs(self, count: int, seed: int) -> tuple[Float[ndarray, "N T C"], Float[ndarray, "N T F"]]:
        if not isinstance(self.data, Translations):
            raise TypeError("only translations have sources")
        held_out = self.data.indices("held_out")
        rows = np.resize(held_out if len(held_out) else self.batches.indices, count)
        return self.data.pairs(rows, (_SEED, seed), self.recipe.size)
