"""The outline of the toon look: ink where the class changes or the depth jumps."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.humans.stage import Pixels

_JUMP = 0.02  # metres
_INK = 0.22  # share of the colour left under the line


def outlined(pixels: Pixels) -> UInt8[ndarray, "S S 3"]:
    """The picture with an outline two drawn pixels wide."""
    assert pixels.geometry is not None
    depth = np.where(pixels.geometry[..., 3] > 0, pixels.geometry[..., 3], 10.0)
    edge = np.zeros(depth.shape, dtype=bool)
    for axis in (0, 1):
        here = np.abs(np.diff(depth, axis=axis)) > _JUMP
        here |= np.diff(pixels.kind.astype(np.int16), axis=axis) != 0
        before, after = ((slice(None, -1), slice(None)), (slice(1, None), slice(None)))
        if axis:
            before, after = before[::-1], after[::-1]
        edge[before] |= here
        edge[after] |= here
    return np.where(edge[..., None], (pixels.colour * _INK).astype(np.uint8), pixels.colour)
