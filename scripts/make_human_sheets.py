"""Draw the contact sheets of ``docs/images``: ``python scripts/make_human_sheets.py [FOLDER]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from fenshen import controls
from fenshen.humans import sample
from fenshen.humans.camera import Camera
from fenshen.humans.render import render
from fenshen.humans.sampler import expression, expressions, gaze, sample_controls

DOCS = Path(__file__).parents[1] / "docs/images"


def sheet(pictures: Sequence[UInt8[ndarray, "S S 3"]], columns: int) -> Image.Image:
    """Pictures side by side, row by row."""
    rows = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures), columns)]
    return Image.fromarray(np.concatenate(rows))


def cast(count: int, size: int, first: int = 0) -> list[UInt8[ndarray, "S S 3"]]:
    """People with expressions, as the sampler draws them."""
    return [render(sample(s), sample_controls(s), size=size).picture for s in range(first, first + count)]


def close(seeds: Sequence[int], size: int) -> list[UInt8[ndarray, "S S 3"]]:
    """People who look at the camera, more or less amused, from changing sides."""
    drawn = []
    for i, seed in enumerate(seeds):
        move = expression(("neutral", "smile", "grin")[i % 3], 0.8)
        move[controls.INDEX["yaw"]] = (0.35, 0.0, -0.35)[(i + i // 3) % 3]
        drawn.append(render(sample(seed), move, size=size).picture)
    return drawn


def faces_of(seed: int, size: int) -> list[UInt8[ndarray, "S S 3"]]:
    """One person with every named expression, with closed eyes, looking aside, and from both sides."""
    moves = [expression(name) for name in expressions()]
    moves += [controls.vector(eyeBlinkLeft=1, eyeBlinkRight=1), controls.vector(gaze(0.8, 0.3))]
    moves += [controls.vector(yaw=0.6), controls.vector(yaw=-0.6, pitch=0.2)]
    return [render(sample(seed), move, size=size).picture for move in moves[:16]]


def both_looks(seeds: Sequence[int], size: int) -> list[UInt8[ndarray, "S S 3"]]:
    """The same pictures as photographs and, below, as drawings."""
    drawn = [
        render(sample(s), sample_controls(s), Camera(azimuth=0.2), size, look=look).picture
        for look in ("photo", "toon")
        for s in seeds
    ]
    return drawn


def main() -> None:
    """Draw all sheets."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    sheet(cast(64, 128), 8).save(folder / "humans-128.png", optimize=True)
    sheet(faces_of(36, 192), 8).save(folder / "humans-expressions.png", optimize=True)
    sheet(both_looks(range(6), 192), 6).save(folder / "humans-toon.png", optimize=True)
    sheet(close((20, 23, 34, 24, 27, 42), 512), 3).save(folder / "humans-512.jpg", quality=88)


if __name__ == "__main__":
    main()
