"""Where a picture is damaged: told by rectangles or a file, or found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.errors import UsageError

Picture = UInt8[ndarray, "H W 3"]
Mask = Bool[ndarray, "H W"]

AUTO = "auto"
_WORKING_SIDE = 1024  # px of the longer side, at which scratches are looked for
_SCRATCH = 9  # px, wider than any scratch at that size
_STANDS_OUT = 40  # of 255, from what is around a scratch
_LONG = 0.15  # of the longer side: what is shorter may be a lash or a seam
_THIN = 15.0  # times longer than wide
_STAMP = ((5, 150, 150), (28, 255, 255))  # hue, saturation and value of a camera's orange date
_FEWEST_DIGITS, _MOST_DIGITS = 4, 14
_CORNER = (0.70, 0.45)  # where it stands: below and to the right of these shares
_GROWN = 3  # px, for soft edges


def missing(picture: Picture, words: Sequence[str]) -> Mask:
    """What all the words together say is missing.

    Args:
        words: ``auto``, ``left,top,width,height`` in pixels, or the name of a picture that is light where it is.

    Raises:
        UsageError: a word is none of these, a file has another size, or nothing at all is missing, or everything.
        FenshenError: a file cannot be read.
    """
    mask = np.zeros(picture.shape[:2], bool)
    for word in words:
        mask |= _of_word(picture, word)
    if not mask.any():
        raise UsageError("restore.nothing_found" if AUTO in words else "restore.nothing_missing")
    if mask.all():
        raise UsageError("restore.all_missing")
    return mask


def _of_word(picture: Picture, word: str) -> Mask:
    height, width = picture.shape[:2]
    if word == AUTO:
        return scratches(picture) | stamp(picture)
    if box := re.fullmatch(r"\s*" + r"\s*,\s*".join([r"(\d{1,6})"] * 4) + r"\s*", word):
        left, top, wide, high = map(int, box.groups())
        mask = np.zeros((height, width), bool)
        mask[top : top + high, left : left + wide] = True
        return mask
    if not Path(word).exists():
        raise UsageError("restore.bad_mask", word=word)
    read = portraits.read(word, ground=(0, 0, 0))
    if read.shape != picture.shape:
        raise UsageError(
            "restore.mask_size",
            path=word,
            have=f"{read.shape[1]} x {read.shape[0]}",
            want=f"{width} x {height}",
        )
    return read.max(axis=2) > 127


def scratches(picture: Picture) -> Mask:
    """Thin, long lines that are lighter or darker than everything beside them."""
    height, width = picture.shape[:2]
    scale = min(_WORKING_SIDE / max(height, width), 1.0)
    side = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    square = np.ones((_SCRATCH, _SCRATCH), np.uint8)
    found = np.zeros(grey.shape, np.uint8)
    for which in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        lines = (cv2.morphologyEx(grey, which, square) > _STANDS_OUT).astype(np.uint8)
        count, labels, _, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
        for label in range(1, count):
            points = np.argwhere(labels == label)
            if len(points) >= _LONG * max(side) and _is_line(points, max(side)):
                found[labels == label] = 1
    grown = cv2.dilate(found, np.ones((_GROWN, _GROWN), np.uint8))
    return cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0


def _is_line(points: ndarray, side: int) -> bool:
    (_, (a, b), _) = cv2.minAreaRect(points[:, ::-1].astype(np.float32))
    long, wide = max(a, b), len(points) / max(a, b, 1.0)
    return long >= _LONG * side and long >= _THIN * wide


def _digits(stats: ndarray, height: int) -> list[int]:
    """Of connected parts those that are digits of one date: at least four, equally high, on one line; else none."""
    tops, highs, areas = (stats[:, i] for i in (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    wides = stats[:, cv2.CC_STAT_WIDTH]
    likely = [
        i
        for i in range(1, len(stats))
        if 0.012 * height <= highs[i] <= 0.08 * height
        and wides[i] <= 1.2 * highs[i]
        and areas[i] <= 0.7 * highs[i] * wides[i] + 8
    ]
    lines = ([j for j in likely if _on_one_line(tops, highs, i, j)] for i in likely)
    longest = max(lines, key=len, default=[])
    return longest if _FEWEST_DIGITS <= len(longest) <= _MOST_DIGITS else []


def _on_one_line(tops: ndarray, highs: ndarray, one: int, other: int) -> bool:
    allowed = 0.2 * highs[one]
    return bool(abs(tops[one] - tops[other]) <= allowed and abs(highs[one] - highs[other]) <= allowed)


def stamp(picture: Picture) -> Mask:
    """The orange digits of a date in the lower right corner."""
    height, width = picture.shape[:2]
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    found = cv2.inRange(colours, np.array(_STAMP[0]), np.array(_STAMP[1]))
    found[: int(_CORNER[0] * height)] = 0
    found[:, : int(_CORNER[1] * width)] = 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    digits = stats[_digits(stats, height)]
    if not len(digits):
        return np.zeros((height, width), bool)
    left, top, wide, high, _ = digits.T
    # All that is orange on their line: a one and an apostrophe are thinner than digits are.
    beside, above = 3 * high.max(), round(0.2 * high.max())
    mask = np.zeros_like(found)
    line = (
        slice(max(top.min() - above, 0), (top + high).max() + above),
        slice(max(left.min() - beside, 0), (left + wide).max() + beside),
    )
    mask[line] = found[line] > 0
    return cv2.dilate(mask, np.ones((2 * _GROWN - 1,) * 2, np.uint8)) > 0
