"""A reader's sheet: real and generated pictures in random order, for somebody who knows such pictures to tell apart.

Who says of each picture whether it is real, and is right about half of them, cannot tell (Chuquicusma et al. 2018 did
this with lung nodules and radiologists).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import files, portraits
from fenshen.metrics.comparison import Reference
from fenshen.metrics.picture_set import PictureSet, random_subset
from fenshen.provenance.mark import Mark

FILES = ("reader.png", "reader.json")
_COLUMNS = 6
_SIDE = 192  # px of a picture on the sheet, at least
_GAP, _CAPTION = 12, 30  # px
_PAPER, _INK = (255, 255, 255), (60, 60, 60)


def write(
    folder: Path, evaluated: PictureSet, reference: Reference, count: int, seed: int, mark: Mark | None
) -> None:
    """Write the sheet and its answers.

    Args:
        count: of the pictures of either kind; fewer where there are not so many.
        seed: of the order.
        mark: of the sheet, where a model drew some of it. All its pictures get the watermark: else it told them apart.
    """
    rows = random_subset(reference.real, count, seed)
    real = list(np.asarray(reference.data.pixels[rows]))
    fake = list(_first(evaluated, len(real)))
    order = np.random.default_rng(seed).permutation(len(real) + len(fake))
    pictures = [(real + fake)[i] for i in order]
    answers = {str(n + 1): "real" if i < len(real) else "generated" for n, i in enumerate(order.tolist())}
    tiles = _tiles(pictures, min(evaluated.size, reference.data.card.size))
    if mark is None:
        portraits.write(folder / FILES[0], portraits.sheet(tiles, _COLUMNS, ground=_PAPER))
    else:
        mark.sheet(folder / FILES[0], tiles, _COLUMNS)
    files.write_text(folder / FILES[1], json.dumps(answers, indent=2) + "\n")


def _first(evaluated: PictureSet, count: int) -> Iterator[UInt8[ndarray, "H W 3"]]:
    left = count
    for chunk in evaluated.draw():
        yield from chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _tiles(pictures: list[UInt8[ndarray, "_ _ 3"]], side: int) -> UInt8[ndarray, "N H W 3"]:
    """Pictures with their numbers below them, all first brought to one side, so that none is sharper for its size."""
    import cv2

    shown = max(side, _SIDE)
    tiles = np.full((len(pictures), shown + _CAPTION, shown + _GAP, 3), _PAPER, np.uint8)
    for number, (tile, picture) in enumerate(zip(tiles, pictures, strict=True), 1):
        small = portraits.resize(picture, side)
        tile[:shown, :shown] = cv2.resize(small, (shown, shown), interpolation=cv2.INTER_CUBIC)
        font, place = cv2.FONT_HERSHEY_SIMPLEX, (2, shown + 19)
        cv2.putText(tile, str(number), place, font, 0.55, _INK, 1, cv2.LINE_AA)
    return tiles
