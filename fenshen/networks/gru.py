"""Recurrent networks for sequences: gated units (Cho et al. 2014) that carry a state from step to step.

As in C-RNN-GAN (Mogren 2016) and TimeGAN (Yoon et al. 2019), without their supervised steps.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.data.sequences import SEQUENCES
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

SIZES = (2, 1024)  # steps of a sequence, of all families for sequences
_LAYERS = 2


class Generator(networks.Generator):
    """The latent is the state to begin with and, beside the number of the step, the input of every step."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.randn(config.size, config.width) * 0.1)
        self.input, self.state = (
            nn.Linear(config.latent, config.width),
            nn.Linear(config.latent, config.width),
        )
        self.units = nn.GRU(config.width, config.width, _LAYERS, batch_first=True)
        self.out = nn.Linear(config.width, config.dimensions)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T F"]:
        latents = latents * truncation
        state = torch.tanh(self.state(latents)).expand(_LAYERS, -1, -1).contiguous()
        run, _ = recurrent(self.units, self.input(latents)[:, None] + self.steps, state)
        return torch.tanh(self.out(run)).float()


class Discriminator(networks.Discriminator):
    """Reads a sequence forwards and backwards; one logit from the mean of its states."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.units = nn.GRU(config.dimensions, config.width, _LAYERS, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * config.width, 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        run, _ = recurrent(self.units, features[0])
        return self.out(run.mean(1)).float()


def recurrent(units: nn.GRU, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Run the units without cuDNN, whose backward pass gradient penalties cannot go through."""
    with torch.backends.cudnn.flags(enabled=False):
        return units(x, state)


FAMILIES.add("gru", Family(Generator, Discriminator, medium=SEQUENCES, sizes=SIZES))
