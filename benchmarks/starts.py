"""What the pretrained pair buys: three minutes of training from it, against three minutes from nothing.

On pictures that the pair has not seen: ``personas``, a style of avatars that it was not taught, drawn people in the
toon look, and, with ``--photographs``, a folder of real faces or films of them, by ``few-shot-64``. Both games train in
turn, a few seconds each; then each draws as many pictures as are compared, and MobileNet-KID and coverage are measured
against pictures that were held out (all, where there are few).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from games import draw, new_game
from quality_at_budget import play
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import portraits
from fenshen.dataset import Dataset
from fenshen.metrics.coverage import coverage
from fenshen.metrics.distances import kernel_distance_once
from fenshen.metrics.features import Features
from fenshen.model import Model
from fenshen.training import checkpoint, starts
from fenshen.training.game import Game

_PICTURES = 700
_FEW = 80  # held-out pictures, below which all stand in for them
_COMPARED = 400
_GOAL, _COVERED = 0.333, 0.2


def begun(recipe: str, pixels: np.ndarray, rows: np.ndarray) -> dict[str, Game]:
    """The same game from nothing, and as a new run begins it."""
    games = {"nothing": new_game(recipe, pixels, rows), "pair": new_game(recipe, pixels, rows)}
    name = starts.find(games["pair"].recipe)
    if name is None:
        raise ValueError(f"nothing comes with Fenshen that {recipe} could start from")
    start = Model.load(name)
    games["pair"].start_from(start.generator.state_dict(), checkpoint.discriminator(start.path))
    return games


def compared(name: str, recipe: str, data: Dataset, minutes: float, out: Path | None) -> list[Figure]:
    """KID and coverage after some minutes."""
    pixels, held_out = np.array(data.pixels), data.indices("held_out")
    games = begun(recipe, pixels, data.indices("train"))
    steps = play(games, 60 * minutes)
    real = pixels[held_out if len(held_out) >= _FEW else np.arange(len(pixels))][:_COMPARED]
    look = Features()
    seen, figures, kid = look(real), [], {}
    for way, game in games.items():
        fakes = draw(game, len(real))
        fake = look(fakes)
        kid[way] = kernel_distance_once(seen, fake)
        found = coverage(seen, fake)
        progress(f"{name}, from {way}: {steps[way]} steps, KID {1000 * kid[way]:.0f}, {found}")
        goal = _COVERED if way == "pair" else None
        figures.append(Figure(f"{name}_coverage_from_{way}", round(found.coverage, 3), goal, better="higher"))
        figures.append(
            Figure(f"{name}_kid_from_{way}", round(1000 * kid[way], 1), unit="/1000", better="lower")
        )
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            portraits.write(out / f"{name}-{way}.png", portraits.sheet(fakes[:48], 8))
    ratio = round(kid["pair"] / max(kid["nothing"], 1e-9), 3)
    return [Figure(f"{name}_kid_ratio", ratio, _GOAL, 0, "x", "lower"), *figures]


def main() -> None:
    """Train, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=3.0, help="of training for each")
    options.add_argument("--photographs", type=Path, help="folder of real photographs or films")
    options.add_argument("--out", type=Path, help="folder for sheets")
    chosen = options.parse_args()
    minutes = 0.2 if chosen.quick else chosen.minutes
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            "style": ("fast-64", f"avatars:personas:{_PICTURES}"),
            "toons": ("fast-64", f"toons:{_PICTURES}"),
        }
        if chosen.photographs:
            sets["photographs"] = ("few-shot-64", str(chosen.photographs))
        for name, (recipe, word) in sets.items():
            progress(f"preparing {name}")
            fenshen.prepare([word], Path(folder) / name, size=64, seed=3, every=3, progress=False)
            figures += compared(name, recipe, Dataset(Path(folder) / name), minutes, chosen.out)
    report("starts", figures)


if __name__ == "__main__":
    main()
