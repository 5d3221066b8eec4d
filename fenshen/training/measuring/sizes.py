"""Measuring pictures of several sizes: KID at a common size, real pictures and fakes alike."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.data.sizes import Pictures, Sizes, ragged
from fenshen.metrics.meters import KidMeter, diversity
from fenshen.training.measuring import MEASURING, Draw, Measuring, Probes

_SEEN = 64  # px of a side, to which all are brought before they are compared
_MEASURED = 256
_ROWS, _SHOWN_SIZES = 4, 6  # of a sheet: so many pictures of each of the most common sizes
_PAGE = 640  # px


@MEASURING.register("sizes")
class SizeMeasuring(Measuring):
    """Draws as many pictures of each size as there are among the training pictures."""

    shown = _ROWS * _SHOWN_SIZES

    def probes(self, count: int, seed: int) -> Probes:
        """Noise, and sizes: for a sheet the most common ones, else as they come."""
        if seed == 0:
            sizes = np.resize(np.repeat(self._pictures.common[:_SHOWN_SIZES], _ROWS, axis=0), (count, 2))
        else:
            rows = np.random.default_rng(seed).choice(self.batches.indices, count)
            sizes = self._pictures.sizes[rows]
        return super().probes(count, seed)._replace(sizes=torch.from_numpy(sizes))

    def pictures(self, samples: Pictures) -> UInt8[ndarray, "1 H W 3"]:
        """All on one page, each as large as it is."""
        return portraits.page(list(samples), _PAGE)[None]

    def diversity(self, samples: Pictures) -> float:
        rows = self.batches.indices[: self.shown]
        return diversity(seen(samples), self._seen(rows))

    def measure(self, draw: Draw) -> dict[str, float]:
        """KID of pictures that are all brought to one size."""
        made = seen(draw(self.probes(_MEASURED, seed=1)))
        return {"kid": self._meter.measure(lambda count: made[:count])}

    @property
    def _pictures(self) -> Sizes:
        if not isinstance(self.data, Sizes):
            raise TypeError("only pictures of several sizes are measured by size")
        return self.data

    def _seen(self, rows: ndarray) -> UInt8[ndarray, "N side side 3"]:
        return seen(ragged([self._pictures.picture(row) for row in rows.tolist()]))

    @cached_property
    def _meter(self) -> KidMeter:
        """Where hardly any pictures are held out, all stand in for them."""
        held_out = self.data.indices("held_out")
        few = len(held_out) < max(_MEASURED // 4, 4)
        real = np.arange(len(self._pictures.sizes)) if few else held_out
        return KidMeter(self._seen(real[: 4 * _MEASURED]), self.device, _MEASURED)


def seen(pictures: Pictures) -> UInt8[ndarray, "N side side 3"]:
    """Pictures of several sizes, stretched to one."""
    import cv2

    area = cv2.INTER_AREA
    return np.stack([cv2.resize(picture, (_SEEN, _SEEN), interpolation=area) for picture in pictures])
