"""DCGAN (Radford, Metz, Chintala 2016): transposed convolutions, batch norm, no dense layers.

At 32 px with ``latent=100, width=64`` this is layer for layer the tutorial's pair: ConvTranspose
100-256-128-64-3 and Conv 3-64-128-256-1. Larger sizes add a stage each. The discriminator returns logits; the
tutorial's sigmoid lives in the loss, where it is computed without overflow.
"""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig


class Generator(networks.Generator):
    """Latents to pictures; every stage doubles the side: 4, 8, 16, ... size."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 3)]  # 4, 8, ..., size / 2
        widths = [config.channels(2 * side) for side in sides]  # so that the last hidden map has `width`
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent, widths[0], 4, 1, 0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for wide, narrow in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], config.dimensions, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B C S S"]:
        return self.layers((latents * truncation)[:, :, None, None])


class Discriminator(networks.Discriminator):
    """Pictures to one logit each; every stage halves the side down to 4, the last looks at all of it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm if config.spectral_norm else _same
        layers: list[nn.Module] = [
            norm(
                nn.Conv2d(
                    config.dimensions * config.packing, config.channels(config.size), 4, 2, 1, bias=False
                )
            ),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        side = config.size // 2
        while side > 4:
            narrow, wide = config.channels(2 * side), config.channels(side)
            layers += [norm(nn.Conv2d(narrow, wide, 4, 2, 1, bias=False))]
            layers += [] if config.spectral_norm or not config.batch_norm else [nn.BatchNorm2d(wide)]
            layers += [nn.LeakyReLU(0.2, inplace=True)]
            side //= 2
        layers += [norm(nn.Conv2d(config.channels(8), 1, 4, 1, 0, bias=False))]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        return self.layers(features[0]).flatten(1)


def _same(module: nn.Module) -> nn.Module:
    return module


def _initialise(module: nn.Module) -> None:
    """The paper's initialisation: weights from N(0, 0.02), batch norm scales from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


FAMILIES.add("dcgan", Family(Generator, Discriminator, spectral_norm=True, grey=True))
