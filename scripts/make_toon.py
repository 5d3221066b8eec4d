"""Teaches the style ``toon`` on pairs of drawn people: a maintainer's script.

    python scripts/make_toon.py work --people 1200 --minutes 30
    python scripts/ship_model.py work/run toon-128

Half of the sources are made to look like photographs, softer, noisier, saved as JPEG, so that the network does not take
the cleanness of drawn people for what makes them drawings. Light and colours vary in both halves of a pair alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

import fenshen
from fenshen import dataset
from fenshen.data.damage import through_jpeg, with_noise

Picture = UInt8[ndarray, "H W 3"]


def main() -> None:
    """Draw the pairs, photograph the sources, train."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--people", type=int, default=1200)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--size", type=int, default=128)
    chosen = options.parse_args()
    folder: Path = chosen.folder
    for kind in ("humans", "toons"):
        if not (folder / kind).exists():
            fenshen.prepare([f"{kind}:{chosen.people}"], folder / kind, size=chosen.size, seed=51)
    photographed(folder / "humans", folder / "toons", folder)
    pairs = f"pairs:{folder / 'photographs'}:{folder / 'drawings'}"
    fenshen.train(
        pairs, out=folder / "run", recipe="toon-128", settings=[f"minutes={chosen.minutes}"], seed=1
    )


def photographed(people: Path, toons: Path, folder: Path) -> None:
    """The pairs again, in light of all kinds, the sources as a camera would keep them."""
    ones, others = dataset.Dataset(people), dataset.Dataset(toons)
    sources, targets = [], []
    for i in range(len(ones)):
        numbers = np.random.default_rng((7, i))
        gain, warmth = numbers.uniform(0.75, 1.15), numbers.uniform(-0.12, 0.12)
        light = gain * np.array([1 + warmth, 1, 1 - warmth])
        gamma = numbers.uniform(0.8, 1.3)
        source, target = (lit(data.pixels[i], light, gamma) for data in (ones, others))
        sources.append(kept_by_a_camera(source, numbers) if numbers.random() < 0.5 else source)
        targets.append(target)
    for name, data, pictures in (("photographs", ones, sources), ("drawings", others, targets)):
        dataset.write(folder / name, data.card, pictures, data.records, data.rejected)


def lit(picture: Picture, light: ndarray, gamma: float) -> Picture:
    """The picture in light of another colour and strength."""
    return np.clip(255 * light * (picture / 255) ** gamma, 0, 255).astype(np.uint8)


def kept_by_a_camera(picture: Picture, numbers: np.random.Generator) -> Picture:
    """Softer, noisier, saved as JPEG."""
    soft = cv2.GaussianBlur(picture, (0, 0), numbers.uniform(0.3, 1.2))
    return through_jpeg(with_noise(soft, numbers.uniform(0, 8), numbers), int(numbers.integers(40, 96)))


if __name__ == "__main__":
    main()
