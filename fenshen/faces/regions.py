"""The parts of a face that people look at first."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.landmarks import CORNERS, LIPS

_REACH = (0.75, 0.75, 0.6)  # radius, in distances between the corners


def eyes_and_mouth(landmarks: Float[ndarray, "N 478 3"]) -> Float[ndarray, "N 3 3"]:
    """Middle (x, y) and radius of both eyes and the mouth, in the landmarks' unit."""
    spots = []
    for (right, left), reach in zip(CORNERS, _REACH, strict=True):
        middle = (landmarks[:, right, :2] + landmarks[:, left, :2]) / 2
        # Depth counts: an eye that is turned aside is as tall as before.
        wide = np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=1)
        spots.append(np.column_stack([middle, reach * wide]))
    # An open mouth reaches further than its corners say.
    upper, lower = (landmarks[:, i, :2] for i in LIPS)
    spots[2][:, 1] = (spots[2][:, 1] + (upper[:, 1] + lower[:, 1]) / 2) / 2
    spots[2][:, 2] = np.maximum(spots[2][:, 2], 0.7 * np.linalg.norm(upper - lower, axis=1))
    return np.stack(spots, axis=1).astype(np.float32)
