"""Grey pictures of 16 bits: drawn heads (``phantoms:2000``) learnt by the recipe ``grey``.

For so many minutes; then 500 pictures are compared with 200 held-out ones by ``fenshen evaluate``: MobileNet-KID, the
same of real pictures at half and a quarter of their side, coverage. Beside it what 8 bits cannot hold: how many values
a drawn picture has, and how far the values' distribution is from the real one (the mean distance of their quantiles, in
4,095 levels). ``--out`` keeps a sheet and a reader's sheet.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.data import open_data
from fenshen.data.phantoms import Phantoms
from fenshen.model import Model

_LEVELS = 4095
_FAKES = 500


def main() -> None:
    """Train, evaluate, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of training; 15, or 1 with --quick")
    options.add_argument("--size", type=int, default=64, help="side of the pictures; 128 at most")
    options.add_argument("--out", type=Path, help="folder for the run, a sheet and the report")
    chosen = options.parse_args()
    minutes = chosen.minutes or (1.0 if chosen.quick else 15.0)
    with tempfile.TemporaryDirectory() as folder:
        out = chosen.out or Path(folder)
        run = fenshen.train(
            "phantoms:2000",
            out=out / "run",
            settings=(f"size={chosen.size}", f"minutes={minutes}", "evaluate_every=1000"),
            device="cpu",
            progress=False,
        )
        fenshen.generate(run, out=out / "sheet.png", seeds="0-31", force=True)
        fenshen.generate(run, out=out / "sheet.jpg", seeds="0-31", force=True)
        found = fenshen.evaluate(
            run,
            "phantoms:2000",
            out / "report",
            count=_FAKES,
            reader=18,
            device="cpu",
            force=True,
            progress=False,
        )
        model = Model.load(run.path)
        drawn = model.sample(range(100)).astype(np.float64)
    data = open_data("phantoms:2000")
    assert isinstance(data, Phantoms)
    real = data.samples[data.indices("held_out")[:100]].astype(np.float64)
    share = np.linspace(0.01, 0.99, 99)
    apart = np.abs(np.quantile(drawn, share) - np.quantile(real, share)).mean() / 65535 * _LEVELS
    values = float(np.median([len(np.unique(np.rint(one / 65535 * _LEVELS))) for one in drawn]))
    kid, ruler = found.figures.mobilenet_kid, {mark.name: mark.mobilenet_kid for mark in found.ruler}
    progress(found.text)
    report(
        "greys",
        [
            Figure("minutes", minutes, unit="of training"),
            Figure("kid_1000", round(1000 * kid, 1), unit="lower is better", better="lower"),
            Figure("kid_1000_of_half", round(1000 * ruler["half"], 1), unit="real, at half the side"),
            Figure("kid_1000_of_quarter", round(1000 * ruler["quarter"], 1), unit="real, at a quarter"),
            Figure("coverage", round(found.figures.coverage, 3), unit="of held-out pictures"),
            Figure("values", values, 257, unit="different values in a picture, median", better="higher"),
            Figure(
                "quantiles", round(float(apart), 1), unit="of 4,095 levels, mean distance", better="lower"
            ),
        ],
    )


if __name__ == "__main__":
    main()
