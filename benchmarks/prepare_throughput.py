"""Aligned faces a second from JPEGs of 1024 pixels: finding, cutting, measuring, judging, writing, all of it.

The JPEGs are one public-domain photograph (scikit-image's ``astronaut``), or drawings with a face where
scikit-image is not installed, each shifted, turned, scaled and lit by a seeded draw, with some grain. A
core's rate is faces by second of processor time, in one process, so that what else the machine does hardly
matters; the rate of all cores is by the clock. Both include the start of the face finders and the writing
of the dataset.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image
from reporting import Figure, parser, progress, report

from fenshen import avatars, portraits
from fenshen.preparation.prepare import prepare
from fenshen.preparation.refusals import Reason

SIDE = 1024
GOAL = 20.0  # faces a second and core


def photographs() -> list[UInt8[ndarray, "H W 3"]]:
    """Pictures with one face each, to be varied."""
    try:
        from skimage.data import astronaut
    except ImportError:
        progress("scikit-image is not installed: drawings instead of a photograph")
        return [avatars.draw("toon-head", seed, SIDE) for seed in (0, 1)]
    return [astronaut()]


def write_jpegs(folder: Path, count: int) -> None:
    """``count`` variations, the same ones every time."""
    draw = np.random.default_rng(0)
    sources = photographs()
    for i in range(count):
        image = Image.fromarray(sources[i % len(sources)])
        side = image.width * draw.uniform(0.75, 1.0)
        left, top = draw.uniform(0, image.width - side), draw.uniform(0, 0.4 * (image.height - side))
        angle = np.radians(draw.uniform(-12, 12))
        c, s = side / SIDE * np.cos(angle), side / SIDE * np.sin(angle)
        middle = np.array([left + side / 2, top + side / 2])
        corner = middle - np.array([[c, -s], [s, c]]) @ np.array([SIDE / 2, SIDE / 2])
        turned = image.transform(
            (SIDE, SIDE),
            Image.Transform.AFFINE,
            (c, -s, corner[0], s, c, corner[1]),
            Image.Resampling.BICUBIC,
        )
        lit = np.asarray(turned) * draw.uniform(0.75, 1.1) + draw.normal(0, 3, (SIDE, SIDE, 1))
        Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).save(folder / f"{i:04}.jpg", quality=90)


def processor_time() -> float:
    """Seconds of processor time, of this process and of those it has started and ended, such as the face finder's."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def rate(
    folder: Path, out: Path, *, size: int, workers: int | None, clock: Callable[[], float]
) -> tuple[float, int]:
    """Faces a second of one call of ``prepare`` by that clock, and how many there were."""
    start = clock()
    summary = prepare([folder], out, size=size, workers=workers, force=True, progress=False).report
    # The pictures vary one photograph; prepare notices that they are near-duplicates after all the work is done.
    faces = summary.faces + summary.refused.get(Reason.NEAR_DUPLICATE, 0)
    return faces / (clock() - start), faces


def decoding_rate(folder: Path) -> float:
    """JPEGs a second of processor time that are decoded at full size, and no more."""
    files = sorted(folder.iterdir())
    start = time.process_time()
    for file in files:
        portraits.read(file)
    return len(files) / (time.process_time() - start)


def main() -> None:
    """Measure, and print one JSON object."""
    quick = parser(__doc__).parse_args().quick
    count, rounds = (96, 1) if quick else (320, 3)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "jpegs"
        folder.mkdir()
        progress(f"writing {count} JPEGs of {SIDE} px")
        write_jpegs(folder, count)
        for turn in range(rounds):
            for name, size, workers, clock in (
                ("64px", 64, 1, processor_time),
                ("256px", 256, 1, processor_time),
                ("all", 64, None, time.perf_counter),
            ):
                speed, faces = rate(folder, Path(place) / "out", size=size, workers=workers, clock=clock)
                progress(f"round {turn + 1}, {name}: {speed:.1f} faces/s, {faces} of {count} pictures")
                found.setdefault(name, []).append(speed)
            found.setdefault("decoding", []).append(decoding_rate(folder))
    best = {name: max(speeds) for name, speeds in found.items()}
    report(
        "prepare_throughput",
        [
            Figure("faces_64px_a_core", round(best["64px"], 1), GOAL, 0, "faces/s", "higher"),
            Figure("faces_256px_a_core", round(best["256px"], 1), unit="faces/s", better="higher"),
            Figure("faces_64px_all_cores", round(best["all"], 1), unit="faces/s", better="higher"),
            Figure(
                "against_decoding_alone",
                round(best["64px"] / best["decoding"], 2),
                unit="x",
                better="higher",
            ),
        ],
    )


if __name__ == "__main__":
    main()
