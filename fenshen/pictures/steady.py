"""Redrawn films without flicker: what a style changes is carried from frame to frame along the film's own movement.

As in Lai et al. 2018 (Learning blind video temporal consistency), consistency is judged by the film itself: where it
agrees with its moved previous frame, the redrawn film should too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

Picture = UInt8[ndarray, "H W 3"]

_KEPT = 0.6  # share of the previous frame, where the film agrees with itself
_AGREES = 6.0  # levels of 255 by which a film may differ from its moved previous frame
_NEAR = 1.5  # px: one pixel's difference is noise
_LARGEST = 512  # px: longer side of the frames that movement is searched in
_OCCLUDED = (0.01, 0.5)  # of Sundaram, Brox, Keutzer 2010, equation 5


class Moved(NamedTuple):
    """How one frame follows from the one before.

    Attributes:
        flow: from each pixel to its place in the frame before, x and y in px.
        visible: whether it was visible there.
    """

    flow: Float[ndarray, "H W 2"]
    visible: Bool[ndarray, "H W"]

    def carry(self, before: ndarray) -> Float[ndarray, "H W *C"]:
        """The frame before, or anything that belongs to its pixels, moved to this one's places."""
        return _carried(before.astype(np.float32), self.flow)


class Movement:
    """Follows a film's pixels from frame to frame, by dense inverse search (Kroeger et al. 2016)."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, before: Picture, after: Picture) -> Moved:
        """What moved where; pixels are hidden before whose way there and back do not cancel."""
        height, width = after.shape[:2]
        scale = min(_LARGEST / max(height, width), 1.0)
        side = (max(round(scale * width), 1), max(round(scale * height), 1))
        one, other = (
            cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_AREA)
            for picture in (before, after)
        )
        back, forth = self._search.calc(other, one, None), self._search.calc(one, other, None)
        there = _carried(forth, back)
        share, least = _OCCLUDED
        apart = np.square(back + there).sum(2)
        visible = apart < share * (np.square(back) + np.square(there)).sum(2) + least
        if scale < 1:
            back = cv2.resize(back, (width, height)) / scale
            visible = cv2.resize(visible.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return Moved(back, visible.astype(bool))


class Steady:
    """Steadies the frames of one redrawn film, one after another."""

    def __init__(self) -> None:
        self._movement = Movement()
        self._last: tuple[Picture, Float[ndarray, "H W 3"]] | None = None

    def __call__(self, frame: Picture, redrawn: Picture) -> Picture:
        """The redrawn frame, mixed with the one before where the film has only moved."""
        made = redrawn.astype(np.float32)
        if self._last is not None:
            before, drawn = self._last
            moved = self._movement.between(before, frame)
            apart = np.abs(frame - moved.carry(before)).mean(2)
            agrees = np.exp(-np.square(cv2.GaussianBlur(apart, (0, 0), _NEAR) / _AGREES))
            made += (_KEPT * moved.visible * agrees)[..., None] * (moved.carry(drawn) - made)
        self._last = frame, made
        return np.clip(np.round(made), 0, 255).astype(np.uint8)


def warping_errors(film: list[Picture], redrawn: list[Picture]) -> Iterator[float]:
    """Mean difference, in levels of 255, of each redrawn frame from its moved predecessor, where that was visible.

    Lai et al. 2018, equation 6, as a mean of absolute values; the movement is the film's own.
    """
    movement = Movement()
    for i in range(1, len(film)):
        moved = movement.between(film[i - 1], film[i])
        apart = np.abs(redrawn[i] - moved.carry(redrawn[i - 1])).mean(2)
        yield float(apart[moved.visible].mean())


def _carried(picture: Float[ndarray, "H W *C"], flow: Float[ndarray, "H W 2"]) -> Float[ndarray, "H W *C"]:
    height, width = flow.shape[:2]
    places = flow + np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
    return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
