"""Pictures of mixed sizes and shapes: learnt as they are (``any-size``), and the usual way, cropped to one square.

Drawn people are cut to five sizes and shapes and written as PNG files. ``any-size`` trains on ``sizes:FOLDER``, the
recipe ``fast-64`` on what ``prepare --size 64 --fit crop`` makes of the same files, for the same minutes. Then each
draws for every shape, the usual way by stretching its squares, and MobileNet-KID is measured against all real
pictures of that shape, with real pictures and fakes at 64 px alike.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import portraits
from fenshen.data.sizes import Sizes, ragged
from fenshen.metrics.meters import KidMeter
from fenshen.model import Model
from fenshen.training.measuring.sizes import seen

_SHAPES = {  # left, top, right, bottom in a portrait of 128 px; width and height that it is written at
    "64x64": ((0, 0, 128, 128), (64, 64)),
    "48x64": ((16, 0, 112, 128), (48, 64)),
    "64x48": ((0, 8, 128, 104), (64, 48)),
    "80x80": ((0, 0, 128, 128), (80, 80)),
    "57x76": ((16, 0, 112, 128), (57, 76)),
}
_PEOPLE, _DRAWN = 600, 200


def main() -> None:
    """Draw, train both, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=10.0, help="of training, each")
    options.add_argument("--out", type=Path, help="folder for sheets of both")
    chosen = options.parse_args()
    minutes, people = (0.5, 100) if chosen.quick else (chosen.minutes, _PEOPLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = _written(folder, people)
        words = ["start=none", f"minutes={minutes}", "evaluate_every=0", "sample_every=5000"]
        runs = {
            "any_size": fenshen.train(
                f"sizes:{folder / 'files'}", out=folder / "a", settings=words, device="cpu"
            ),
            "usual": fenshen.train(
                folder / "squares", out=folder / "b", recipe="fast-64", settings=words, device="cpu"
            ),
        }
        models = {who: run.model() for who, run in runs.items()}
        figures = [Figure("minutes", minutes, unit="of training, each")]
        figures += [Figure(f"{who}_steps", run.report["steps"]) for who, run in runs.items()]
        figures += [figure for shape in _SHAPES for figure in _measured(data, models, shape)]
        if chosen.out:
            _show(models, chosen.out)
    report("any_size", figures)


def _written(folder: Path, people: int) -> Sizes:
    """People as files of every shape in turn, and the squares that are made of these files."""
    drawn = fenshen.prepare([f"humans:{people}"], folder / "humans", size=128)
    shapes = list(_SHAPES.values())
    for number, picture in enumerate(drawn.pixels):
        (left, top, right, bottom), size = shapes[number % len(shapes)]
        cut = cv2.resize(np.array(picture[top:bottom, left:right]), size, interpolation=cv2.INTER_AREA)
        portraits.write(folder / "files" / f"{number:05}.png", cut)
    fenshen.prepare([folder / "files"], folder / "squares", size=64, crop="none", fit="crop")
    return Sizes(str(folder / "files"))


def _drawn(model: Model, who: str, shape: str) -> np.ndarray:
    width, height = _SHAPES[shape][1]
    latents = model.latents(range(_DRAWN))
    if who == "any_size":
        return model.draw(latents, size=(height, width))
    return np.stack([cv2.resize(picture, (width, height)) for picture in model.draw(latents)])


def _measured(data: Sizes, models: dict[str, Model], shape: str) -> list[Figure]:
    width, height = _SHAPES[shape][1]
    rows = np.flatnonzero((data.sizes == (height, width)).all(axis=1)).tolist()
    meter = KidMeter(seen(ragged([data.picture(row) for row in rows])), count=_DRAWN)
    kid = {
        who: meter.measure(lambda n, m=model, w=who: seen(_drawn(m, w, shape)[:n]))
        for who, model in models.items()
    }
    progress(f"{shape}: {kid}")
    usual = round(1000 * kid["usual"], 1)
    return [
        Figure(f"usual_kid_{shape}", usual, unit="x1000"),
        Figure(
            f"any_size_kid_{shape}", round(1000 * kid["any_size"], 1), usual, unit="x1000", better="lower"
        ),
    ]


def _show(models: dict[str, Model], out: Path) -> None:
    for who, model in models.items():
        pictures = [picture for shape in _SHAPES for picture in _drawn(model, who, shape)[:8]]
        portraits.write(out / f"{who}.png", portraits.page(pictures, 704))
    larger = [
        picture
        for size in ((96, 160), (160, 96), (160, 160))
        for picture in models["any_size"].draw(models["any_size"].latents(range(4)), size=size)
    ]
    portraits.write(out / "any_size_larger.png", portraits.page(larger, 704))


if __name__ == "__main__":
    main()
