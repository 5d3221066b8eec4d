"""What each answer of the tutorial's questions is worth: the same small run at 64 px, without it and with it.

Every row trains as long as the others (seconds of steps alone), from nothing, on the same 3,000 drawn portraits, with
three seeds; 500 pictures of each are compared with held-out ones by MobileNet: KID, and coverage (Naeem et al. 2020).
Rows of one question stand beside the run that they change: the tutorial's kind of network (``dcgan-64``, half as wide),
for which every answer is possible.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from games import draw, new_game
from jaxtyping import UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.dataset import Dataset
from fenshen.metrics.coverage import coverage
from fenshen.metrics.distances import kernel_distance_once
from fenshen.metrics.features import Features

_PORTRAITS, _FAKES = 3000, 500
_BASE = ("width=32", "batch_size=32", "ema_half_life=0")
# By question and answer: settings on top of the base. What is missing is not a setting: more time, and cleaner data.
ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "usual": {"usual": ()},
    "unstable": {
        "lower_rates": ("lr_g=1e-4", "lr_d=1e-4"),
        "larger_batch": ("batch_size=64",),
        "clipped": ("clip=1",),
        "smaller": ("width=16",),
        "schedule": ("lr_schedule.kind=linear", "lr_schedule.end=0.1"),
        "instance_noise": ("instance_noise=0.2",),
        "historical": ("historical=0.01",),
    },
    "quality": {
        "residual": ("family=resnet", "width=16", "loss=hinge"),
        "attention": ("family=sagan", "width=16", "loss=hinge"),
        "averaged": ("ema_half_life=5000",),
        "frozen_features": ("discriminator=fast", "loss=hinge", "matching=1"),
        "top_k": ("top_k.kind=linear", "top_k.end=0.5"),
    },
    "sizes": {
        "pyramid": ("family=pyramid", "loss=hinge"),
        "multi_scale": ("discriminator=multi-scale", "loss=hinge"),
    },
    "collapse": {
        "larger_d": ("width_d=2",),
        "mixed_noise": ("noise=mixed", "categories=10"),
        "r1": ("r1=1", "penalty_every=4"),
        "mode_seeking": ("mode_seeking=1",),
        "packing": ("packing=2",),
        "minibatch": ("minibatch=32",),
        "several": ("generators=4", "separation=1"),
    },
}


class Quality(NamedTuple):
    """What a generator came to."""

    kid: float
    coverage: float


def trained(
    settings: Sequence[str], pixels: UInt8[ndarray, "N H W 3"], rows: ndarray, seed: int, seconds: float
) -> UInt8[ndarray, "M H W 3"]:
    """Pictures of a generator that trained for some seconds."""
    game = new_game("dcgan-64", pixels, rows, (*_BASE, *settings, f"seed={seed}"))
    spent, steps = 0.0, 0
    while spent < seconds:
        started = time.perf_counter()
        at = min(
            int(spent / seconds * game.recipe.steps), game.recipe.steps - 1
        )  # schedules follow the clock
        game.train_step(steps, at)
        spent += time.perf_counter() - started
        steps += 1
    return draw(game, _FAKES)


def main() -> None:
    """Train all rows with all seeds, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, help="of training for each; 120, or 10 with --quick")
    options.add_argument("--answer", action="append", help="such as packing; all by default")
    chosen = options.parse_args()
    seconds = chosen.seconds or (10.0 if chosen.quick else 120.0)
    with tempfile.TemporaryDirectory() as folder:
        fenshen.prepare(
            [f"avatars:lorelei:{_PORTRAITS}"], Path(folder) / "data", size=64, seed=0, progress=False
        )
        data = Dataset(Path(folder) / "data")
        pixels, real = np.array(data.pixels), np.array(data.pixels[data.indices("held_out")])
        train = data.indices("train")
    look, figures = Features(), list[Figure]()
    seen = look(real)
    for question, answers in ANSWERS.items():
        for name, settings in answers.items():
            if chosen.answer and name not in ("usual", *chosen.answer):
                continue
            found = []
            for seed in range(1 if chosen.quick else 3):
                fakes = look(trained(settings, pixels, train, seed, seconds))
                same = min(len(seen), len(fakes))
                covered = coverage(seen[:same], fakes[:same]).coverage
                found.append(Quality(kernel_distance_once(seen, fakes), covered))
            kids, covered_all = zip(*found, strict=True)
            spread = f"± {1000 * statistics.pstdev(kids):.0f}"
            kid, share = statistics.fmean(kids), statistics.fmean(covered_all)
            progress(f"{question:10}{name:18} KID x1000 {1000 * kid:8.1f} {spread:8} coverage {share:.3f}")
            figures.append(
                Figure(f"{question}_{name}_kid", round(1000 * kid, 1), unit=f"/1000 {spread}", better="lower")
            )
            figures.append(Figure(f"{question}_{name}_coverage", round(share, 3), better="higher"))
    figures.append(Figure("seconds", seconds, unit="s each"))
    report("remedies", figures)


if __name__ == "__main__":
    main()
