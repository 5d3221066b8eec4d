"""What minutes of training buy at 64 px: ``fast-64`` against the tutorial mended, ``seed-dcgan``.

Both train on the same 5,400 drawn portraits for the same minutes, a few seconds of the one and of the other
in turn, so that a busy machine slows both; only the steps themselves count. Each then draws 1,000 pictures
with the weights that a run of its recipe would save, and KID is measured to the 600 portraits that were
held out: on MobileNet's features, and on those of a VGG16 that no discriminator here has seen (``vgg.py``
says where to get it). The figure is the ratio of the two KIDs.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from games import draw, new_game
from jaxtyping import Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report
from vgg import VggFeatures

import fenshen
from fenshen import portraits
from fenshen.dataset import Dataset
from fenshen.metrics.distances import kernel_distance_once
from fenshen.metrics.features import Features
from fenshen.training.game import Game

_RECIPES = ("fast-64", "seed-dcgan")
_PORTRAITS = 6000
_FAKES = 1000
_TURN = 5.0  # seconds
_SHOWN = 32  # pictures a sheet
_GOAL = 0.333

Look = Callable[[UInt8[ndarray, "N H W 3"]], Float[ndarray, "N D"]]


def play(games: dict[str, Game], budget: float) -> dict[str, int]:
    """Give each game so many seconds, in turns; returns the steps each got done."""
    steps, spent = dict.fromkeys(games, 0), dict.fromkeys(games, 0.0)
    turn = 0.0
    while turn < budget:
        turn = min(turn + _TURN, budget)
        for name, game in games.items():
            while spent[name] < turn:
                started = time.perf_counter()
                game.train_step(steps[name])
                spent[name] += time.perf_counter() - started
                steps[name] += 1
        progress(
            f"{turn / 60:.1f} of {budget / 60:.1f} minutes: "
            + ", ".join(f"{n} {s}" for n, s in steps.items())
        )
    return steps


def distances(
    label: str, look: Look, real: UInt8[ndarray, "N H W 3"], fakes: dict[str, UInt8[ndarray, "M H W 3"]]
) -> list[Figure]:
    """KID of each generator with one network's features, and their ratio."""
    progress(f"measuring with {label}")
    seen = look(real)
    kid = {name: kernel_distance_once(seen, look(pictures)) for name, pictures in fakes.items()}
    fast, seed = (kid[name] for name in _RECIPES)
    if seed <= 0:
        raise ValueError("seed-dcgan cannot be told from real pictures: the ratio would say nothing")
    rows = [Figure(f"{label}_kid_fast_vs_seed", round(fast / seed, 4), _GOAL, 0, "x", "lower")]
    for name, value in kid.items():
        title = f"{label}_kid_{name.replace('-', '_')}"
        rows.append(Figure(title, round(1000 * value, 2), None, 0, "/1000", "lower"))
    return rows


def write_sheet(
    out: Path, real: UInt8[ndarray, "N H W 3"], fakes: dict[str, UInt8[ndarray, "M H W 3"]]
) -> None:
    """Side by side: real pictures, seed-dcgan's, fast-64's."""
    columns = [portraits.sheet(p[:_SHOWN], 4) for p in (real, fakes["seed-dcgan"], fakes["fast-64"])]
    gap = np.full((columns[0].shape[0], 16, 3), 255, dtype=np.uint8)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "real-seed-fast.png"
    portraits.write(file, np.concatenate([columns[0], gap, columns[1], gap, columns[2]], axis=1))
    progress(f"real, seed-dcgan, fast-64: {file}")


def main() -> None:
    """Train both, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of training for each; 10, or 1 with --quick")
    options.add_argument("--vgg", type=Path, default=os.environ.get("FENSHEN_BENCH_VGG"), help="wheel or .h5")
    options.add_argument("--out", type=Path, help="folder for a sheet of pictures")
    chosen = options.parse_args()
    minutes = chosen.minutes or (1.0 if chosen.quick else 10.0)
    with tempfile.TemporaryDirectory() as folder:
        progress(f"drawing {_PORTRAITS} portraits")
        fenshen.prepare(
            [f"avatars:lorelei:{_PORTRAITS}"], Path(folder) / "data", size=64, seed=0, progress=False
        )
        data = Dataset(Path(folder) / "data")
        pixels, real = np.array(data.pixels), np.array(data.pixels[data.indices("held_out")])
        train = data.indices("train")
    games = {name: new_game(name, pixels, train) for name in _RECIPES}
    steps = play(games, 60 * minutes)
    fakes = {name: draw(game, _FAKES) for name, game in games.items()}
    figures = distances("mobilenet", Features(), real, fakes)
    if chosen.vgg is None:
        progress("no figure with VGG16's features: --vgg names no file (see vgg.py)")
    else:
        figures += distances("vgg", VggFeatures(Path(chosen.vgg), real), real, fakes)
    for name, game in games.items():
        rate = steps[name] * game.recipe.batch_size / (60 * minutes)
        figures.append(
            Figure(f"{name.replace('-', '_')}_speed", round(rate, 1), unit="pictures/s", better="higher")
        )
    figures.append(Figure("minutes", minutes, unit="minutes each"))
    if chosen.out:
        write_sheet(chosen.out, real, fakes)
    report("quality_at_budget", figures)


if __name__ == "__main__":
    main()
