"""Portrait quality: focus, brightness, and whether the face is covered or turned far aside.

This module refuses nothing; it gives numbers and flags that others decide by. The thresholds were set on
photographs and video frames of six people that were blurred, masked and covered on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.errors import FenshenError
from fenshen.faces.align import alignment
from fenshen.faces.detect import Face
from fenshen.faces.pose import angles
from fenshen.landmarks import (
    ABOVE_BROW_INNER,
    BESIDE_MOUTH,
    CHEEK,
    CHEEK_LOWER,
    CHIN_FRONT,
    FOREHEAD_MIDDLE,
    NOSE_RIDGE_LOW,
    PHILTRUM,
    UNDER_EYE,
)

# Sharpness of portraits, by Gaussian blur of so many pixels at 128 px: none 0.62 to 0.69, one 0.49 to 0.55,
# two 0.30 to 0.38, three 0.21 to 0.30; a face enlarged twofold is at 0.45. Below BLURRED a portrait looks
# out of focus.
BLURRED = 0.35
_SHARPNESS_SIDE = 256  # larger portraits are judged at this size: to be enlarged a little is no blur
_REBLUR = 9  # pixels, the filter of the paper

# Mean luma below or above which the face loses its features.
TOO_DARK, TOO_BRIGHT = 0.08, 0.92
_UNLIT = 0.15  # luma that all but one pixel of a hundred stay below where it is too dark to find a face

FAR_ASIDE = math.radians(45)  # of yaw
FAR_UP_OR_DOWN = math.radians(35)  # of pitch

# Skin that is mostly bare: forehead, cheeks, nose, under the eyes, chin, upper lip, beside the mouth.
_SKIN = (
    FOREHEAD_MIDDLE,
    *ABOVE_BROW_INNER,
    *CHEEK,
    *CHEEK_LOWER,
    NOSE_RIDGE_LOW,
    *UNDER_EYE,
    CHIN_FRONT,
    PHILTRUM,
    *BESIDE_MOUTH,
)
_OTHER_COLOUR = 20.0  # CIELAB a, b distance from the face's median; bare skin of one face stays within 17
_MUCH_DARKER, _MUCH_LIGHTER = 0.4, 40.0  # CIELAB L: a share of the median; a difference to it
_COVERED = 2  # patches that are not the face's colour; one may be a shadow or a highlight

# Where the face is in an aligned portrait, in fractions of its side: top, bottom, left, right.
_FACE_WINDOW = (0.25, 0.80, 0.27, 0.73)


@dataclass(frozen=True)
class Quality:
    """What :func:`judge` finds in a portrait.

    Attributes:
        sharpness: the face's sharpness, 0 (no detail) to 1; below :data:`BLURRED` it is out of focus.
        exposure: mean luma of the face, 0 to 1.
        face_size: the face's height in source pixels.
        occluded: the face is partly covered, or cut off by the picture's edge. Skin-coloured covers are
            missed, and a dark beard may count as one: a hint, not a verdict.
        extreme_pose: turned more than 45 degrees aside or 35 degrees up or down.
    """

    sharpness: float
    exposure: float
    face_size: float
    occluded: bool
    extreme_pose: bool


def judge(
    portrait: UInt8[ndarray, "S S 3"],
    face: Face,
    *,
    matrix: Float[ndarray, "2 3"] | None = None,
    shape: tuple[int, ...] | None = None,
) -> Quality:
    """Judge a portrait of a face.

    Args:
        portrait: RGB.
        face: as found in the source picture.
        matrix: the transform that the portrait was cut with; by default the face's own alignment.
        shape: height and width of the source picture, needed to notice a face cut off by its edge.
    """
    size = len(portrait)
    matrix = alignment(face.landmarks, size) if matrix is None else matrix
    points = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    top, bottom, left, right = (round(size * edge) for edge in _FACE_WINDOW)
    window = portrait[top:bottom, left:right]
    yaw, pitch, _ = angles(face.rotation)
    return Quality(
        sharpness=_sharpness(window, size),
        exposure=exposure(window),
        face_size=face.size,
        occluded=_covered(portrait, points) or (shape is not None and _cut_off(face, shape)),
        extreme_pose=abs(yaw) > FAR_ASIDE or abs(pitch) > FAR_UP_OR_DOWN,
    )


def sharpness(picture: UInt8[ndarray, "H W 3"]) -> float:
    """How much of a picture's detail a blur would remove, 0 to 1; 0 for pictures without detail.

    Blurring a sharp picture changes its gradients much, blurring a blurred one little (Crété-Roffet et al.,
    "The Blur Effect: Perception and Estimation with a New No-Reference Perceptual Blur Metric", SPIE 2007;
    this is 1 minus their metric, and like there the blurrier of both directions counts, so motion blur
    shows).
    """
    return _sharpness(picture, max(picture.shape[:2]))


def exposure(picture: UInt8[ndarray, "H W 3"]) -> float:
    """Mean luma of a picture, 0 (black) to 1 (white), by ITU-R BT.601 as coded, not linearised."""
    return float(_luma(picture).mean()) / 255 if picture.size else 0.0


def unlit(film: Path | str) -> FenshenError | None:
    """What to say of a film that shows no face because it is almost black or white; None where it is neither."""
    from fenshen import video

    some = islice(video.frames(film, fps=2), 20)
    looks = np.concatenate([_luma(frame.picture[::4, ::4]).ravel() for frame in some])
    darker, brighter = np.quantile(looks, (0.05, 0.99)) / 255
    if brighter < _UNLIT:
        return FenshenError("faces.dark_film", path=film)
    return FenshenError("faces.bright_film", path=film) if darker > 1 - _UNLIT / 2 else None


def _sharpness(picture: UInt8[ndarray, "H W 3"], side: int) -> float:
    import cv2

    if side > _SHARPNESS_SIDE:
        scale = _SHARPNESS_SIDE / side
        height, width = (max(1, round(n * scale)) for n in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    luma = _luma(picture).astype(np.float32)
    kept = []
    for axis, kernel in ((0, (1, _REBLUR)), (1, (_REBLUR, 1))):
        before = np.abs(np.diff(luma, axis=axis))
        after = np.abs(np.diff(cv2.blur(luma, kernel), axis=axis))
        lost = np.maximum(before - after, 0).sum()
        kept.append(float(lost / before.sum()) if before.sum() > 0 else 0.0)
    return min(kept)


def _luma(picture: UInt8[ndarray, "H W 3"]) -> UInt8[ndarray, "H W"]:
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _covered(portrait: UInt8[ndarray, "S S 3"], points: Float[ndarray, "478 2"]) -> bool:
    """Whether patches of skin differ in colour from the rest, as a cover would."""
    import cv2

    size = len(portrait)
    radius = max(1, round(0.015 * size))
    lab = cv2.cvtColor(portrait.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    places = np.clip(np.round(points[list(_SKIN)]).astype(int), radius, size - 1 - radius)
    patches = np.array(
        [
            np.median(lab[y - radius : y + radius + 1, x - radius : x + radius + 1].reshape(-1, 3), axis=0)
            for x, y in places
        ]
    )
    usual = np.median(patches, axis=0)
    other = np.hypot(*(patches - usual)[:, 1:].T) > _OTHER_COLOUR
    other |= (patches[:, 0] < _MUCH_DARKER * usual[0]) | (patches[:, 0] > usual[0] + _MUCH_LIGHTER)
    return int(other.sum()) >= _COVERED


def _cut_off(face: Face, shape: tuple[int, ...]) -> bool:
    """Whether more than one in fifty of the landmarks lie outside the picture."""
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    outside = (x < 0) | (y < 0) | (x > shape[1]) | (y > shape[0])
    return float(outside.mean()) > 0.02
