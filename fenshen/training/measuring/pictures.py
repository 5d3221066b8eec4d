"""Measuring pictures: KID and copies; of a generator that is asked for known pictures, how near it comes to them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from numpy import ndarray

from fenshen.dataset import PairedLabels
from fenshen.metrics.meters import CopyMeter, KidMeter, diversity, psnr
from fenshen.training.feed import shrunk
from fenshen.training.measuring import MEASURING, Draw, Measuring, Probes

_KID_SAMPLES = 256
_COPY_SAMPLES = 128
_COPY_TRAIN = 2000  # training pictures compared for copies: a short run cannot memorise more
_LIKENESS_SAMPLES = 128


@MEASURING.register("pictures")
class PictureMeasuring(Measuring):
    """Looks at pictures with a frozen network."""

    def diversity(self, pictures: Shaped[ndarray, "N H W *C"]) -> float:
        """How varied a sample sheet is, relative to as many real pictures."""
        real = shrunk(self.data.samples[self.batches.indices[: self.shown]], self.recipe.size)
        return diversity(self.seen(pictures), self.seen(real))

    def seen(self, samples: Shaped[ndarray, "N H W *C"]) -> UInt8[ndarray, "N H W 3"]:
        """As the frozen network sees them, and the eye on a sheet."""
        return samples

    def pictures(self, samples: Shaped[ndarray, "N H W *C"]) -> UInt8[ndarray, "N H W 3"]:
        """The samples of a sheet for the eye."""
        return self.seen(samples)

    def measure(self, draw: Draw) -> dict[str, float]:
        """Figures of a generator: PSNR on held-out pictures if it is asked for them, else KID and copies."""
        labels = self.batches.labels
        if isinstance(labels, PairedLabels):
            return {"psnr": self._likeness(draw, labels)}
        kid_meter, copy_meter = self._meters
        pictures = self.seen(draw(self.probes(_KID_SAMPLES, seed=1)))
        copies = copy_meter.measure(pictures[:_COPY_SAMPLES]).copies
        return {"kid": kid_meter.measure(lambda count: pictures[:count]), "copies": copies}

    def example(self, number: int, draw: Draw) -> UInt8[ndarray, "2 H W 3"] | None:
        """A training picture and what the generator makes of it; None where it is not asked for any."""
        labels, indices = self.batches.labels, self.batches.indices
        if not isinstance(labels, PairedLabels):
            return None
        row = indices[[number * 17 % len(indices)]]
        return np.concatenate(
            [shrunk(self.data.samples[row], self.recipe.size), draw(_probes_of(labels, row))]
        )

    def probes(self, count: int, seed: int) -> Probes:
        """Noise; for paired recipes held-out people as they are seen."""
        labels = self.batches.labels
        if isinstance(labels, PairedLabels):
            return _probes_of(labels, np.resize(self._unseen, count))
        return super().probes(count, seed)

    @cached_property
    def _unseen(self) -> ndarray:
        """Rows of the held-out pictures; of the training pictures where none are held out."""
        held_out = self.data.indices("held_out")
        return held_out if len(held_out) else self.batches.indices

    def _likeness(self, draw: Draw, labels: PairedLabels) -> float:
        """PSNR in dB on pictures that the generator was not shown."""
        count = min(len(self._unseen), _LIKENESS_SAMPLES)
        rows = self._unseen[np.linspace(0, len(self._unseen) - 1, count).astype(int)]
        return psnr(draw(_probes_of(labels, rows)), shrunk(self.data.samples[rows], self.recipe.size))

    @cached_property
    def _meters(self) -> tuple[KidMeter, CopyMeter]:
        """Look at the real pictures once; where hardly any are held out, all pictures stand in for them."""
        pixels, train, held_out = self.data.samples, self.batches.indices, self.data.indices("held_out")
        real = held_out if len(held_out) >= _KID_SAMPLES // 4 else np.arange(len(pixels))
        some = np.sort(np.random.default_rng(0).permutation(train)[:_COPY_TRAIN])
        kid_meter = KidMeter(self.seen(pixels[real]), self.device, _KID_SAMPLES)
        return kid_meter, CopyMeter(self.seen(pixels[some]), self.seen(pixels[held_out]), self.device)


def _probes_of(labels: PairedLabels, rows: ndarray) -> Probes:
    known = labels.rows(rows)
    return Probes(torch.from_numpy(known.codes), known.controls)
