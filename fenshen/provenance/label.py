"""The small visible label in the lower right corner: "AI 生成" or "AI-generated".

Its words are a twentieth of the picture's shorter side high, as China's rule for labels on synthetic pictures asks
(GB 45438-2025), and never smaller than can be read. A sheet has a strip below its pictures for the label, which would
cover one of them; there it is a twentieth of a picture's side.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from fenshen.messages import Language, language

SMALLEST = 64  # pixels of the shorter side; on smaller pictures words cannot be read
_SHARE = 0.055  # of the shorter side
_LEAST = (11, 9, 8)  # pixels; smaller ones where there is no room
_DRAWN = 128  # pixels of a Chinese character in the drawings
_WIDEST = 0.96  # of the picture
_STRIP_GREY = 24  # level of 255
_SHADE, _INK = 0.5, 0.95  # opacity of the black plate and the white words


def put(
    picture: UInt8[ndarray, "H W C"], language_: Language | None = None, side: int | None = None
) -> UInt8[ndarray, "H W C"]:
    """The picture, RGB or RGBA, with the label on it, opaque where the picture is not.

    Args:
        language_: of the words; the one in use if None.
        side: pixels that the words are a twentieth of; the picture's shorter side if None.
    """
    height, width, channels = picture.shape
    if min(height, width) < SMALLEST:
        return picture
    plate, ink = _drawn(side or min(height, width), width, language_ or language())
    rows, columns = box(height, width, language_, side)
    labelled = picture.copy()
    under = labelled[rows, columns].astype(np.float32)
    if channels == 4:
        alpha = under[..., 3:] / 255
        under[..., :3] *= alpha  # what is transparent counts as black
        under[..., 3:] = 255 * np.maximum(alpha, plate[..., None] / _SHADE)
    under[..., :3] = under[..., :3] * (1 - plate[..., None]) * (1 - ink[..., None]) + 255 * ink[..., None]
    labelled[rows, columns] = np.rint(under).astype(np.uint8)
    return labelled


def below(
    sheet: UInt8[ndarray, "H W C"], side: int, language_: Language | None = None
) -> UInt8[ndarray, "h W C"]:
    """A sheet of pictures with the label on a strip below them, transparent if they can be.

    Args:
        side: of one of its pictures, in pixels.
    """
    height, width, channels = sheet.shape
    if min(height, width) < SMALLEST:
        return sheet
    plate, _ = _drawn(side, width, language_ or language())
    room = plate.shape[0] + 2 * _margin(plate.shape[0])
    ground = _STRIP_GREY if channels == 3 else 0
    return put(np.pad(sheet, ((0, room), (0, 0), (0, 0)), constant_values=ground), language_, side)


def box(
    height: int, width: int, language_: Language | None = None, side: int | None = None
) -> tuple[slice, slice]:
    """Rows and columns of the label in a picture of this size."""
    plate, _ = _drawn(side or min(height, width), width, language_ or language())
    margin = min(_margin(plate.shape[0]), (width - plate.shape[1]) // 2)
    bottom, right = height - margin, width - margin
    return slice(bottom - plate.shape[0], bottom), slice(right - plate.shape[1], right)


def _margin(height: int) -> int:
    return round(0.35 * height)


@lru_cache(maxsize=32)
def _drawn(
    side: int, width: int, language_: Language
) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
    """Opacity of the plate and of the words on it."""
    for least in _LEAST:
        size = max(round(_SHARE * side), least)
        words = _words(language_, size)
        pad = (max(round(0.32 * size), 2), max(round(0.5 * size), 2))
        if words.shape[1] + 2 * pad[1] <= _WIDEST * width:
            break
    ink = np.pad(words, ((pad[0], pad[0]), (pad[1], pad[1])))
    return _SHADE * _rounded(*ink.shape), _INK * ink


@lru_cache(maxsize=32)
def _words(name: Language, size: int) -> Float32[ndarray, "h w"]:
    """The words, whose Chinese characters would be ``size`` high."""
    from PIL import Image

    with Image.open(Path(__file__).with_name(f"label-{name}.png")) as drawn:
        scale = size / _DRAWN
        small = drawn.resize(
            (round(drawn.width * scale), round(drawn.height * scale)), Image.Resampling.LANCZOS
        )
    return np.asarray(small, dtype=np.float32) / 255


def _rounded(height: int, width: int) -> Float32[ndarray, "h w"]:
    """A plate with half round ends, antialiased."""
    y, x = np.mgrid[:height, :width] + 0.5
    radius = height / 2
    across = np.maximum(np.abs(x - width / 2) - (width / 2 - radius), 0)
    return np.clip(radius - np.hypot(across, y - radius) + 0.5, 0, 1).astype(np.float32)
