"""The recipes that come with Fenshen, with the minutes they take on this machine and the pictures they need."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console

from fenshen.controls import COUNT
from fenshen.dataset import Batches, Labels, PairedLabels, SourceLabels
from fenshen.keyframes import Keyframes
from fenshen.machine import fabric as open_fabric
from fenshen.messages import language, message
from fenshen.networks import FAMILIES
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training import recipe as recipes
from fenshen.training.game import Game
from fenshen.training.recipe import GROUPS, Recipe

_TIMED_PIXELS = 20_000  # in a batch, of small things
_TIMED_BATCH = 16  # pictures in the steps that are timed: enough to fill two cores, soon done


@dataclass(frozen=True)
class MenuRow:
    """One recipe."""

    name: str
    group: str
    summary: str
    pictures: int
    steps: int
    minutes: float

    def line(self, width: int) -> str:
        """The row as a line of text, with ``width`` characters for the name."""
        minutes, name = _clock(self.minutes), self.name.ljust(width)
        return (
            "  "
            + message(
                "menu.row" if self.pictures else "menu.row_any",
                name=name,
                minutes=minutes,
                pictures=self.pictures,
            )
            + f"  {self.summary}"
        )


class Menu(list[MenuRow]):
    """Recipes, one a row."""

    @property
    def text(self) -> str:
        """The menu as lines of text."""
        width = max(len(row.name) for row in self)
        blocks = []
        for group in GROUPS:
            lines = [row.line(width) for row in self if row.group == group]
            blocks += ["\n".join([message(f"menu.group_{group}"), *lines])] if lines else []
        return "\n\n".join(blocks)

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
            rows.append(
                MenuRow(name, recipe.group, summary, recipe.pictures, recipe.steps, round(seconds / 60, 1))
            )
    return rows


def _clock(minutes: float) -> str:
    return (
        message("menu.minutes", time=minutes) if minutes < 120 else message("menu.hours", time=minutes / 60)
    )


def seconds_a_step(recipe: Recipe, device: str) -> float:
    """The mean over a run: steps grow dearer where the critic joins, and where finer pictures are compared."""
    batch = min(recipe.batch_size, max(_TIMED_BATCH, _TIMED_PIXELS // recipe.size**2))
    small = recipes.build(recipe.model_dump(), [f"batch_size={batch}"])
    game = Game(small, [_noise_batches(small, batch)], open_fabric(device, 1, 1, recipe.precision))
    if recipe.keyframes:
        game.keep(_blank_keyframes(small))

    def timed(step: int) -> float:
        started = time.perf_counter()
        game.train_step(step)
        return (time.perf_counter() - started) * recipe.batch_size / batch

    changes = {0, recipe.adversarial_from, *([] if recipe.fine is None else [recipe.fine_start])}
    starts = sorted(step for step in changes if step < recipe.steps)
    seconds = 0.0
    for start, stop in zip(starts, [*starts[1:], recipe.steps], strict=True):
        timed(start + 1)  # the first also allocates and compiles
        usual = min(
            timed(start + 2), timed(start + 3)
        )  # the quicker one: others may be at work on this machine
        if start >= recipe.adversarial_from and recipe.penalty_every > recipe.n_critic:
            lazy = -(-(start + 1) // recipe.penalty_every) * recipe.penalty_every
            usual += (timed(lazy) - usual) / recipe.penalty_every
        seconds += usual * (stop - start) / recipe.steps
    return seconds


def _noise_batches(recipe: Recipe, count: int) -> Batches:
    config, side = recipe.network, recipe.fine or recipe.size
    samples = config.medium.decode(torch.randn(count, *config.medium.shape(side, config.dimensions)))
    labels: Labels = Labels(None)
    if recipe.sources:
        coarse, axes = FAMILIES[recipe.family].coarse, config.medium.axes
        shape = [n // coarse if axis in axes else recipe.sources for axis, n in enumerate(samples.shape)]
        labels = SourceLabels(None, np.zeros([count, *shape[1:]], samples.dtype))
    elif recipe.paired:
        controls, codes = np.zeros((count, COUNT), np.float32), np.zeros((count, recipe.latent), np.float32)
        middle = np.full((count, len(CONTOUR_POINTS), 3), 0.5, np.float32)
        labels = PairedLabels(controls, codes, middle[:, :3], middle[:, :, :2])
    return Batches(samples, np.arange(count), labels, count, 0)


def _blank_keyframes(recipe: Recipe) -> Keyframes:
    count, side = recipe.keyframes, recipe.fine or recipe.size
    return Keyframes(
        np.zeros((count, side, side, 3), np.uint8),
        np.zeros((count, COUNT), np.float32),
        np.full((count, len(CONTOUR_POINTS), 2), 0.5, np.float32),
        np.zeros((side, side, 4), np.uint8),
    )
