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
_GAP, _CAPTION = 12, 26  # px
_PAPER, _INK = (255, 255, 255), (60, 60, 60)


def write(
    folder: Path, evaluated: PictureSet, reference: Reference, count: int, seed: int, mark: Mark | None
) -> None:
    """Write the sheet and its answers.

    Args:
        count: of the pictures of either kind; fewer where there are not so many.
        seed: of the order.
        mark: of the sheet, where a model drew some of it.
    """
    rows = random_subset(reference.real, count, seed)
    real = list(np.asarray(reference.data.pixels[rows]))
    fake = list(_first(evaluated, len(real)))
    order = np.random.default_rng(seed).permutation(len(real) + len(fake))
    pictures = [(real + fake)[i] for i in order]
    answers = {str(n + 1): "real" if i < len(real) else "generated" for n, i in enumerate(order.tolist())}
    sheet = _sheet(pictures, max(_SIDE, min(evaluated.size, reference.data.card.size)))
    if mark is None:
        portraits.write(folder / FILES[0], sheet)
    else:
        mark.sheet(folder / FILES[0], sheet[None], 1)
    files.write_text(folder / FILES[1], json.dumps(answers, indent=2) + "\n")


def _first(evaluated: PictureSet, count: int) -> Iterator[UInt8[ndarray, "H W 3"]]:
    left = count
    for chunk in evaluated.draw():
        yield from chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _sheet(pictures: list[UInt8[ndarray, "_ _ 3"]], side: int) -> UInt8[ndarray, "H W 3"]:
    """Pictures with their numbers below them."""
    import cv2

    tiles = []
    for number, picture in enumerate(pictures, 1):
        enlarging = picture.shape[0] < side
        tile = np.full((side + _CAPTION, side, 3), _PAPER, np.uint8)
        how = cv2.INTER_CUBIC if enlarging else cv2.INTER_AREA
        tile[:side] = cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=how)
        font, place = cv2.FONT_HERSHEY_SIMPLEX, (2, side + _CAPTION - 8)
        cv2.putText(tile, str(number), place, font, 0.55, _INK, 1, cv2.LINE_AA)
        tiles.append(tile)
    return portraits.sheet(np.stack(tiles), _COLUMNS, _GAP, _PAPER)
