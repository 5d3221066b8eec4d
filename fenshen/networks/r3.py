"""R3GAN (Huang, Gokaslan, Kuleshov, Tompkin 2024): a modern residual pair without any trick but its loss.

To be trained with the relativistic paired loss and with R1 and R2 (their section 2), for which convergence can be
proved. The networks then need no normalisation, no style, no minibatch statistics. A block is 1x1 - grouped 3x3 - 1x1
beside a shortcut, with two leaky ReLUs and biases only before these (their section 3, config E); resampling is bilinear
and outside the blocks. Residual branches begin at zero (Fix-up, Zhang et al. 2019).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

_GROUP = 16  # channels of a group
_WIDER = 2  # channels inside a block, relative to those outside
_BLOCKS = 2  # a resolution
_SLOPE = 0.2


class Generator(networks.Generator):
    """A basis of 4 x 4 px, weighted by the latent, through stages of 4, 8, ... size px."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 2)]
        widths = [config.channels(side) for side in sides]
        total = _BLOCKS * len(sides)
        self.basis = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.weights = _dense(config.latent, widths[0])
        self.stages = nn.ModuleList(_stage(width, total) for width in widths)
        self.changes = nn.ModuleList(_pointwise(i, o) for i, o in pairwise(widths))
        self.out = _pointwise(widths[-1], config.dimensions)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B C S S"]:
        x = self.basis * self.weights(latents * truncation)[:, :, None, None]
        x = self.stages[0](x.contiguous(memory_format=torch.channels_last))
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            x = stage(F.interpolate(change(x), scale_factor=2.0, mode="bilinear", align_corners=False))
        return self.out(x).float()


class Discriminator(networks.Discriminator):
    """The generator's mirror image: stages of size, ... 8, 4 px, a basis of 4 x 4 px, one logit."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [config.size // 2**i for i in range(config.size.bit_length() - 2)]
        widths = [config.channels(side) for side in sides]
        total = _BLOCKS * len(sides)
        self.start = _pointwise(config.dimensions * config.packing, widths[0])
        self.stages = nn.ModuleList(_stage(width, total) for width in widths)
        self.changes = nn.ModuleList(_pointwise(i, o) for i, o in pairwise(widths))
        self.basis = nn.Conv2d(widths[-1], widths[-1], 4, groups=widths[-1], bias=False)
        self.out = _dense(widths[-1], 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        x = self.stages[0](self.start(features[0]))
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            x = stage(change(F.avg_pool2d(x, 2)))
        return self.out(self.basis(x).flatten(1)).float()


class Block(nn.Module):
    """x + C3(act(C2(act(C1 x + b)) + b)): C1 and C3 pointwise, C2 3x3 in groups of 16 channels.

    Args:
        width: outside.
        total: blocks of the whole network, which decide how small branches begin.
    """

    def __init__(self, width: int, total: int) -> None:
        super().__init__()
        inner = width * _WIDER
        groups = max(inner // _GROUP, 1)
        self.enter = _pointwise(width, inner)
        self.middle = nn.Conv2d(inner, inner, 3, padding=1, groups=groups, bias=False)
        self.leave = _pointwise(inner, width)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(inner)) for _ in range(2))
        smaller = total ** (-1 / 4)  # Fix-up: L^(-1 / (2 m - 2)) with m = 3 layers a branch
        _scale(self.enter, smaller)
        _scale(self.middle, smaller)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        y = _activate(self.enter(x), self.biases[0])
        return x + self.leave(_activate(self.middle(y), self.biases[1]))


def _stage(width: int, total: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width, total) for _ in range(_BLOCKS)))


def _activate(x: Float[Tensor, "B C H W"], bias: Float[Tensor, "C"]) -> Float[Tensor, "B C H W"]:
    return F.leaky_relu(x + bias.to(x.dtype)[:, None, None], _SLOPE)


def _pointwise(width: int, out: int) -> nn.Conv2d:
    conv = nn.Conv2d(width, out, 1, bias=False)
    _scale(conv, 1.0)
    return conv


def _dense(width: int, out: int) -> nn.Linear:
    layer = nn.Linear(width, out, bias=False)
    nn.init.normal_(layer.weight, 0, 1 / math.sqrt(width))
    return layer


def _scale(conv: nn.Conv2d, gain: float) -> None:
    """Weights that keep the variance through a leaky ReLU, times ``gain``."""
    fan_in = conv.weight[0].numel()
    nn.init.normal_(conv.weight, 0, gain * math.sqrt(2 / (1 + _SLOPE**2)) / math.sqrt(fan_in))


FAMILIES.add("r3", Family(Generator, Discriminator, grey=True))
