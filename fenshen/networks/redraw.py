"""Pictures to pictures that are to be redrawn: a funnel of residual blocks, without a short cut around it.

The generator of Johnson et al. 2016 as CycleGAN and CUT use it: down to a quarter of the side, residual blocks with
instance norm, and up again. With ``places`` it also learns to tell the places of a picture apart by what its own first
half sees there (Park et al. 2020, section 3): so it keeps to its source where nobody knows the right answer.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.networks import FAMILIES, Family, NetworkConfig, Places, Translator
from fenshen.networks.multiscale import Discriminator

_BLOCKS = 6
_HALVED = 2  # times
_COMPARED = (
    1,
    2,
    3,
    5,
)  # stages whose maps are compared: both that halve the side, the first and the third block
_VECTOR = 64  # numbers by which a place is told


class Generator(Translator):
    """Sources to pictures of the same size."""

    multiple = 2**_HALVED

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = [min(config.width * 2**i, config.max_width) for i in range(_HALVED + 1)]
        around = nn.Conv2d(config.sources, widths[0], 7, padding=3, padding_mode="reflect")
        halving = (_layer(nn.Conv2d(a, b, 3, 2, 1), b) for a, b in pairwise(widths))
        blocks = (NormedBlock(widths[-1]) for _ in range(_BLOCKS))
        self.stages = nn.ModuleList([_layer(around, widths[0]), *halving, *blocks])
        doubling = (
            nn.Sequential(nn.Upsample(scale_factor=2.0), _layer(nn.Conv2d(a, b, 3, padding=1), b))
            for a, b in pairwise(reversed(widths))
        )
        last = nn.Conv2d(widths[0], 3, 7, padding=3, padding_mode="reflect")
        self.rest = nn.Sequential(*doubling, last, nn.Tanh())
        self.places = config.places
        seen = [widths[min(stage, _HALVED)] for stage in _COMPARED] if config.places else []
        self.tell = nn.ModuleList(
            nn.Sequential(nn.Linear(width, _VECTOR), nn.ReLU(), nn.Linear(_VECTOR, _VECTOR)) for width in seen
        )

    def translate(self, sources: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 3 H W"]:
        x = sources
        for stage in self.stages:
            x = stage(x)
        return self.rest(x)

    def compare(
        self,
        latents: Float[Tensor, "B Z"],
        pictures: Float[Tensor, "B 3 H W"],
        sources: Float[Tensor, "B C H W"],
    ) -> tuple[Places, Places] | None:
        if not self.places or not torch.is_grad_enabled():
            return None
        # Which places: a grid, shifted by two of the latents, which are as random as they and the same in every run.
        shift = torch.special.ndtr(latents[:, :2].float())
        queries = self._told(pictures, shift)
        with torch.no_grad():
            keys = self._told(sources, shift)
        return queries, keys

    def _told(self, pictures: Float[Tensor, "B 3 H W"], shift: Float[Tensor, "B 2"]) -> Places:
        """Unit vectors of the places of a grid, for each compared stage."""
        told, x = [], pictures
        for i, stage in enumerate(self.stages[: _COMPARED[-1] + 1]):
            x = stage(x)
            if i in _COMPARED:
                tell = self.tell[_COMPARED.index(i)]
                told.append(F.normalize(tell(_at_grid(x, shift, round(self.places**0.5))).float(), dim=-1))
        return told


def _at_grid(x: Float[Tensor, "B C H W"], shift: Float[Tensor, "B 2"], count: int) -> Float[Tensor, "B P C"]:
    """The pixels of a map at the corners of a grid of ``count`` squares a side, shifted by parts of a square."""
    places = []
    for axis in range(2):
        at = (torch.arange(count, device=x.device) + shift[:, axis : axis + 1]) / count  # (B, count)
        places.append((at * x.shape[2 + axis]).long().clamp(max=x.shape[2 + axis] - 1))
    rows, columns = places
    flat = (rows[:, :, None] * x.shape[3] + columns[:, None, :]).flatten(1)  # (B, P)
    return x.flatten(2).transpose(1, 2).gather(1, flat[:, :, None].expand(-1, -1, x.shape[1]))


class NormedBlock(nn.Module):
    """x + f(x), with two normed convolutions in f."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        second = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.body = nn.Sequential(_layer(first, width), second, nn.InstanceNorm2d(width, affine=True))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.body(x)


def _layer(convolution: nn.Conv2d, width: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.InstanceNorm2d(width, affine=True), nn.ReLU())


FAMILIES.add("redraw", Family(Generator, Discriminator, translates=True))
