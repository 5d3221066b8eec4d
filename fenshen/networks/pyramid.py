"""A Laplacian pyramid of generators, after LAPGAN (Denton, Chintala, Szlam, Fergus 2015).

A small generator draws 8 px; at every larger size another one, given what is drawn so far at twice its side and noise
of its own, adds the detail that is missing. In the paper each pair trains alone, on real coarse pictures; here all
train at once, and every level has a discriminator, which sees that level's band of the pyramid beside the coarse
picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

_FIRST = 8  # px of the coarsest level
_NOISE = 8  # channels of a level's noise
_HIDDEN = 64


class Generator(networks.Generator):
    """x_0 = G_0(z); x_k = up(x_(k-1)) + G_k(up(x_(k-1)), z), up to the full size."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        levels = config.size.bit_length() - _FIRST.bit_length()
        self.first = nn.Sequential(
            nn.Linear(config.latent, config.channels(_FIRST) * 16),
            nn.Unflatten(1, (config.channels(_FIRST), 4, 4)),
            nn.BatchNorm2d(config.channels(_FIRST)),
            nn.ReLU(),
            nn.ConvTranspose2d(config.channels(_FIRST), _HIDDEN, 4, 2, 1, bias=False),
            nn.BatchNorm2d(_HIDDEN),
            nn.ReLU(),
            nn.Conv2d(_HIDDEN, 3, 3, padding=1),
            nn.Tanh(),
        )
        self.noises = nn.ModuleList(nn.Linear(config.latent, _NOISE * _FIRST**2) for _ in range(levels))
        self.details = nn.ModuleList(_detail(config.channels(_FIRST * 2 ** (i + 1))) for i in range(levels))

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B 3 S S"]:
        latents = latents * truncation
        picture = self.first(latents)
        for noise, detail in zip(self.noises, self.details, strict=True):
            coarse = _double(picture)
            beside = F.interpolate(noise(latents).view(-1, _NOISE, _FIRST, _FIRST), size=coarse.shape[2:])
            picture = coarse + detail(torch.cat([coarse, beside.to(coarse.dtype)], dim=1))
        return picture.float()


class Discriminator(networks.Discriminator):
    """Logits of every level: of the coarsest picture, and of each band beside the coarse picture under it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.levels = config.size.bit_length() - _FIRST.bit_length()
        self.heads = nn.ModuleList(
            _head(_FIRST * 2**i, (3 if i == 0 else 6) * config.packing) for i in range(self.levels + 1)
        )

    def features(self, pictures: Float[Tensor, "B 3 S S"]) -> Features:
        return tuple(bands(pictures, self.levels))

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        logits = [head(band).flatten(1) for head, band in zip(self.heads, features, strict=True)]
        return torch.cat(logits, dim=1).float()


def bands(pictures: Float[Tensor, "B 3 S S"], levels: int) -> list[Tensor]:
    """The Laplacian pyramid, coarsest first: of every finer level [band, coarse picture], 6 channels."""
    found: list[Tensor] = []
    for _ in range(levels):
        small = F.avg_pool2d(pictures, 2)
        coarse = _double(small)
        found.append(torch.cat([pictures - coarse, coarse], dim=1))
        pictures = small
    return [pictures, *reversed(found)]


def _double(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _detail(width: int) -> nn.Sequential:
    """What a level adds; nothing at first, so that levels begin one after another."""
    last = nn.Conv2d(width, 3, 3, padding=1)
    nn.init.zeros_(last.weight)
    layers = [nn.Conv2d(3 + _NOISE, width, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2), last)


def _head(side: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    while side > 4:
        layers += [spectral_norm(nn.Conv2d(channels, _HIDDEN, 4, 2, 1)), nn.LeakyReLU(0.2)]
        channels, side = _HIDDEN, side // 2
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))


FAMILIES.add("pyramid", Family(Generator, Discriminator))
