"""A run's folder: started, resumed, reported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from fenshen import files
from fenshen.data import TrainingData
from fenshen.data.sizes import Sizes
from fenshen.errors import FenshenError, UsageError
from fenshen.greys import GREYS
from fenshen.keyframes import FOLDER
from fenshen.metrics.meters import FEWEST_REAL
from fenshen.training import progress
from fenshen.training import recipe as recipes
from fenshen.training.recipe import Recipe


def choose_recipe(
    run: Path, data: TrainingData, name: Path | str | Recipe | None, settings: Sequence[str], force: bool
) -> Recipe:
    """The recipe of a new run, or of the one that stands there, with the settings applied.

    Nothing is written: every process asks this, before they know of one another.

    Raises:
        UsageError: the words do not fit the run or the dataset, or the folder is something else.
        FenshenError: too few training pictures.
    """
    file = run / "recipe.yaml"
    if not file.is_file() and run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise UsageError("train.not_a_run", path=run)  # --force never deletes what is not ours
    if force or not file.is_file():
        chosen = _new_recipe(data, name, settings)
    else:
        old = recipes.load(file)
        if name is not None and _name_of(name) != old.name:
            raise UsageError("train.other_recipe", run=run, old=old.name, new=_name_of(name))
        chosen = recipes.build(old.model_dump(), settings)
        for key in recipes.FIXED:
            if getattr(chosen, key) != getattr(old, key):
                raise UsageError("train.fixed", key=key, run=run, old=getattr(old, key))
    if chosen.network.medium is not data.medium:
        raise UsageError("train.other_medium", recipe=chosen.name, dataset=data.path, default=data.recipe)
    for key, have in data.shape.items():
        if key != "size" and getattr(chosen, key) != have:
            raise UsageError("train.other_shape", key=key, dataset=data.path, have=have)
    if isinstance(data, Sizes) and not chosen.network.any_size:
        raise UsageError("sizes.other_recipe", recipe=chosen.name, dataset=data.path)
    smaller = chosen.size < data.card.size
    shrinks = (
        chosen.sources or data.medium is GREYS or (chosen.keyframes and data.card.size % chosen.size == 0)
    )
    if chosen.size != data.card.size and not (smaller and shrinks) and not isinstance(data, Sizes):
        raise UsageError("train.other_size", size=chosen.size, dataset=data.path, have=data.card.size)
    if chosen.fine is not None and chosen.fine > data.card.size:
        raise UsageError("train.too_fine", fine=chosen.fine, dataset=data.path, have=data.card.size)
    if chosen.keyframes and not (data.path / FOLDER).is_dir():
        raise UsageError("train.no_keyframes", dataset=data.path)
    count = len(data.indices("train"))
    if count < FEWEST_REAL:  # else samples cannot be compared with them
        raise FenshenError("train.too_few", dataset=data.path, count=count, least=FEWEST_REAL)
    return chosen


def begin(run: Path, recipe: Recipe, force: bool) -> None:
    """Write the recipe into the run's folder; with ``force`` after emptying it. One process does this.

    Raises:
        FenshenError: the folder cannot be written.
    """
    with files.writing_errors(run):
        if force and run.exists():
            shutil.rmtree(run)
    files.write_text(run / "recipe.yaml", recipe.to_yaml())


def _new_recipe(data: TrainingData, name: Path | str | Recipe | None, settings: Sequence[str]) -> Recipe:
    if isinstance(name, Recipe):
        return recipes.build(name.model_dump(), settings)
    if name is not None:
        return recipes.load(name, settings)
    return recipes.load(data.recipe, [*(f"{key}={value}" for key, value in data.shape.items()), *settings])


def _name_of(recipe: Path | str | Recipe) -> str:
    return recipe.name if isinstance(recipe, Recipe) else Path(recipe).stem


def write_report(run: Path, recipe: Recipe, step: int, seconds: float) -> None:
    """``report.json``: how far the run came, how fast, how well, and what the watch found."""
    rows = progress.rows(run)
    rates = sorted(row["images_per_second"] for row in rows if "images_per_second" in row)
    report = {
        "recipe": recipe.name,
        "steps": step,
        "pictures_seen": step * recipe.batch_size,
        "seconds": round(seconds, 1),
        "pictures_per_second": rates[len(rates) // 2] if rates else None,
        "kid": [{"step": row["step"], "kid": row["kid"]} for row in rows if "kid" in row],
        "modes": [row for row in rows if "modes" in row],
        "findings": [row for row in rows if "finding" in row],
    }
    files.write_text(run / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
