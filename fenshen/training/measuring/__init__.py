"""Measuring a generator while it trains, on fixed probes: latents and controls that stay the same throughout a run.

One module a medium; each registers the class that shows and measures its samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen.data import TrainingData
from fenshen.dataset import Batches
from fenshen.networks.latents import draw_latents
from fenshen.registry import Registry
from fenshen.training.recipe import Recipe

Array = ndarray


class Probes(NamedTuple):
    """What the generator is asked for."""

    latents: Float[Tensor, "N Z"]
    controls: Float[ndarray, "N 58"] | None  # None: neutral
    sources: Shaped[ndarray, "N *S"] | None = None  # of a generator that translates


Draw = Callable[[Probes], Array]


class Measuring(ABC):
    """Probes for a run, and what the samples drawn for them are worth.

    Args:
        data: training and held-out samples.
        batches: the training samples with their labels.
        recipe: size of the latents, and whether they ask for samples that are known.
        device: where to compute.
    """

    shown = 64  # samples of a sheet

    def __init__(self, data: TrainingData, batches: Batches, recipe: Recipe, device: torch.device) -> None:
        self.data, self.batches, self.recipe, self.device = data, batches, recipe, device
        self.sheet = self.probes(self.shown, seed=0)

    def probes(self, count: int, seed: int) -> Probes:
        """Latents as they come."""
        return noise(self.recipe, count, seed)

    def example(self, number: int, draw: Draw) -> UInt8[ndarray, "2 H W 3"] | None:
        """A training picture and what the generator makes of it; None where it is not asked for any."""
        return None

    @abstractmethod
    def diversity(self, samples: Array) -> float:
        """How varied the samples of a sheet are, relative to as many real ones."""

    @abstractmethod
    def measure(self, draw: Draw) -> dict[str, float]:
        """Figures of a generator."""

    def pictures(self, samples: Array) -> UInt8[ndarray, "N H W 3"]:
        """The samples of a sheet for the eye: as many pictures, or one that shows all."""
        show = self.recipe.network.medium.show
        return samples if show is None else show(samples, self.data.card.origin)[None]


def noise(recipe: Recipe, count: int, seed: int) -> Probes:
    """Latents as a recipe's generator expects them."""
    return Probes(draw_latents(recipe.network, count, torch.Generator().manual_seed(seed)), None)


MEASURING: Registry[type[Measuring]] = Registry("medium", "fenshen.training.measuring")


def measuring(data: TrainingData, batches: Batches, recipe: Recipe, device: torch.device) -> Measuring:
    """What measures the samples of a recipe's medium; translated ones are measured by their sources."""
    name = recipe.network.medium.name
    kind = f"translated {name}" if recipe.sources else name
    return MEASURING[kind](data, batches, recipe, device)
