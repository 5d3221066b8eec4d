"""Controls from a face: what :mod:`fenshen.controls` promises, read off MediaPipe's numbers.

Angles are those of R = Rz(-roll) Ry(yaw) Rx(-pitch) with x to the viewer's right, y up and z toward the
viewer: the head nods about its own ears, turns about the upright axis, and the whole is then tilted in the
picture's plane. So turning a picture in its plane changes the roll by as much and leaves yaw and pitch
alone.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls
from fenshen.faces.align import CENTRE, FACE_HEIGHT
from fenshen.faces.detect import Face
from fenshen.faces.pose import head_frame


def measure(face: Face, matrix: Float[ndarray, "2 3"], size: int) -> Float[ndarray, "58"]:
    """The controls of a face as it stands in a portrait.

    Args:
        face: as found in the source picture.
        matrix: the similarity transform from source to portrait pixels.
        size: the portrait's side in pixels.

    Returns:
        All 58 controls, within their ranges. In a portrait that :func:`fenshen.faces.align.alignment` cut,
        roll, x, y and scale are near 0: what is left is how this face differs from the average.
    """
    values = controls.NEUTRAL.copy()
    values[: len(controls.BLENDSHAPES)] = face.blendshapes
    turned = _in_plane(-math.atan2(matrix[1, 0], matrix[0, 0])) @ face.rotation
    placed = (*angles(turned), *_place(face, matrix, size))
    for name, value in zip(controls.ROTATION + controls.PLACEMENT, placed, strict=True):
        values[controls.INDEX[name]] = value
    return controls.clip(values)


def angles(rotation: Float[ndarray, "3 3"]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a rotation, in radians."""
    r = np.asarray(rotation, dtype=np.float64)
    yaw = math.asin(float(np.clip(-r[2, 0], -1, 1)))
    return yaw, -math.atan2(r[2, 1], r[2, 2]), -math.atan2(r[1, 0], r[0, 0])


def rotation(yaw: float, pitch: float, roll: float) -> Float[ndarray, "3 3"]:
    """The rotation of these angles in radians; the inverse of :func:`angles` for yaw within a right angle."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(-pitch), math.sin(-pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return _in_plane(-roll) @ about_y @ about_x


def _in_plane(angle: float) -> Float[ndarray, "3 3"]:
    """Anticlockwise as the viewer sees it."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _place(face: Face, matrix: Float[ndarray, "2 3"], size: int) -> tuple[float, float, float]:
    head = head_frame(face.landmarks)
    x, y = (matrix[:, :2] @ head.centre + matrix[:, 2] + 0.5) / size - CENTRE
    height = head.height * math.hypot(matrix[0, 0], matrix[1, 0]) / size
    return float(x), float(y), math.log2(max(height, 1e-6) / FACE_HEIGHT)
