"""The random vectors that generators start from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from fenshen.networks import NetworkConfig


def draw_latents(config: NetworkConfig, count: int, numbers: torch.Generator) -> Float[Tensor, "N Z"]:
    """Latents as a network expects them: noise, then choices (all 0 but one that is 1) where it has any.

    Noise is normal; or uniform, of the same variance; or mixed: every second number normal, the others uniform.

    Args:
        numbers: where the random numbers come from.
    """
    continuous = config.latent - config.choices
    noise = torch.randn(count, continuous, generator=numbers)
    if config.noise != "normal":
        uniform = (2 * torch.rand(count, continuous, generator=numbers) - 1) * math.sqrt(3)
        every = 1 if config.noise == "uniform" else 2
        noise[:, ::every] = uniform[:, ::every]
    parts = [noise]
    for choices in (config.categories, config.generators if config.generators > 1 else 0):
        if choices:
            chosen = torch.randint(choices, (count,), generator=numbers)
            parts.append(torch.nn.functional.one_hot(chosen, choices).float())
    return torch.cat(parts, dim=1)
