"""Sequence GANs on TimeGAN's sines: three families, each with its two scores beside the published ones.

Each trains by the recipe ``sequences`` through ``fenshen.train``. Its 2,000 sequences are compared with the 2,000 that
were held out: what a classifier makes of them beyond guessing, and how well a predictor that learnt from them does on
real ones (Yoon et al. 2019, section 5, with the authors' network sizes and numbers of steps). For orientation the same
scores of held-out sequences against training sequences stand beside them: nobody can do better.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.data.sequences import Sines
from fenshen.metrics.sequences import discriminative_score, predictive_score

_FAMILIES = ("gru", "temporal", "transformer")
_GOALS = {"discriminative": 0.02, "predictive": 0.095}
_PUBLISHED = {"discriminative": "published: TimeGAN 0.011", "predictive": "published: TimeGAN 0.093"}
_SEEDS = 3  # of the networks that judge


def scores(real: Float[ndarray, "N T F"], fake: Float[ndarray, "N T F"], quick: bool) -> dict[str, float]:
    """Both scores, means over the judges' seeds."""
    share = 0.2 if quick else 1.0
    seeds = range(1 if quick else _SEEDS)
    return {
        "discriminative": float(
            np.mean([discriminative_score(real, fake, seed, round(share * 2000)) for seed in seeds])
        ),
        "predictive": float(
            np.mean([predictive_score(real, fake, seed, round(share * 5000)) for seed in seeds])
        ),
    }


def figures_of(family: str, found: dict[str, float], goals: dict[str, float]) -> list[Figure]:
    """One row of the table."""
    progress(f"{family:12} " + "  ".join(f"{key} {value:.4f}" for key, value in found.items()))
    return [
        Figure(f"sines_{family}_{key}", round(value, 4), goals.get(key), 0, _PUBLISHED[key], "lower")
        for key, value in found.items()
    ]


def main() -> None:
    """Train all families, judge them, and print one JSON object; the goals are for the best one."""
    options = parser(__doc__)
    options.add_argument("--family", action="append", help="such as gru; all by default")
    chosen = options.parse_args()
    data = Sines("5")
    real = data.samples[data.indices("held_out")]
    rows = {"real": scores(real, data.samples[: len(real)], chosen.quick)}
    seconds = {}
    for family in chosen.family or _FAMILIES:
        settings = (f"family={family}", *(["steps=300"] if chosen.quick else []))
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            run = fenshen.train(
                "sines:5", out=Path(folder) / "run", settings=settings, device="cpu", progress=False
            )
            seconds[family] = time.monotonic() - started
            fake = run.model().sample(range(len(real)))
        rows[family] = scores(real, fake, chosen.quick)
    best = min((family for family in rows if family != "real"), key=lambda name: rows[name]["discriminative"])
    figures = [
        figure
        for family, found in rows.items()
        for figure in figures_of(family, found, _GOALS if family == best else {})
    ]
    figures += [
        Figure(f"sines_{family}_seconds", round(value), unit="s of training", better="lower")
        for family, value in seconds.items()
    ]
    report("sequences", figures)


if __name__ == "__main__":
    main()
