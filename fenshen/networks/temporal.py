"""Temporal convolutions for sequences: every layer looks twice as far as the one before (van den Oord et al. 2016).

All steps are computed at once, and a few layers see everything: quicker than recurrent units, and as good where
sequences are short.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.data.sequences import SEQUENCES
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig
from fenshen.networks.gru import SIZES

_MOST_LAYERS = 6


class Generator(networks.Generator):
    """The latent at every step, beside the number of the step, through dilated convolutions."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.randn(config.width, config.size) * 0.5)
        self.input = nn.Linear(config.latent, config.width)
        self.layers = _layers(config.width, config.size)
        self.out = nn.Conv1d(config.width, config.dimensions, 1)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T F"]:
        x = self.input(latents * truncation)[:, :, None] + self.steps
        return torch.tanh(self.out(self.layers(x))).float().transpose(1, 2)


class Discriminator(networks.Discriminator):
    """Dilated convolutions, and one logit from the mean over all steps."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.input = nn.Conv1d(config.dimensions, config.width, 1)
        self.layers = _layers(config.width, config.size * config.packing)
        self.out = nn.Linear(config.width, 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        x = self.layers(self.input(features[0].transpose(1, 2)))
        return self.out(x.mean(2)).float()


class Layer(nn.Module):
    """x + C2(act(C1(act(x)))), with C1 over three steps that lie ``dilation`` apart."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        act = nn.functional.leaky_relu
        return x + self.mix(act(self.wide(act(x, 0.2)), 0.2))


def _layers(width: int, steps: int) -> nn.Sequential:
    count = min(max(steps.bit_length() - 1, 1), _MOST_LAYERS)
    return nn.Sequential(*(Layer(width, 2**i) for i in range(count)))


FAMILIES.add("temporal", Family(Generator, Discriminator, medium=SEQUENCES, sizes=SIZES))
