"""The small visible label in the lower right corner: "AI", or "AI 生成" / "AI-made" where there is room.

Its words are a twentieth of the picture's shorter side high, as China's rule for labels on synthetic pictures asks
(GB 45438-2025), and never smaller than can be read.
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
_LEAST = {"short": 9, "en": 11, "zh": 11}  # pixels
_WIDEST = 0.42  # of the picture
_SHADE, _INK = 0.5, 0.95  # opacity of the black plate and the white words


def put(picture: UInt8[ndarray, "H W C"], language_: Language | None = None) -> UInt8[ndarray, "H W C"]:
    """The picture, RGB or RGBA, with the label on it, opaque where the picture is not.

    Args:
        language_: of the words; the one in use if None.
    """
    height, width, channels = picture.shape
    if min(height, width) < SMALLEST:
        return picture
    plate, ink = _drawn(height, width, language_ or language())
    rows, columns = box(height, width, language_)
    labelled = picture.copy()
    under = labelled[rows, columns].astype(np.float32)
    if channels == 4:
        alpha = under[..., 3:] / 255
        under[..., :3] *= alpha  # what is transparent counts as black
        under[..., 3:] = 255 * np.maximum(alpha, plate[..., None] / _SHADE)
    under[..., :3] = under[..., :3] * (1 - plate[..., None]) * (1 - ink[..., None]) + 255 * ink[..., None]
    labelled[rows, columns] = np.rint(under).astype(np.uint8)
    return labelled


def box(height: int, width: int, language_: Language | None = None) -> tuple[slice, slice]:
    """Rows and columns of the label in a picture of this size."""
    plate, _ = _drawn(height, width, language_ or language())
    margin = round(0.35 * plate.shape[0])
    bottom, right = height - margin, width - margin
    return slice(bottom - plate.shape[0], bottom), slice(right - plate.shape[1], right)


@lru_cache(maxsize=32)
def _drawn(
    height: int, width: int, language_: Language
) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
    """Opacity of the plate and of the words on it."""
    for name in (language_, "short"):
        size = max(round(_SHARE * min(height, width)), _LEAST[name])
        words = _words(name, size)
        if words.shape[1] + 1.2 * size <= _WIDEST * width or name == "short":
            break
    pad = (max(round(0.32 * size), 2), max(round(0.5 * size), 3))
    ink = np.pad(words, ((pad[0], pad[0]), (pad[1], pad[1])))
    return _SHADE * _rounded(*ink.shape), _INK * ink


@lru_cache(maxsize=32)
def _words(name: str, size: int) -> Float32[ndarray, "size w"]:
    from PIL import Image

    with Image.open(Path(__file__).with_name(f"label-{name}.png")) as drawn:
        small = drawn.resize((round(drawn.width * size / drawn.height), size), Image.Resampling.LANCZOS)
    return np.asarray(small, dtype=np.float32) / 255


def _rounded(height: int, width: int) -> Float32[ndarray, "h w"]:
    """A plate with half round ends, antialiased."""
    y, x = np.mgrid[:height, :width] + 0.5
    radius = height / 2
    across = np.maximum(np.abs(x - width / 2) - (width / 2 - radius), 0)
    return np.clip(radius - np.hypot(across, y - radius) + 0.5, 0, 1).astype(np.float32)
