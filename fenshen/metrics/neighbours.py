"""Memorisation: each generated picture compared with its nearest training picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from fenshen.metrics.coverage import spread, squared_distances

# none: no more copies than chance; some: from 5 %; memorised: from 30 %; alike: the training pictures are
# so like one another that likeness proves nothing; unknown: too few of them.
Verdict = Literal["none", "some", "memorised", "alike", "unknown"]

_FEWEST = 8  # training pictures, below which nothing can be said
_BLOCK = 4096  # training pictures compared at a time


class Neighbours(NamedTuple):
    """The nearest training picture of each generated one, and the verdict over all."""

    row: Int[ndarray, "N"]  # of the training pictures
    distance: Float[ndarray, "N"]
    mirrored: Bool[ndarray, "N"]  # it is the mirror image that is near
    copied: Bool[ndarray, "N"]
    usual: float  # median distance of unseen real pictures to their nearest training pictures
    verdict: Verdict

    @property
    def copies(self) -> float:
        """Share of generated pictures that are copies of a training picture."""
        return float(self.copied.mean())


class Memory:
    """Features of the training pictures, to compare generated pictures with.

    Distances are between features of thumbnails of 16 pixels (``features.THUMBNAIL``): at that size a
    memorised picture is still recognisable, and what a generator does to it on the way (softness,
    noise, compression, a slight shift of colour or place) no longer matters. The neighbour may be mirrored,
    as training usually mirrors too.

    A generated picture counts as a copy of its neighbour t where both

    - it lies nearer to t than all but 1 % of held-out pictures lie to their nearest training pictures (the
      idea of the data-copying test of Meehan et al. 2020), and
    - it lies nearer to t than any other training picture does (authenticity, Alaa et al. 2022, equation 7).

    The first calls about 1 % of honest pictures copies, the second about half; the second keeps a generator
    of video frames, whose held-out clips lie far from the training clips, from being accused by the first
    alone.

    Args:
        train: features of the training pictures' thumbnails.
        held_out: the same of held-out pictures; with fewer than 20 the training pictures themselves stand
            in, each compared with the others.
    """

    def __init__(self, train: Float[ndarray, "N D"], held_out: Float[ndarray, "M D"], seed: int = 0) -> None:
        self.train = train
        rng = np.random.default_rng(seed)
        some = rng.permutation(len(train))[:512]
        spacing = self._spacing(some) if len(train) > 1 else np.zeros(1)
        usual = spacing if len(held_out) < 20 else np.sqrt(_nearest(held_out, train)[1])
        self.near = float(np.quantile(usual, 0.01))
        self.usual = float(np.median(usual))
        # Frames of a video lie so close together that a neighbour's nearness says nothing about copying.
        self.alike = len(train) > 1 and float(np.median(spacing)) < 0.2 * spread(train[some])

    def compare(
        self, fake: Float[ndarray, "N D"], fake_mirrored: Float[ndarray, "N D"] | None = None
    ) -> Neighbours:
        """The nearest training picture of each generated one, and the verdict.

        Args:
            fake_mirrored: features of the same pictures flipped left to right.
        """
        index, squared = _nearest(fake, self.train)
        mirrored = np.zeros(len(fake), dtype=bool)
        if fake_mirrored is not None:
            other_index, other_squared = _nearest(fake_mirrored, self.train)
            mirrored = other_squared < squared
            index, squared = (
                np.where(mirrored, other_index, index),
                np.where(mirrored, other_squared, squared),
            )
        distance = np.sqrt(squared)
        matched, back = np.unique(index, return_inverse=True)
        spacing = self._spacing(matched)[back] if len(self.train) > 1 else np.full(len(fake), np.inf)
        copied = (distance <= self.near) & ((distance < spacing) | (distance == 0))
        return Neighbours(index, distance, mirrored, copied, self.usual, self._verdict(float(copied.mean())))

    def _verdict(self, copies: float) -> Verdict:
        if len(self.train) < _FEWEST:
            return "unknown"
        if self.alike:
            return "alike"
        return "memorised" if copies >= 0.3 else "some" if copies >= 0.05 else "none"

    def _spacing(self, rows: Int[ndarray, "K"]) -> Float[ndarray, "K"]:
        """The distance of some training pictures to the nearest other one."""
        return np.sqrt(_nearest(self.train[rows], self.train, without=rows)[1])


def _nearest(
    rows: Float[ndarray, "N D"], among: Float[ndarray, "M D"], without: Int[ndarray, "N"] | None = None
) -> tuple[Int[ndarray, "N"], Float[ndarray, "N"]]:
    """Index of, and squared distance to, the nearest of ``among``; ``without``: one that does not count."""
    index = np.zeros(len(rows), dtype=np.int64)
    best = np.full(len(rows), np.inf)
    for start in range(0, len(among), _BLOCK):
        squared = squared_distances(rows, among[start : start + _BLOCK])
        if without is not None:
            here = np.flatnonzero((without >= start) & (without < start + _BLOCK))
            squared[here, without[here] - start] = np.inf
        nearest = squared.argmin(axis=1)
        distance = np.take_along_axis(squared, nearest[:, None], axis=1)[:, 0]
        closer = distance < best
        index[closer], best[closer] = nearest[closer] + start, distance[closer]
    return index, best
