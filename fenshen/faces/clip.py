"""One steady crop for a whole video.

A crop that follows each frame's face jitters with every landmark. Here the crop stands still and the head
moves in it, and :func:`fenshen.faces.measure.measure` reads x, y, scale and roll relative to the crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.controls import CENTRE, FACE_HEIGHT
from fenshen.faces.align import placement
from fenshen.faces.detect import Face
from fenshen.faces.pose import head_frame

# How much smaller the crop may become to stay inside the picture, and how far it may move, in its sides: a head that is
# larger or farther from the middle is not what a base model has learnt.
_SMALLER, _ASIDE = 2**-0.3, 0.15


def steady_crop(
    faces: Sequence[Face | None], size: int, picture: tuple[int, int] | None = None
) -> Float[ndarray, "2 3"]:
    """One transform for a whole clip: that of its median head, without rotation.

    Args:
        faces: the subject's face in each frame, or None where it was not found.
        size: the portrait's side in pixels.
        picture: width and height of the clip, for the crop to stay inside it as far as it can.

    Raises:
        ValueError: no frame has a face.
    """
    heads = [head_frame(face.landmarks) for face in faces if face is not None]
    if not heads:
        raise ValueError("no frame of the clip has a face")
    centre = np.median([head.centre for head in heads], axis=0)
    side = float(np.median([head.height for head in heads])) / FACE_HEIGHT
    if picture is not None:
        centre, side = _kept_inside(centre, side, np.array(picture, dtype=float))
    return placement(centre, side * FACE_HEIGHT, 0.0, size)


def _kept_inside(
    centre: Float[ndarray, "2"], side: float, picture: Float[ndarray, "2"]
) -> tuple[Float[ndarray, "2"], float]:
    """A head's centre and the crop's side, so that less of the crop lies beyond the picture's edges."""
    side = max(min(side, float(picture.min())), _SMALLER * side)
    corner = centre - np.array(CENTRE) * side
    most = picture - side
    inside = np.where(most >= 0, np.clip(corner, 0, np.maximum(most, 0)), most / 2)
    return centre + np.clip(inside - corner, -_ASIDE * side, _ASIDE * side), side
