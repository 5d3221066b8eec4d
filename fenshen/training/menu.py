"""The recipes that come with Fenshen, with the minutes they take on this machine and the pictures they need."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console

from fenshen.controls import COUNT
from fenshen.dataset import Batches, Labels, PairedLabels
from fenshen.machine import fabric as open_fabric
from fenshen.messages import language, message
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training import recipe as recipes
from fenshen.training.game import Game
from fenshen.training.recipe import Recipe

_TIMED_BATCH = 16  # pictures in the steps that are timed: enough to fill two cores, soon done


@dataclass(frozen=True)
class MenuRow:
    """One recipe."""

    name: str
    summary: str
    pictures: int
    steps: int
    minutes: float


class Menu(list[MenuRow]):
    """Recipes, one a row."""

    @property
    def text(self) -> str:
        """The menu as lines of text."""
        width = max(len(row.name) for row in self)
        return "\n".join(
            message(
                "menu.row", name=row.name.ljust(width), minutes=_clock(row.minutes), pictures=row.pictures
            )
            + f"  {row.summary}"
            for row in self
        )

    def summary(self) -> list[dict[str, Any]]:
        """The rows as JSON."""
        return [asdict(row) for row in self]


def menu(device: str = "auto") -> Menu:
    """All shipped recipes; minutes are extrapolated from a few timed steps of each on this machine."""
    rows = Menu()
    with Console(stderr=True).status(message("menu.timing")):
        for name in recipes.shipped():
            recipe = recipes.load(name)
            seconds = seconds_a_step(recipe, device) * recipe.steps
            summary = recipe.summary.get(language(), "")
            rows.append(MenuRow(name, summary, recipe.pictures, recipe.steps, round(seconds / 60, 1)))
    return rows


def _clock(minutes: float) -> str:
    return (
        message("menu.minutes", time=minutes) if minutes < 120 else message("menu.hours", time=minutes / 60)
    )


def seconds_a_step(recipe: Recipe, device: str) -> float:
    """Of a usual step, and its share of the dearer one that computes a lazy penalty."""
    batch = min(recipe.batch_size, _TIMED_BATCH)
    small = recipes.build(recipe.model_dump(), [f"batch_size={batch}"])
    pixels = np.random.default_rng(0).integers(0, 256, (batch, recipe.size, recipe.size, 3), np.uint8)
    labels = Labels(None)
    if recipe.paired:
        controls, codes = np.zeros((batch, COUNT), np.float32), np.zeros((batch, recipe.latent), np.float32)
        middle = np.full((batch, len(CONTOUR_POINTS), 3), 0.5, np.float32)
        labels = PairedLabels(controls, codes, middle[:, :3], middle[:, :, :2])
    batches = Batches(pixels, np.arange(batch), labels, batch, 0)
    game = Game(small, batches, open_fabric(device, 1, 1, recipe.precision))

    def timed(step: int) -> float:
        started = time.perf_counter()
        game.train_step(step)
        return (time.perf_counter() - started) * recipe.batch_size / batch

    timed(1)  # the first also allocates and compiles
    usual = min(timed(2), timed(3))  # the quicker one: others may be at work on this machine
    lazy = recipe.penalty_every > recipe.n_critic
    return usual + (timed(recipe.penalty_every) - usual) / recipe.penalty_every if lazy else usual
