"""Controls from a face: MediaPipe's output in terms of :mod:`fenshen.controls`."""

from __future__ import annotations

import math

from jaxtyping import Float
from numpy import ndarray

from fenshen import controls
from fenshen.controls import CENTRE, FACE_HEIGHT
from fenshen.faces.correction import corrected
from fenshen.faces.detect import Face
from fenshen.faces.pose import angles, head_frame, rotation


def measure(face: Face, matrix: Float[ndarray, "2 3"], size: int) -> Float[ndarray, "58"]:
    """The controls of a face in its portrait.

    Args:
        face: as found in the source picture.
        matrix: the similarity transform from source to portrait pixels.
        size: the portrait's side in pixels.

    Returns:
        All 58 controls, within their ranges. In a portrait that :func:`fenshen.faces.align.alignment` cut,
        roll, x, y and scale are near 0: the remainder is how this face differs from the average.
    """
    values = measure_raw(face, matrix, size)
    return corrected(values[None], face.landmarks[None])[0]


def measure_raw(face: Face, matrix: Float[ndarray, "2 3"], size: int) -> Float[ndarray, "58"]:
    """Like :func:`measure`, with MediaPipe's scores uncorrected."""
    values = controls.NEUTRAL.copy()
    values[: len(controls.BLENDSHAPES)] = face.blendshapes
    turned = rotation(0, 0, math.atan2(matrix[1, 0], matrix[0, 0])) @ face.rotation
    placed = (*angles(turned), *_place(face, matrix, size))
    for name, value in zip(controls.ROTATION + controls.PLACEMENT, placed, strict=True):
        values[controls.INDEX[name]] = value
    return controls.clip(values)


def _place(face: Face, matrix: Float[ndarray, "2 3"], size: int) -> tuple[float, float, float]:
    head = head_frame(face.landmarks)
    x, y = (matrix[:, :2] @ head.centre + matrix[:, 2] + 0.5) / size - CENTRE
    height = head.height * math.hypot(matrix[0, 0], matrix[1, 0]) / size
    return float(x), float(y), math.log2(max(height, 1e-6) / FACE_HEIGHT)
