"""A recipe's two players, set up on the CPU as a training run sets them up, for benchmarks to play."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.dataset import Batches, Labels
from fenshen.machine import fabric
from fenshen.media import to_pixels
from fenshen.networks.latents import draw_latents
from fenshen.training import recipe as recipes
from fenshen.training.game import Game

_DRAWN = 50  # pictures drawn at a time


def new_game(
    recipe: str,
    pixels: UInt8[ndarray, "N H W 3"],
    indices: ndarray | None = None,
    settings: Sequence[str] = (),
) -> Game:
    """A game by a shipped recipe, before its first step.

    Args:
        indices: the pictures to train on; all by default.
        settings: ``key=value`` overrides of the recipe.
    """
    chosen = recipes.load(recipe, settings)
    machine = fabric("cpu", 1, 1, chosen.precision)
    machine.launch()
    rows = np.arange(len(pixels)) if indices is None else indices
    batches = Batches(pixels, rows, Labels(None), chosen.batch_size, chosen.seed, chosen.mirror)
    return Game(chosen, [batches], machine)


@torch.inference_mode()
def draw(game: Game, count: int, seed: int = 1) -> UInt8[ndarray, "N H W 3"]:
    """``count`` pictures of the generator whose weights a run would save."""
    latents = draw_latents(game.recipe.network, count, torch.Generator().manual_seed(seed))
    game.average.eval()
    return np.concatenate([to_pixels(game.average(part)) for part in torch.split(latents, _DRAWN)])
