"""Transformers for sequences (Vaswani et al. 2017): every step attends to every other one.

Normalised before attention and before the dense layers (Xiong et al. 2020). Attention is written out, since the fused
kernels have no second derivative, which gradient penalties need.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.data.sequences import SEQUENCES
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig
from fenshen.networks.gru import SIZES

_LAYERS, _HEADS = 2, 4


class Generator(networks.Generator):
    """The latent at every step, beside what stands for the step, through layers of attention."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.randn(config.size, config.width) * 0.5)
        self.input = nn.Linear(config.latent, config.width)
        self.layers = nn.Sequential(*(Layer(config.width) for _ in range(_LAYERS)))
        self.out = nn.Linear(config.width, config.dimensions)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T F"]:
        x = self.input(latents * truncation)[:, None] + self.steps
        return torch.tanh(self.out(self.layers(x))).float()


class Discriminator(networks.Discriminator):
    """Layers of attention, and one logit from the mean over all steps."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.randn(config.size * config.packing, config.width) * 0.5)
        self.input = nn.Linear(config.dimensions, config.width)
        self.layers = nn.Sequential(*(Layer(config.width) for _ in range(_LAYERS)))
        self.out = nn.Linear(config.width, 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        return self.out(self.layers(self.input(features[0]) + self.steps).mean(1)).float()


class Layer(nn.Module):
    """x + attention(norm x), then x + dense(norm x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = _HEADS if width % _HEADS == 0 else 1
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        batch, steps, width = x.shape
        parts = self.project(self.before(x)).view(batch, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, T, c) each
        weights = torch.softmax(query @ key.transpose(2, 3) * (width // self.heads) ** -0.5, dim=3)
        x = x + self.mix((weights @ value).transpose(1, 2).reshape(batch, steps, width))
        return x + self.dense(self.between(x))


FAMILIES.add("transformer", Family(Generator, Discriminator, medium=SEQUENCES, sizes=SIZES))
