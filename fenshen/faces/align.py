"""Cut a portrait out of a picture: one similarity transform by eyes and mouth, one clean resampling.

A portrait shows the whole head with its hair and a bit of neck and shoulders. The head is placed by a point
inside it, a little behind the eyes, so that a head turned aside stays in the frame with all its hair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

# Where the head goes in a portrait, in fractions of its side.
CENTRE = (0.5, 0.53)  # of the head's centre
FACE_HEIGHT = 0.46  # forehead to chin

# MediaPipe's landmarks: the corners of the eyes and of the mouth. The subject's right is on the viewer's left.
_EYE_RIGHT, _EYE_LEFT, _MOUTH = (33, 133), (263, 362), (61, 291)

# Proportions of an average face, as multiples of its height from forehead to chin.
_EYE_TO_EYE = 0.40
_EYES_TO_MOUTH = 0.44
_DEPTH = 0.25  # from the plane of eyes and mouth back to the head's centre


@dataclass(frozen=True)
class HeadFrame:
    """Where a head is in its picture: ``centre`` in pixels, ``height`` of the face in pixels, in-plane ``angle``
    in radians, clockwise as the viewer sees it."""

    centre: Float[ndarray, "2"]
    height: float
    angle: float


def head_frame(landmarks: Float[ndarray, "478 3"]) -> HeadFrame:
    """Place, size and tilt of a head, whichever way it is turned (distances are taken in space)."""
    points = np.asarray(landmarks, dtype=np.float64)
    right, left, mouth = (points[list(i)].mean(0) for i in (_EYE_RIGHT, _EYE_LEFT, _MOUTH))
    eyes = (right + left) / 2
    across, down = left - right, mouth - eyes
    height = (np.linalg.norm(across) / _EYE_TO_EYE + np.linalg.norm(down) / _EYES_TO_MOUTH) / 2
    back = np.cross(across, down)  # x right, y down, z into the scene: points into the head
    back /= np.linalg.norm(back) + 1e-9
    centre = (eyes + mouth) / 2 + back * _DEPTH * height
    # Both axes vote on the tilt, each by its length in the picture: a head in profile has no width.
    upright = across[:2] + np.array([down[1], -down[0]])
    return HeadFrame(centre[:2], float(height), math.atan2(upright[1], upright[0]))


def alignment(landmarks: Float[ndarray, "478 3"], size: int) -> Float[ndarray, "2 3"]:
    """The similarity transform from source pixels to the pixels of an upright portrait of ``size``.

    Pixels are squares whose centres have whole coordinates, here and in :func:`align`.
    """
    head = head_frame(landmarks)
    return placement(head.centre, head.height, head.angle, size)


def placement(centre: Float[ndarray, "2"], height: float, angle: float, size: int) -> Float[ndarray, "2 3"]:
    """The transform that puts a head of this centre, face height and tilt where a portrait wants it."""
    scale = FACE_HEIGHT * size / max(height, 1e-3)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[c, s], [-s, c]])
    target = np.array(CENTRE) * size - 0.5
    return np.column_stack([linear, target - linear @ centre])


def align(
    picture: UInt8[ndarray, "H W 3"], matrix: Float[ndarray, "2 3"], size: int
) -> UInt8[ndarray, "size size 3"]:
    """The portrait that ``matrix`` cuts out of ``picture``.

    The picture is averaged over whole pixels down to between two and four times the portrait's scale, turned and
    shifted there, and halved: the only filter that acts at the portrait's own scale is the last average, so
    nothing aliases and nothing is blurred twice. What lies outside the picture is its mirrored, ever more
    blurred inside.
    """
    import cv2

    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    factor = max(1, int(0.5 / scale)) if scale > 0 else 1
    finer = 2 if scale * factor < 1 else 1  # enlarging needs no finer grid
    source, corner = _needed(picture, matrix, size, factor)
    if factor > 1:
        height, width = (n // factor * factor for n in source.shape[:2])
        reduced = (width // factor, height // factor)
        source = cv2.resize(source[:height, :width], reduced, interpolation=cv2.INTER_AREA)
    warp = _rescaled(matrix, corner, factor, finer)
    side = size * finer
    method = cv2.INTER_LANCZOS4 if finer > 1 else cv2.INTER_CUBIC
    portrait = cv2.warpAffine(source, warp, (side, side), flags=method, borderMode=cv2.BORDER_REFLECT_101)
    if finer > 1:
        portrait = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)
    return _softened(portrait, matrix, picture.shape[:2])


def _needed(
    picture: UInt8[ndarray, "H W 3"], matrix: Float[ndarray, "2 3"], size: int, factor: int
) -> tuple[UInt8[ndarray, "h w 3"], Float[ndarray, "2"]]:
    """The part of the picture that the portrait is made of, and its corner; all of it where that reaches out."""
    corners = _sources(matrix, np.array([(x, y) for x in (-1, size) for y in (-1, size)], dtype=np.float64))
    margin = 8 * factor
    low = np.floor(corners.min(0)).astype(int) - margin
    high = np.ceil(corners.max(0)).astype(int) + margin + factor
    height, width = picture.shape[:2]
    if low.min() < 0 or high[0] > width or high[1] > height:
        return picture, np.zeros(2)
    return picture[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def _rescaled(
    matrix: Float[ndarray, "2 3"], corner: Float[ndarray, "2"], factor: int, finer: int
) -> Float[ndarray, "2 3"]:
    """``matrix`` for a source cut at ``corner`` and reduced by ``factor``, and a target ``finer`` times as fine."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    # Pixel i of a reduced picture has its centre at factor * (i + 1/2) - 1/2 of the whole one.
    shift = shift + linear @ (corner + (factor - 1) / 2)
    return np.column_stack([linear * factor * finer, finer * (shift + 0.5) - 0.5])


def _softened(
    portrait: UInt8[ndarray, "S S 3"], matrix: Float[ndarray, "2 3"], shape: tuple[int, ...]
) -> UInt8[ndarray, "S S 3"]:
    """Blur what lies outside the picture, the more the further out, so that a mirrored ear reads as ground."""
    import cv2

    size = len(portrait)
    y, x = np.mgrid[:size, :size]
    source = _sources(matrix, np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64))
    low = -0.5 - source
    high = source - (np.array([shape[1], shape[0]]) - 0.5)
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    outside = np.maximum(low, high).max(axis=1).reshape(size, size) * scale / size  # in portrait sides
    if outside.max() <= 0:
        return portrait
    result = portrait.astype(np.float32)
    for sigma in (0.01, 0.03):  # each step takes over as far out as it reaches
        blurred = cv2.GaussianBlur(portrait, (0, 0), sigma * size, borderType=cv2.BORDER_REFLECT_101)
        weight = np.clip(outside / (2 * sigma), 0, 1)[..., None].astype(np.float32)
        result += weight * (blurred.astype(np.float32) - result)
    return np.round(result).astype(np.uint8)


def _sources(matrix: Float[ndarray, "2 3"], points: Float[ndarray, "N 2"]) -> Float[ndarray, "N 2"]:
    """Where in the source these points of the portrait come from."""
    return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
