"""What a generator has learnt of the rules of ``melodies:major``: counted beside held-out melodies and chance.

The recipe ``melodies`` trains in full (``--quick``: a tenth of its steps) and composes 1,000 melodies. There is no
published table to compare with: the melodies are our own, and so are the counts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.data.melodies import PITCHES, STEPS, Melodies, steps_of
from fenshen.metrics.melodies import count
from fenshen.model import Model
from fenshen.training import recipe as recipes

_COMPOSED = 1000
_GOALS = {"in_scale": 0.95, "on_chord": 0.8, "intervals": 0.1, "rhythms": 0.1, "different": 0.9}


def main() -> None:
    """Train, compose, count, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, help="folder for a plot and a sound")
    chosen = options.parse_args()
    data = Melodies("major")
    held_out = steps_of(data.samples[data.indices("held_out")])
    steps = recipes.load("melodies").steps // (10 if chosen.quick else 1)
    with tempfile.TemporaryDirectory() as folder:
        words = [f"steps={steps}"]
        run = fenshen.train(
            data.path, out=Path(folder) / "run", recipe="melodies", settings=words, device="cpu"
        )
        composed = steps_of(Model.load(run.path).sample(range(_COMPOSED)))
        if chosen.out:
            chosen.out.mkdir(parents=True, exist_ok=True)
            for name in ("melodies.png", "melodies.wav"):
                fenshen.generate(run, seeds="0-15", out=chosen.out / name, force=True)
    chance = np.random.default_rng(0).integers(0, PITCHES + 2, (_COMPOSED, STEPS))
    figures = []
    for whose, melodies in (("composed", composed), ("real", held_out), ("chance", chance)):
        counted = count(melodies, steps_of(data.samples[: len(held_out)]), data.scale)
        progress(f"{whose}: {counted}")
        for name, value in counted._asdict().items():
            better = "lower" if name in ("intervals", "rhythms") else "higher"
            goal = _GOALS[name] if whose == "composed" else None
            figures.append(Figure(f"{whose}_{name}", round(value, 3), goal, better=better))
    report("melodies", figures)


if __name__ == "__main__":
    main()
