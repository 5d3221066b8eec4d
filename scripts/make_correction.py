"""Fit ``fenshen/faces/correction.json``: what MediaPipe's scores of drawn humans lack to the truth.

    fenshen prepare humans:6000 --seed 5 --size 128 --out cast
    python scripts/make_correction.py cast

Of every tenth person nothing is used but to tell how good the fit is; the last lines say so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from fenshen import controls
from fenshen.dataset import Dataset
from fenshen.faces import correction
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure_raw

MOST = 5000  # pictures
RIDGE = 100.0  # with inputs of unit spread: a hundred pictures that say "nothing leaks"
RARE = (
    0.1  # added to spreads: a score that drawn faces hardly have must not weigh much where a real face has it
)
WHOLE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_MIRRORED = [correction.INPUTS.index(n) for n in ("right_eye", "left_eye")]


def read(data: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Asked controls, measured ones, and the correction's inputs, of all pictures with a face."""
    finder, rows = FaceFinder(), []
    for i in range(min(len(data), MOST)):
        faces = finder.find(np.array(data.pixels[i]))
        if faces:
            values = measure_raw(faces[0], WHOLE, data.card.size)
            rows.append((data.controls[i], values, correction.inputs(values, faces[0].landmarks)))
    asked, values, given = (np.stack(column) for column in zip(*rows, strict=True))
    return asked, values, given


def with_mirrored(asked: np.ndarray, values: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same and its mirror image, so that the fit cannot prefer a side."""
    flipped = controls.mirror(values)
    scores = len(correction.SCORES)
    other = given.copy()
    other[:, :scores] = flipped[:, [controls.INDEX[name] for name in correction.SCORES]]
    for name in ("yaw", "roll"):
        other[:, correction.INPUTS.index(name)] *= -1
    other[:, _MIRRORED] = given[:, _MIRRORED[::-1]]
    return tuple(
        np.concatenate(pair) for pair in ((asked, controls.mirror(asked)), (values, flipped), (given, other))
    )


def fit(asked: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Weights [inputs, outputs]; of pitch only by scores, which are 0 at rest."""
    places = [controls.INDEX[name] for name in correction.OUTPUTS]
    lacking = asked[:, places] - values[:, places]
    scores = len(correction.SCORES)
    weights = np.zeros((len(correction.INPUTS), len(places)))
    weights[:, :-1] = ridge(given, lacking[:, :-1])
    # Beside the scores a gain and an offset of the pitch itself are fitted, and left out again: they are the mesh's.
    beside = np.column_stack([given[:, :scores], values[:, controls.INDEX["pitch"]], np.ones(len(given))])
    weights[:scores, -1] = ridge(beside, lacking[:, -1:])[:scores, 0]
    return weights


def ridge(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Least squares through the origin, in units of each input's size."""
    size = np.sqrt((given**2).mean(0)) + RARE
    scaled = given / size
    return np.linalg.solve(scaled.T @ scaled + RIDGE * np.eye(len(size)), scaled.T @ wanted) / size[:, None]


def main() -> None:
    """Read, fit, write, and say what it brings on people that were left out."""
    asked, values, given = read(Dataset(Path(sys.argv[1])))
    left_out = np.arange(len(asked)) % 10 == 0
    weights = fit(*with_mirrored(asked[~left_out], values[~left_out], given[~left_out]))
    correction.FILE.write_text(json.dumps(np.round(weights, 4).tolist()) + "\n", encoding="utf-8")
    for i, name in enumerate(correction.OUTPUTS):
        place = controls.INDEX[name]
        truth, before = asked[left_out, place], values[left_out, place]
        after = before + given[left_out] @ weights[:, i]
        if truth.std() > 0.03:
            low, high = controls.LOW[place], controls.HIGH[place]
            r = [np.corrcoef(truth, np.clip(x, low, high))[0, 1] for x in (before, after)]
            print(f"{name:20s} {r[0]:.3f} -> {r[1]:.3f}")


if __name__ == "__main__":
    main()
