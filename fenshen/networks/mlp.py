"""Dense layers, for points in the plane: the smallest GAN, on which everything can be seen in seconds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.data.points import POINTS
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

_LAYERS = 3
_OCTAVES = 3


class Generator(networks.Generator):
    """Latents to points, through three layers of ``width`` ReLUs."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.layers = _dense(config.latent, config.width, config.size, nn.ReLU)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B 2"]:
        return self.layers(latents * truncation).float()


class Discriminator(networks.Discriminator):
    """Points, ``packing`` of them at a time, to one logit."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.layers = _dense(config.size * config.packing, config.width, 1, lambda: nn.LeakyReLU(0.2))

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        return self.layers(features[0]).float()


class FourierDiscriminator(Discriminator):
    """The same, shown every coordinate also as sines and cosines of three octaves (Tancik et al. 2020).

    Dense layers are slow to learn what is narrow: with these it sees after a few hundred steps that modes are small.
    """

    waves: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        seen = config.size * config.packing * (1 + 2 * _OCTAVES)
        self.layers = _dense(seen, config.width, 1, lambda: nn.LeakyReLU(0.2))
        self.register_buffer("waves", 2.0 ** torch.arange(_OCTAVES) * torch.pi / 2, persistent=False)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        points = features[0]
        angles = (points[:, :, None] * self.waves).flatten(1)
        return self.layers(torch.cat([points, angles.sin(), angles.cos()], dim=1)).float()


def _dense(fan_in: int, width: int, fan_out: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(_LAYERS):
        layers += [nn.Linear(fan_in, width), activation()]
        fan_in = width
    return nn.Sequential(*layers, nn.Linear(width, fan_out))


FAMILIES.add("mlp", Family(Generator, Discriminator, medium=POINTS, sizes=(2, 2)))
FAMILIES.add("fourier", Family(None, FourierDiscriminator, medium=POINTS, sizes=(2, 2)))
