"""Measuring while training: cheap enough for every few minutes, because real pictures are embedded only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.metrics.coverage import repeats, spread
from fenshen.metrics.distances import kernel_distance_once
from fenshen.metrics.features import THUMBNAIL, Features, colours
from fenshen.metrics.neighbours import Memory, Neighbours

FEWEST_REAL = 4  # pictures, below which no distance between distributions means anything
Sample = Callable[[int], UInt8[ndarray, "N H W 3"]]


class Measurement(NamedTuple):
    """One measurement of a generator."""

    kid: float  # MobileNet-KID, not multiplied by anything
    diversity: float  # mean distance between two pictures, over that of real pictures
    repeats: float  # share of pictures with a twin; about 0.01 for real ones


class KidMeter:
    """Repeatedly measures the MobileNet-KID of a generator against the same real pictures.

    Args:
        real: real pictures, held out if there are enough of them.
        device: where to compute features.
        count: generated pictures a measurement, and at most four times as many real ones. With 256 the
            deviation is about 0.002 where KID is 0.02, and a measurement takes 2 s on two CPU cores.

    Raises:
        ValueError: fewer than 4 real pictures.
    """

    def __init__(
        self, real: UInt8[ndarray, "N H W 3"], device: torch.device | str = "cpu", count: int = 256
    ) -> None:
        if len(real) < FEWEST_REAL:
            raise ValueError(f"a distance needs at least {FEWEST_REAL} real pictures")
        rows = np.random.default_rng(0).permutation(len(real))[: 4 * count]
        self.count = max(count, 4)
        self._features = Features(device)
        self._real = self._features(real[np.sort(rows)])
        self._spread = spread(self._real[:count])

    def measure(self, sample: Sample) -> float:
        """The KID of ``sample(count)``."""
        return self.look(sample).kid

    def look(self, sample: Sample) -> Measurement:
        """The KID of ``sample(count)``, and how varied those pictures are: two for the price of one."""
        fake = self._features(sample(self.count))
        same = min(len(fake), len(self._real))
        return Measurement(
            kid=kernel_distance_once(self._real, fake),
            diversity=spread(fake) / max(self._spread, 1e-9),
            repeats=repeats(self._real[:same], fake[:same]),
        )


class CopyMeter:
    """Whether a generator draws its training pictures; see :class:`fenshen.metrics.neighbours.Memory`.

    Embedding the training pictures takes 2 ms each, once, on two CPU cores. That is worth it for up to a few thousand;
    a short training cannot memorise more.

    Args:
        train: the training pictures, or a sample of them.
        held_out: real pictures that are not trained on; may be empty.
    """

    def __init__(
        self,
        train: UInt8[ndarray, "N H W 3"],
        held_out: UInt8[ndarray, "M H W 3"],
        device: torch.device | str = "cpu",
    ) -> None:
        self._features = Features(device)
        self._memory = Memory(self._look(train), self._look(held_out))

    def measure(self, pictures: UInt8[ndarray, "N H W 3"]) -> Neighbours:
        """The nearest training picture of each, and the verdict; a hundred pictures are enough."""
        return self._memory.compare(self._look(pictures), self._look(pictures[:, :, ::-1]))

    def _look(self, pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N 1280"]:
        return self._features(pictures, view=THUMBNAIL)


def diversity(pictures: UInt8[ndarray, "N H W 3"], real: UInt8[ndarray, "M H W 3"]) -> float:
    """Pairwise diversity in pixels: the mean distance of two thumbnails of 8 pixels, over that of real ones.

    It takes a millisecond, so a trainer can watch for collapse between its measurements. About 1 for
    pictures as varied as the real ones, 0 for one repeated picture; noise, which has no large shapes, is
    near 0 too.
    """
    return spread(colours(pictures)) / max(spread(colours(real)), 1e-9)


def psnr(pictures: UInt8[ndarray, "N H W 3"], true: UInt8[ndarray, "N H W 3"]) -> float:
    """Peak signal-to-noise ratio in dB, the mean over pictures; higher is nearer."""
    errors = np.square(pictures.astype(np.float64) - true).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors, 1e-3))))
