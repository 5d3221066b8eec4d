"""Head pose: one rigid fit to MediaPipe's canonical face.

The landmarks are points in space under orthographic projection. The rotation, size and place that bring the
canonical face onto them are a weighted orthogonal Procrustes problem with a closed solution (Umeyama, "Least-
Squares Estimation of Transformation Parameters Between Two Point Patterns", IEEE TPAMI 13(4), 1991, eq.
40-42). MediaPipe gives a pose matrix of its own; it assumes a camera, so that the same face reads as turned
by up to 15 degrees more at the picture's edge than in its middle. This fit depends on the face's own pixels
alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import landmarks

# Points that hold still while a face moves: MediaPipe's own choice and weights, without the two on the jaw.
# Landmarks, their weight, and x (of the left one), y, z in centimetres.
_PAIRS = (
    (landmarks.EYE_OUTER, 0.0587, 4.446, 2.664, 3.173),
    (landmarks.EYE_INNER, 0.0533, 1.856, 2.585, 3.758),
    (landmarks.FOREHEAD_CORNER, 0.0077, 6.279, 6.615, 1.426),
    (landmarks.HAIRLINE, 0.0091, 3.524, 8.006, 3.729),
    (landmarks.TEMPLE, 0.0052, 7.743, 2.365, -2.005),
    (landmarks.BESIDE_EYE, 0.0148, 6.408, 2.236, 1.561),
    (landmarks.CHEEKBONE, 0.0098, 5.259, 0.946, 2.974),
    (landmarks.CHEEK_UPPER, 0.0146, 3.301, 0.862, 3.873),
    (landmarks.UNDER_EYE_INNER, 0.0186, 1.821, 1.468, 4.224),
    (landmarks.NOSE_SIDE, 0.0255, 1.247, 0.230, 5.681),
    (landmarks.NOSE_WING, 0.1206, 1.786, -0.978, 4.851),
    (landmarks.CHEEK_LOWER, 0.0473, 3.833, -1.537, 4.138),
    (landmarks.CHEEK_BACK, 0.0143, 6.235, -1.944, 1.664),
    (landmarks.BELOW_EAR, 0.0056, 7.271, -2.891, -2.252),
)
_MIDLINE = (
    (landmarks.NOSE_TIP, 0.0709, 0.0, -0.463, 7.587),
    (landmarks.NOSE_BRIDGE, 0.0321, 0.0, 2.473, 5.789),
    (landmarks.FOREHEAD, 0.0084, 0.0, 8.262, 4.482),
)
# Of all three: those on the midline, then on the right, then on the left.
_POINTS = (
    [point for point, *_ in _MIDLINE]
    + [pair.right for pair, *_ in _PAIRS]
    + [pair.left for pair, *_ in _PAIRS]
)
_CANONICAL: Float[ndarray, "31 3"] = np.array(
    [place for _, _, *place in _MIDLINE]
    + [(-x, y, z) for _, _, x, y, z in _PAIRS]
    + [place for _, _, *place in _PAIRS]
)
_WEIGHTS = np.array([weight for _, weight, *_ in _MIDLINE] + [weight for _, weight, *_ in _PAIRS] * 2)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()

FACE_HEIGHT = 17.67  # height of the canonical face, forehead to chin, in centimetres

# The landmarks' axes are x right, y down, z into the scene; the pose's x right, y up, z to the viewer.
_AXES = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class HeadFrame:
    """How a head stands in its picture.

    Attributes:
        rotation: rotation from the upright, frontal head to this one; x to the viewer's right, y up, z to the viewer.
        height: height from forehead to chin in pixels, as if upright with the mouth shut.
        centre: the origin of the canonical face in pixels, x right and y down. It lies inside the head, on a
            level with the ridge of the nose and four centimetres behind the eyes, and so moves little when
            the head turns.
    """

    rotation: Float[ndarray, "3 3"]
    height: float
    centre: Float[ndarray, "2"]


def head_frame(landmarks: Float[ndarray, "478 3"]) -> HeadFrame:
    """Fit the pose of a head from its landmarks in pixels."""
    points = np.asarray(landmarks, dtype=np.float64)[_POINTS] * _AXES
    mean, canonical_mean = _WEIGHTS @ points, _WEIGHTS @ _CANONICAL
    centred = _CANONICAL - canonical_mean
    u, stretch, vt = np.linalg.svd((points - mean).T @ (centred * _WEIGHTS[:, None]))
    proper = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])  # a rotation, never a reflection
    rotation = (u * proper) @ vt
    scale = float(stretch @ proper) / float(_WEIGHTS @ (centred**2).sum(axis=1))  # pixels a centimetre
    centre = (mean - scale * rotation @ canonical_mean) * _AXES
    return HeadFrame(rotation, scale * FACE_HEIGHT, centre[:2])


def angles(rotation: Float[ndarray, "3 3"]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a rotation, in radians, such that R = Rz(-roll) Ry(yaw) Rx(-pitch).

    The head nods about its own ears, turns about the upright axis, and the whole is then tilted in the
    picture's plane: turning a picture in its plane changes the roll by as much and leaves yaw and pitch
    alone.
    """
    r = np.asarray(rotation, dtype=np.float64)
    yaw = math.asin(float(np.clip(-r[2, 0], -1, 1)))
    return yaw, -math.atan2(r[2, 1], r[2, 2]), -math.atan2(r[1, 0], r[0, 0])


def rotation(yaw: float, pitch: float, roll: float) -> Float[ndarray, "3 3"]:
    """The rotation for these angles in radians; the inverse of :func:`angles` for yaw within a right angle."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(-pitch), math.sin(-pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return _in_plane(-roll) @ about_y @ about_x


def _in_plane(angle: float) -> Float[ndarray, "3 3"]:
    """In-plane rotation, anticlockwise as the viewer sees it."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
