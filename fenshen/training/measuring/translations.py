"""Measuring pictures that were translated: how near they come to what they should be, or to others of that kind."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray

from fenshen.data.translations import Translations
from fenshen.metrics.meters import KidMeter, diversity, psnr
from fenshen.training.measuring import MEASURING, Draw, Measuring, Probes, noise

_SEED = 0xBEEF  # of the sources that are translated: the same in every run
_MEASURED = 128


@MEASURING.register("translated pictures")
class TranslationMeasuring(Measuring):
    """Translates pictures that the generator was not shown."""

    shown = 16

    def probes(self, count: int, seed: int) -> Probes:
        """Held-out sources."""
        return noise(self.recipe, count, seed)._replace(sources=self._pairs(count, seed)[0])

    def pictures(self, samples: UInt8[ndarray, "N H W 3"]) -> UInt8[ndarray, "N H columns 3"]:
        """Each source and what was made of it; and what should have been, where that is known."""
        sources, targets = self._pairs(len(samples), 0)
        columns = [sources[..., :3], samples, *([targets] if self.recipe.paired else [])]
        return np.concatenate(columns, axis=2)

    def diversity(self, samples: UInt8[ndarray, "N H W 3"]) -> float:
        return diversity(samples, self._pairs(self.shown, 0)[1])

    def measure(self, draw: Draw) -> dict[str, float]:
        """PSNR in dB where it is known what should come out, else KID."""
        made = draw(self.probes(_MEASURED, seed=1))
        if self.recipe.paired:
            return {"psnr": psnr(made, self._pairs(_MEASURED, 1)[1])}
        return {"kid": self._meter.measure(lambda count: made[:count])}

    def _pairs(self, count: int, seed: int) -> tuple[Shaped[ndarray, "N *S"], Shaped[ndarray, "N *T"]]:
        if not isinstance(self.data, Translations):
            raise TypeError("only translations have sources")
        held_out = self.data.indices("held_out")
        rows = np.resize(held_out if len(held_out) else self.batches.indices, count)
        return self.data.pairs(rows, (_SEED, seed), self.recipe.size)

    @cached_property
    def _meter(self) -> KidMeter:
        return KidMeter(self._pairs(2 * _MEASURED, 2)[1], self.device, _MEASURED)
