"""The recipes that come with Fenshen, with the minutes they take on this machine and the pictures they need."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fenshen.dataset import Batches
from fenshen.machine import fabric as open_fabric
from fenshen.messages import language, say
from fenshen.training import recipe as recipes
from fenshen.training.game import Game
from fenshen.training.recipe import Recipe

_TIMED_BATCH = 8  # pictures in the step that is timed: enough to fill two cores, soon done


@dataclass(frozen=True)
class MenuRow:
    """One recipe."""

    name: str
    summary: str
    pictures: int
    steps: int
    minutes: float


def menu(device: str = "auto") -> list[MenuRow]:
    """All shipped recipes; minutes are extrapolated from one timed step of each on this machine."""
    rows = []
    for name in recipes.shipped():
        recipe = recipes.load(name)
        seconds = _seconds_a_picture(recipe, device) * recipe.batch_size * recipe.steps
        summary = recipe.summary.get(language(), "")
        rows.append(MenuRow(name, summary, recipe.pictures, recipe.steps, round(seconds / 60, 1)))
    return rows


def describe(rows: list[MenuRow]) -> str:
    """The menu as lines of text."""
    width = max(len(row.name) for row in rows)
    return "\n".join(
        say("menu.row", name=row.name.ljust(width), minutes=_clock(row.minutes), pictures=row.pictures)
        + f"  {row.summary}"
        for row in rows
    )


def _clock(minutes: float) -> str:
    return f"{minutes:5.0f} min" if minutes < 120 else f"{minutes / 60:5.0f} h  "


def _seconds_a_picture(recipe: Recipe, device: str) -> float:
    small = recipes.build(recipe.model_dump(), [f"batch_size={_TIMED_BATCH}"])
    pixels = np.random.default_rng(0).integers(0, 256, (_TIMED_BATCH, recipe.size, recipe.size, 3), np.uint8)
    labels = None
    batches = Batches(pixels, np.arange(_TIMED_BATCH), labels, _TIMED_BATCH, 0)
    fabric = open_fabric(device, 1, 1, recipe.precision)
    game = Game(small, batches, fabric)
    game.play(1)  # the first step also allocates and compiles
    started = time.perf_counter()
    game.play(2)
    return (time.perf_counter() - started) / _TIMED_BATCH
