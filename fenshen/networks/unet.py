"""Pictures to pictures that are to be mended, not redrawn: a U-Net that adds what is missing to what it is given.

After Isola et al. 2017 (pix2pix, section 3.2): what an encoder saw at each scale is handed to the decoder across a
short cut. Blocks are residual and without normalisation, as in EDSR (Lim et al. 2017), for a normalised picture has
lost its brightness. The first layer folds squares of 2 x 2 pixels into channels, so that the largest maps have half
the side, and a step a quarter of the work. The picture in the first three channels of the source is added in the end:
the network learns a correction, and changes little of pictures unlike those that it was taught with.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.networks import FAMILIES, Family, NetworkConfig, Translator
from fenshen.networks.multiscale import Discriminator

_LEVELS = 4  # sides of the maps: a half, a quarter, an eighth, a sixteenth


class Generator(Translator):
    """Sources to pictures of the same size."""

    multiple = 2**_LEVELS

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = [min(config.width * 2**i, config.max_width) for i in range(_LEVELS)]
        self.first = nn.Conv2d(4 * config.sources, widths[0], 3, padding=1)
        self.down = nn.ModuleList(ResidualBlock(width) for width in widths[:-1])
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(widths))
        self.middle = nn.Sequential(ResidualBlock(widths[-1]), ResidualBlock(widths[-1]))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(ResidualBlock(width) for width in widths[:-1])
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        self.apply(_initialise)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)  # so that it begins with the picture that it is given

    def translate(self, sources: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 3 H W"]:
        x = self.first(F.pixel_unshuffle(sources, 2))
        seen = []
        for block, narrow in zip(self.down, self.narrow, strict=True):
            x = block(x)
            seen.append(x)
            x = narrow(x)
        x = self.middle(x)
        for i in reversed(range(len(seen))):
            x = self.up[i](self.widen[i](x) + seen[i])
        return sources[:, :3] + F.pixel_shuffle(self.last(x), 2)


class ResidualBlock(nn.Module):
    """x + f(x), with two convolutions of 3 x 3 in f."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.second(F.leaky_relu(self.first(x), 0.1))


def _initialise(module: nn.Module) -> None:
    """Each layer keeps the size of what passes; else what small maps see would hardly arrive at the large ones."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=1.0)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, ResidualBlock):
        with torch.no_grad():
            module.second.weight.mul_(0.3)


FAMILIES.add("unet", Family(Generator, Discriminator, translates=True))
