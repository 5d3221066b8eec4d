"""A model that redraws, at work on pictures of any size and shape."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.errors import FenshenError, UsageError
from fenshen.model import Model

Picture = UInt8[ndarray, "H W 3"]

_WORKED_AT = 2.0  # sides of the network's pictures, that a picture's longer side is worked at
_SMALLEST = 16  # px
_BILATERAL = (7, 30.0, 4.0)  # px across, and standard deviations in levels of 255 and in px


class Styling:
    """Redraws pictures.

    The network works at a size at which things are about as large as in its training pictures; a drawing has no finer
    detail than its lines, so enlarging it loses little.

    Args:
        model: trained on ``pairs:`` or ``unpaired:``.
        strength: 0 changes nothing, 1 everything.
        smooth: smooth what is finer than a face's parts first, keeping edges: for a model that was taught on drawn
            people, who have no pores.

    Raises:
        UsageError: a strength that is out of range.
        FenshenError: the model does not redraw pictures.
    """

    def __init__(self, model: Model, strength: float = 1.0, smooth: bool = False) -> None:
        if model.card.network.sources != 3:
            raise FenshenError("stylize.other_model", path=model.path)
        if not 0 <= strength <= 1:
            raise UsageError("generate.out_of_range", option="--strength", value=strength, low=0, high=1)
        self.model, self.strength, self.smooth = model, strength, smooth

    def __call__(self, picture: Picture) -> Picture:
        """The picture redrawn, at its own size.

        Raises:
            UsageError: it is smaller than 16 pixels.
        """
        height, width = picture.shape[:2]
        if min(height, width) < _SMALLEST:
            raise UsageError("stylize.too_small", width=width, height=height, least=_SMALLEST)
        scale = min(_WORKED_AT * self.model.card.resolution / max(height, width), 1.0)
        side = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = picture if scale == 1 else cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
        for _ in range(2 if self.smooth else 0):
            small = cv2.bilateralFilter(small, *_BILATERAL)
        (made,) = self.model.translate(small[None])
        if scale < 1:
            made = enlarged(made, (width, height))
        mixed = picture + self.strength * (made.astype(np.float32) - picture)
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def enlarged(picture: Picture, size: tuple[int, int]) -> Float[ndarray, "h w 3"]:
    """A drawing at a larger size with its flat colours and sharp edges: bicubic, then steeper where it is steep."""
    large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    factor = max(size) / max(picture.shape[:2])
    soft = cv2.GaussianBlur(large, (0, 0), 0.5 * factor)
    return np.clip(large + 0.8 * (large - soft), 0, 255)
