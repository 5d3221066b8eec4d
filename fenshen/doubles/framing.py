"""Puts the moving crop of a film's double back into the film's own frame, at its own place and size.

Near the crop's edges, of the person only the first keyframe is shown, and comes to rest: there it is the frame itself.
So shoulders bend a little between what moves and what does not, and nothing is seen twice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen.keyframes import Whole

# Depths inside the square, in its sides, over which the crop fades in, the first keyframe begins to move, and the
# others join it. The last must end before the chin.
_FADE, _MOVE, _MIX = (0.0, 0.04), (0.03, 0.15), (0.14, 0.22)
_SLACK = 1.5  # pixels between the square and the frame's edge that are no seam
_COARSE = 1.5  # times that a crop is enlarged by resampling alone
Picture = UInt8[ndarray, "S S 3"]


class Held:
    """Lets what a double is put together from come to rest at the edges of its square.

    Args:
        whole: the frame that it is put into.
    """

    def __init__(self, whole: Whole) -> None:
        self._whole = whole

    def __call__(
        self, motion: Float[Tensor, "B K 2 f f"], weights: Float[Tensor, "B L s s"]
    ) -> tuple[Float[Tensor, "B K 2 f f"], Float[Tensor, "B L s s"]]:
        """Motion and weights as in :class:`fenshen.networks.mover.Parts`."""
        moves, mixed = (
            torch.from_numpy(_inside(self._whole, (np.arange(side) + 0.5) / side, depths)).to(motion.device)
            for side, depths in ((motion.shape[-1], _MOVE), (weights.shape[-1], _MIX))
        )
        count, plate = motion.shape[1], weights[:, motion.shape[1]]
        held = mixed * weights
        held[:, 0] += (1 - mixed) * (1 - plate)
        held[:, count] = plate  # the background is still everywhere
        return moves * motion, held


class Framing:
    """Puts crops into a frame.

    Args:
        whole: the frame.
        enlarged: makes a crop that is much smaller than its place sharper and larger.
    """

    def __init__(self, whole: Whole, enlarged: Callable[[Picture], Picture]) -> None:
        height, width = whole.picture.shape[:2]
        self._whole, self._enlarged = whole, enlarged
        self._box = rows, columns = tuple(
            slice(max(int(np.floor(low)), 0), min(int(np.ceil(low + whole.side)), most))
            for low, most in ((whole.top, height), (whole.left, width))
        )
        self._under = np.ascontiguousarray(whole.picture[self._box])
        down, across = (
            (np.arange(place.start, place.stop) + 0.5 - low) / whole.side
            for place, low in ((rows, whole.top), (columns, whole.left))
        )
        self._share = _inside(whole, across, _FADE, down)

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


def _inside(
    whole: Whole,
    across: Float[ndarray, "w"],
    depths: tuple[float, float],
    down: Float[ndarray, "h"] | None = None,
) -> Float32[ndarray, "h w"]:
    """0 near the square's edges, 1 farther inside, also where the square ends with the frame.

    Args:
        across, down: places in the square, in its sides; down is the same as across if None.
        depths: up to which it is 0, and from which it is 1, in sides.
    """
    height, width = whole.picture.shape[:2]
    shares = []
    for at, low, most in (
        (across if down is None else down, whole.top, height),
        (across, whole.left, width),
    ):
        share = np.ones(len(at), np.float32)
        for depth, seam in ((at, low > _SLACK), (1 - at, low + whole.side < most - _SLACK)):
            if seam:
                reached = np.clip((depth - depths[0]) / (depths[1] - depths[0]), 0, 1)
                share *= (reached**2 * (3 - 2 * reached)).astype(np.float32)
        shares.append(share)
    return np.outer(*shares)
