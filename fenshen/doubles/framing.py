"""Puts the moving crop of a film's double back into the film's own frame, at its own place and size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from fenshen.keyframes import Whole

_FEATHER = 0.08  # of the square's side, over which the crop fades into the frame
_SLACK = 1.5  # pixels between the square and the frame's edge that are no seam
_COARSE = 1.5  # times that a crop is enlarged by resampling alone
Picture = UInt8[ndarray, "S S 3"]


class Framing:
    """Puts crops into a frame.

    Args:
        whole: the frame.
        enlarged: makes a crop that is much smaller than its place sharper and larger.
    """

    def __init__(self, whole: Whole, enlarged: Callable[[Picture], Picture]) -> None:
        height, width = whole.picture.shape[:2]
        self._whole, self._enlarged = whole, enlarged
        rows, columns = (
            slice(max(int(np.floor(low)), 0), min(int(np.ceil(low + whole.side)), most))
            for low, most in ((whole.top, height), (whole.left, width))
        )
        self._box = rows, columns
        self._under = np.ascontiguousarray(whole.picture[self._box])
        self._share = np.outer(
            _rise(rows, whole.top, whole.side, height), _rise(columns, whole.left, whole.side, width)
        )

    def frame(self, crop: Picture) -> UInt8[ndarray, "H W 3"]:
        """The whole frame with a crop in it."""
        import cv2

        frame = self._whole.picture.copy()
        frame[self._box] = cv2.blendLinear(self._placed(crop), self._under, self._share, 1 - self._share)
        return frame

    def _placed(self, crop: Picture) -> UInt8[ndarray, "h w 3"]:
        """A crop at the frame's pixels, where they show some of it."""
        import cv2

        left, top, side = self._whole.square
        if side > _COARSE * len(crop):
            crop = self._enlarged(crop)
        if side < len(crop):
            near = (max(round(side), 1),) * 2
            crop = cv2.resize(crop, near, interpolation=cv2.INTER_AREA)
        factor = side / len(crop)
        rows, columns = self._box
        # Pixel i of the crop has its centre at factor * (i + 1/2) from the square's corner.
        x, y = (low - place.start + (factor - 1) / 2 for low, place in ((left, columns), (top, rows)))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        matrix = np.array([[factor, 0, x], [0, factor, y]])
        return cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _rise(place: slice, low: float, side: float, most: int) -> Float32[ndarray, "n"]:
    """How much the crop counts along one axis: 0 at its edges, 1 farther inside; all of it where the frame ends too.

    Args:
        place: the frame's pixels.
        low, side: of the square, in pixels.
        most: the frame's pixels.
    """
    at = np.arange(place.start, place.stop) + 0.5
    share = np.ones_like(at)
    for depth, seam in ((at - low, low > _SLACK), (low + side - at, low + side < most - _SLACK)):
        if seam:
            reached = np.clip(depth / (_FEATHER * side), 0, 1)
            share *= reached**2 * (3 - 2 * reached)
    return share.astype(np.float32)
