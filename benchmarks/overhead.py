"""The share of training time that is not spent in forward and backward passes and optimizer steps.

A run of ``dcgan-64`` on drawn portraits, through the loop that ``fenshen train`` uses, with the log at the
recipe's own interval. Everything beside the two players' moves counts as overhead: reading batches, drawing
latents and augmentations (inside a move, too), averaging weights, the log, the watch, samples,
checkpoints, and measurements of KID and copies. What happens seldom is made to happen several times in this
short run, its mean cost is taken out and spread over the recipe's own intervals; the one look at the real
pictures that comes before the first measurement is spread over the recipe's steps.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reporting import Figure, parser, progress, report

import fenshen
from fenshen.dataset import Dataset
from fenshen.machine import fabric
from fenshen.training import recipe as recipes
from fenshen.training.loop import Training
from fenshen.training.recipe import Recipe

_RECIPE = "dcgan-64"
_WARM_UP = 5  # steps, in which PyTorch builds its kernels: slow moves would flatter the share
_MOVES = ("learn", "_learn")  # of the critic and of the generator
_INPUTS = ("read", "_draws")  # inside the moves: batches with latents, and draws of the augmentation
_SELDOM = {"_sample": "sample_every", "_save": "checkpoint_every", "_measure": "evaluate_every"}
_ONCE = "meters"  # the look at the real pictures before the first measurement


@dataclass
class Clock:
    """The duration of every call of some methods of living objects, and the moments at which steps began."""

    calls: dict[str, list[float]] = field(default_factory=dict)
    steps: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def watch(self, owner: object, name: str) -> None:
        """Time each call of ``owner.name`` from now on."""
        method, durations = getattr(owner, name), self.calls.setdefault(name, [])

        def timed(*args: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(*args, **named)
            finally:
                durations.append(time.perf_counter() - started)

        setattr(owner, name, timed)

    def mark(self, owner: object, name: str) -> None:
        """Note the moment of each call of ``owner.name``, and what all the watched had taken until then."""
        method: Callable[..., Any] = getattr(owner, name)

        def marked(*args: Any, **named: Any) -> Any:
            self.steps.append((time.perf_counter(), {key: sum(all_) for key, all_ in self.calls.items()}))
            return method(*args, **named)

        setattr(owner, name, marked)

    def between(self) -> tuple[float, dict[str, float], int]:
        """Seconds between the first step after the warm-up and the last, whole and by name; the steps."""
        (first, before), (last, after) = self.steps[_WARM_UP], self.steps[-1]
        took = {name: after[name] - before[name] for name in after}
        return last - first, took, len(self.steps) - 1 - _WARM_UP


def clocked_run(data: Dataset, run: Path, steps: int) -> Clock:
    """Train for ``steps`` steps with everything that is seldom done three times."""
    often = [f"{key}={steps // 3}" for key in _SELDOM.values()]
    recipe = recipes.load(_RECIPE, [f"steps={steps}", *often])
    machine = fabric("cpu", 1, 1, recipe.precision)
    machine.launch()
    run.mkdir()
    training, clock = Training(data, recipe, run, machine, progress=False), Clock()
    game = training.game
    for owner, name in (
        (game.critic, "learn"),
        (game, "_learn"),
        (game.feed, "read"),
        (game.critic, "_draws"),
    ):
        clock.watch(owner, name)
    for name in _SELDOM:
        clock.watch(training, name)
    started = time.perf_counter()
    training.measuring._meters  # noqa: B018  (looks at the real pictures)
    clock.calls[_ONCE] = [time.perf_counter() - started]
    clock.mark(game, "train_step")
    training.until_done()
    return clock


def shares(clock: Clock, recipe: Recipe) -> list[Figure]:
    """The overhead of a step, whole and in parts, as shares of the time of a step."""
    elapsed, took, steps = clock.between()
    inputs = sum(took[name] for name in _INPUTS) / steps
    work = sum(took[name] for name in _MOVES) / steps - inputs
    common = (elapsed - sum(took[name] for name in _SELDOM)) / steps - work - inputs
    (once,) = clock.calls[_ONCE]
    seldom = {
        name: statistics.mean(clock.calls[name]) / getattr(recipe, every) for name, every in _SELDOM.items()
    }
    seldom["_measure"] += once / recipe.steps
    whole = work + inputs + common + sum(seldom.values())
    parts = {
        "data_and_draws": inputs,
        "averaging_log_watch": common,
        "samples": seldom["_sample"],
        "checkpoints": seldom["_save"],
        "measurements": seldom["_measure"],
    }
    overhead = 100 * (1 - work / whole)
    return [
        Figure("overhead", round(overhead, 2), 5.0, 0, "% of a step", "lower"),
        *(
            Figure(name, round(100 * part / whole, 2), None, 0, "% of a step", "lower")
            for name, part in parts.items()
        ),
        Figure("step", round(1000 * whole, 1), unit="ms", better="lower"),
    ]


def main() -> None:
    """Measure, and print one JSON object."""
    quick = parser(__doc__).parse_args().quick
    pictures, steps = (600, 45) if quick else (2500, 120)
    recipe = recipes.load(_RECIPE)
    with tempfile.TemporaryDirectory() as folder:
        progress(f"drawing {pictures} portraits")
        fenshen.prepare(
            [f"avatars:lorelei:{pictures}"], Path(folder) / "data", size=recipe.size, seed=0, progress=False
        )
        progress(f"{steps} steps of {_RECIPE}; log every {recipe.log_every}")
        for name, every in _SELDOM.items():
            progress(f"{name[1:]}: its cost is spread over {getattr(recipe, every)} steps")
        clock = clocked_run(Dataset(Path(folder) / "data"), Path(folder) / "run", steps)
    report("overhead", shares(clock, recipe))


if __name__ == "__main__":
    main()
