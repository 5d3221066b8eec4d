"""One steady crop for a whole video.

A crop that follows each frame's face jitters with every landmark. Here the crop stands still and the head
moves in it, and :func:`fenshen.faces.measure.measure` reads x, y, scale and roll relative to the crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.faces.align import placement
from fenshen.faces.detect import Face
from fenshen.faces.pose import head_frame


def steady_crop(faces: Sequence[Face | None], size: int) -> Float[ndarray, "2 3"]:
    """One transform for a whole clip: that of its median head, without rotation.

    Args:
        faces: the subject's face in each frame, or None where it was not found.
        size: the portrait's side in pixels.

    Raises:
        ValueError: no frame has a face.
    """
    heads = [head_frame(face.landmarks) for face in faces if face is not None]
    if not heads:
        raise ValueError("no frame of the clip has a face")
    centre = np.median([head.centre for head in heads], axis=0)
    return placement(centre, float(np.median([head.height for head in heads])), 0.0, size)
