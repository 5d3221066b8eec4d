"""Dense layers, for points in the plane: the smallest GAN, on which everything can be seen in seconds."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig
from fenshen.points import POINTS

_LAYERS = 3


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


def _dense(fan_in: int, width: int, fan_out: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(_LAYERS):
        layers += [nn.Linear(fan_in, width), activation()]
        fan_in = width
    return nn.Sequential(*layers, nn.Linear(width, fan_out))


FAMILIES.add("mlp", Family(Generator, Discriminator, medium=POINTS, sizes=(2, 2)))
