"""Feature matching: the generator is also asked for the feature statistics of the real pictures.

A discriminator tells the generator what is wrong with one picture; statistics tell it, steadily and from the first
step on, what is wrong with all of them together: a colour that never comes, a place where nothing ever varies. With
frozen features they cost next to nothing and are worth most where the budget is minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

FeatureMap = Float[Tensor, "B _ _ _"]  # every map has its own channels and sides
Reduce = Callable[[Tensor], Tensor]

_DECAY = 0.95  # of the moving averages, a step
_SPREAD_WEIGHT = 0.5
_SPREAD_LIMIT = 1.0  # a feature that varies far too much pulls no harder than one that varies twice as much
_FLOOR = 1e-3


class FeatureMatching:
    """First and second moments of every frozen feature at every place, over real pictures and over fakes.

    After generative feature matching networks (dos Santos et al. 2019), whose loss is

        sum_j (m_j - m'_j)^2 + (s_j - s'_j)^2

    with mean m and second moment s of feature j, real and fake. One batch estimates moments badly, so the
    differences d are moving averages over batches (their section 3.2), and the loss handed to the optimiser is
    sum_j d_j . moment_j(batch), whose gradient is that of the squared difference up to a constant. Features are in
    units of the real ones' spread, a channel at a time.

    Args:
        reduce: the mean of a tensor over all processes.
        grid: places a side; the mean features of each are matched, so that pictures may have any size. None: the map's.
    """

    def __init__(self, reduce: Reduce, grid: int | None = None) -> None:
        self._reduce, self._grid = reduce, grid
        self._real: list[tuple[Tensor, Tensor]] = []  # mean and variance [C, H, W] of each map
        self._gap: list[tuple[Tensor, Tensor]] = []  # fake minus real, of the mean and of the second moment

    @torch.no_grad()
    def see_real(self, maps: tuple[FeatureMap, ...]) -> None:
        """Let the real pictures' moments follow a batch of them."""
        for i, batch in enumerate(maps):
            x = self._pooled(batch)
            mean = self._reduce(x.mean(0))
            if i == len(self._real):
                self._real.append((mean, self._reduce((x - mean).square().mean(0))))
            self._real[i][0].lerp_(mean, 1 - _DECAY)
            self._real[i][1].lerp_(self._reduce((x - self._real[i][0]).square().mean(0)), 1 - _DECAY)

    def loss(self, maps: tuple[FeatureMap, ...]) -> Float[Tensor, ""]:
        """What the generator should make smaller, given its features with their graph."""
        terms = []
        for i, batch in enumerate(maps):
            mean, variance = self._real[i]
            unit = variance.mean((1, 2), keepdim=True).sqrt() + _FLOOR
            x = (self._pooled(batch) - mean) / unit
            first, second = x.mean(0), x.square().mean(0)
            gap = self._reduce(first.detach()), self._reduce(second.detach()) - variance / unit.square()
            if i == len(self._gap):
                self._gap.append(gap)
            for average, new in zip(self._gap[i], gap, strict=True):
                average.lerp_(new, 1 - _DECAY)
            spread = self._gap[i][1].clamp(-_SPREAD_LIMIT, _SPREAD_LIMIT)
            terms.append((self._gap[i][0] * first).mean() + _SPREAD_WEIGHT * (spread * second).mean())
        return torch.stack(terms).sum()

    def _pooled(self, batch: FeatureMap) -> FeatureMap:
        return batch.float() if self._grid is None else F.adaptive_avg_pool2d(batch.float(), self._grid)

    def state(self) -> dict[str, Any]:
        """The moving averages, for a checkpoint."""
        return {"real": self._real, "gap": self._gap}

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        """The inverse of :meth:`state`."""
        self._real = [(mean.to(device), variance.to(device)) for mean, variance in state["real"]]
        self._gap = [(first.to(device), second.to(device)) for first, second in state["gap"]]
