"""Residual networks with spectral normalisation, and the same with self-attention.

``resnet`` is the pair of Miyato et al. 2018 (spectral normalisation, appendix B.4, table 4): blocks of two
convolutions beside a shortcut, in which gradients do not fade however deep the networks are. ``sagan`` is Zhang et
al. 2019 (self-attention GAN): both players are normalised spectrally, and at 32 px every place may look at every
other, so that an eye can know about the other one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

Norm = Callable[[nn.Module], nn.Module]

_ATTENTIVE = 32  # px, of the map where sagan attends; of smaller pictures the map of half their side


def _plain(module: nn.Module) -> nn.Module:
    return module


class Generator(networks.Generator):
    """Latents to pictures; every block doubles the side: 4, 8, 16, ... size."""

    def __init__(self, config: NetworkConfig, norm: Norm = _plain, attentive: bool = False) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 2)]  # 4, 8, ..., size
        widths = [config.channels(side) for side in sides]
        self.width = widths[0]
        self.start = norm(nn.Linear(config.latent, widths[0] * 16))
        blocks: list[nn.Module] = []
        for side, (wide, narrow) in zip(sides[1:], pairwise(widths), strict=True):
            blocks.append(GrowingBlock(wide, narrow, norm))
            if attentive and side == _attentive(config.size):
                blocks.append(SelfAttention(narrow))
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(),
            norm(nn.Conv2d(widths[-1], config.dimensions, 3, padding=1)),
            nn.Tanh(),
        )
        self.apply(_initialise)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B C S S"]:
        x = self.start(latents * truncation).view(-1, self.width, 4, 4)
        return self.last(self.blocks(x.contiguous(memory_format=torch.channels_last)))


class Discriminator(networks.Discriminator):
    """Pictures to one logit: blocks that halve the side down to 4 px, then the sum over all places."""

    def __init__(self, config: NetworkConfig, attentive: bool = False) -> None:
        super().__init__()
        sides = [config.size // 2**i for i in range(config.size.bit_length() - 2)]  # size, ..., 4
        widths = [config.dimensions * config.packing, *(config.channels(side) for side in sides[1:])]
        blocks: list[nn.Module] = []
        for side, (narrow, wide) in zip(sides[1:], pairwise(widths), strict=True):
            blocks.append(ShrinkingBlock(narrow, wide, first=not blocks))
            if attentive and side == _attentive(config.size):
                blocks.append(SelfAttention(wide))
        self.blocks = nn.Sequential(*blocks)
        self.out = spectral_norm(nn.Linear(widths[-1], 1))
        self.apply(_initialise)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        return self.out(F.relu(self.blocks(features[0])).sum((2, 3))).float()


class GrowingBlock(nn.Module):
    """Norm, ReLU, double, convolve; norm, ReLU, convolve; beside it the input, doubled."""

    def __init__(self, width: int, out: int, norm: Norm) -> None:
        super().__init__()
        self.before, self.between = nn.BatchNorm2d(width), nn.BatchNorm2d(out)
        self.first = norm(nn.Conv2d(width, out, 3, padding=1))
        self.second = norm(nn.Conv2d(out, out, 3, padding=1))
        self.shortcut = norm(nn.Conv2d(width, out, 1))

    def forward(self, x: Float[Tensor, "B I h w"]) -> Float[Tensor, "B O H W"]:
        y = self.first(F.interpolate(F.relu(self.before(x)), scale_factor=2.0))
        y = self.second(F.relu(self.between(y)))
        # A 1x1 convolution and doubling commute; this order costs a quarter.
        return y + F.interpolate(self.shortcut(x), scale_factor=2.0)


class ShrinkingBlock(nn.Module):
    """ReLU, convolve, ReLU, convolve, halve; beside it the input, halved. The first one begins with the pixels."""

    def __init__(self, width: int, out: int, first: bool) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(width, out, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(out, out, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(width, out, 1))
        self.before = nn.Identity() if first else nn.ReLU()

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O h w"]:
        y = self.second(F.relu(self.first(self.before(x))))
        return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))


class SelfAttention(nn.Module):
    """y = x + gamma o, where o mixes the values of all places by how well they fit (equations 1 to 3).

    Values have half the channels, and keys and values half the side, as in the authors' code: an eighth of the cost.
    gamma begins at 0: the networks first learn what is near, then what is far (section 3).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(width // 8, 1)
        self.query, self.key, self.value, self.out = (
            spectral_norm(nn.Conv2d(i, o, 1, bias=False))
            for i, o in ((width, inner), (width, inner), (width, width // 2), (width // 2, width))
        )
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        query = self.query(x).flatten(2)  # (B, c, N)
        key, value = (F.max_pool2d(part(x), 2).flatten(2) for part in (self.key, self.value))  # (B, c, N / 4)
        weights = torch.softmax(query.transpose(1, 2) @ key, dim=2)  # (B, N, N / 4)
        mixed = (value @ weights.transpose(1, 2)).reshape(len(x), -1, *x.shape[2:])
        return x + self.gamma.to(x.dtype) * self.out(mixed)


def _attentive(size: int) -> int:
    return min(_ATTENTIVE, size // 2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)


FAMILIES.add("resnet", Family(Generator, Discriminator, grey=True))
FAMILIES.add(
    "sagan",
    Family(
        partial(Generator, norm=spectral_norm, attentive=True),
        partial(Discriminator, attentive=True),
        grey=True,
    ),
)
