"""Cut a portrait out of a picture: one similarity transform by eyes and mouth, one clean resampling.

A portrait shows the whole head with its hair and a bit of neck and shoulders. The head is placed by a point
inside it, a little behind the eyes, so that a head turned aside stays in the frame with all its hair.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.controls import CENTRE, FACE_HEIGHT
from fenshen.faces import pose
from fenshen.faces.pose import angles, head_frame, rotation
from fenshen.landmarks import CORNERS

# Middle of the right eye, the left eye and the mouth in the canonical face, in centimetres.
_CANONICAL = np.array([(-3.151, 2.625, 3.466), (3.151, 2.625, 3.466), (0.0, -4.343, 4.284)])


def alignment(landmarks: Float[ndarray, "478 3"], size: int) -> Float[ndarray, "2 3"]:
    """The similarity transform from source pixels to the pixels of an upright portrait of ``size``.

    It moves eyes and mouth to where an average head with the same pose would have them. A turned head keeps its
    size, and its hair stays in the frame, because the head is centred, not the face. Pixel centres have integer
    coordinates, here and in :func:`align`.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    features = np.array([points[list(corners), :2].mean(0) for corners in CORNERS])
    yaw, pitch, _ = angles(head_frame(landmarks).rotation)
    average = (_CANONICAL @ rotation(yaw, pitch, 0).T)[:, :2] * (1, -1)
    target = FACE_HEIGHT * average / pose.FACE_HEIGHT + CENTRE
    return similarity(features, target * size - 0.5)


def similarity(source: Float[ndarray, "N 2"], target: Float[ndarray, "N 2"]) -> Float[ndarray, "2 3"]:
    """The least-squares similarity transform between two point sets (Umeyama 1991), in complex numbers."""
    s, t = source @ (1, 1j), target @ (1, 1j)
    centred = s - s.mean()
    factor = np.vdot(centred, t - t.mean()) / max(np.vdot(centred, centred).real, 1e-12)
    shift = t.mean() - factor * s.mean()
    return np.array([(factor.real, -factor.imag, shift.real), (factor.imag, factor.real, shift.imag)])


def placement(centre: Float[ndarray, "2"], height: float, angle: float, size: int) -> Float[ndarray, "2 3"]:
    """The transform that puts a head at its place in a portrait.

    Args:
        centre: the head's centre in source pixels.
        height: the face's height in source pixels.
        angle: the head's roll in radians, clockwise as the viewer sees it.
    """
    scale = FACE_HEIGHT * size / max(height, 1e-3)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[c, s], [-s, c]])
    return np.column_stack([linear, np.array(CENTRE) * size - 0.5 - linear @ centre])


def align(
    picture: UInt8[ndarray, "H W 3"], matrix: Float[ndarray, "2 3"], size: int
) -> UInt8[ndarray, "size size 3"]:
    """The portrait that ``matrix`` cuts out of ``picture``.

    The picture is averaged over whole pixels down to between two and four times the portrait's scale,
    turned and shifted there, and halved. The only filter at the portrait's own scale is that last average:
    nothing aliases, and nothing is blurred twice. What lies outside the picture is a smooth continuation of
    its edges.

    Raises:
        ValueError: ``matrix`` maps no part of the picture into the portrait.
    """
    import cv2

    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    factor = max(1, int(0.5 / scale))
    finer = 2 if scale * factor < 1 else 1  # enlarging needs no finer grid
    source, corner = _needed(picture, matrix, size, factor)
    if factor > 1:
        smaller = (source.shape[1] // factor, source.shape[0] // factor)
        source = cv2.resize(source, smaller, interpolation=cv2.INTER_AREA)
    warp = _rescaled(matrix, corner, factor, finer)
    side = size * finer
    portrait = cv2.warpAffine(
        source, warp, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    if finer > 1:
        portrait = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)
    return _continued(portrait, inside(matrix, size, picture.shape))


def _needed(
    picture: UInt8[ndarray, "H W 3"], matrix: Float[ndarray, "2 3"], size: int, factor: int
) -> tuple[UInt8[ndarray, "h w 3"], Float[ndarray, "2"]]:
    """The part of the picture that the portrait needs, in whole blocks of ``factor``, and its corner."""
    corners = np.array([(x, y) for x in (-1, size) for y in (-1, size)])
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    margin = 4 * factor
    limit = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(seen.min(0)) - margin, 0, limit).astype(int)
    high = np.clip(np.ceil(seen.max(0)) + margin, 0, limit).astype(int)
    blocks = (high - low) // factor
    if blocks.min() < 1:
        raise ValueError("the portrait lies outside the picture")
    high = low + blocks * factor
    return picture[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def _rescaled(
    matrix: Float[ndarray, "2 3"], corner: Float[ndarray, "2"], factor: int, finer: int
) -> Float[ndarray, "2 3"]:
    """``matrix`` for a source cut at ``corner`` and reduced by ``factor``, and a ``finer`` portrait."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    # Pixel i of a reduced picture has its centre at factor * (i + 1/2) - 1/2 of the whole one.
    shift = shift + linear @ (corner + (factor - 1) / 2)
    return np.column_stack([linear * factor * finer, finer * (shift + 0.5) - 0.5])


def inside(matrix: Float[ndarray, "2 3"], size: int, shape: tuple[int, ...]) -> Bool[ndarray, "S S"]:
    """Which pixels of the portrait show the picture."""
    inverse = np.linalg.inv(matrix[:, :2])
    places = np.arange(size)
    shown = np.ones((size, size), dtype=bool)
    for axis, extent in ((0, shape[1]), (1, shape[0])):
        along, down = inverse[axis]
        source = along * (places - matrix[0, 2])[None, :] + down * (places - matrix[1, 2])[:, None]
        shown &= (source > -0.5) & (source < extent - 0.5)
    return shown


def _continued(portrait: UInt8[ndarray, "S S 3"], inside: Bool[ndarray, "S S"]) -> UInt8[ndarray, "S S 3"]:
    """Fill pixels that are not ``inside`` by push-pull (Gortler et al., "The Lumigraph", 1996, section 3.4).

    The further out, the coarser the pyramid level that the colour comes from: more and more blurred, and
    never a second, mirrored head.
    """
    if inside.all():
        return portrait
    known = inside.astype(np.float32)
    return np.round(fill_unknown(portrait.astype(np.float32), known)).astype(np.uint8)


def fill_unknown(picture: Float[ndarray, "H W 3"], known: Float[ndarray, "H W"]) -> Float[ndarray, "H W 3"]:
    """``picture`` where it is known (1), continued smoothly where it is not (0)."""
    import cv2

    height, width = known.shape
    if min(height, width) == 1:
        return picture
    half = (width // 2, height // 2)
    coarse_known = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    coarse /= np.maximum(coarse_known, 1e-6)[..., None]
    # One known pixel in four is enough to trust the average.
    filled = fill_unknown(coarse, np.minimum(4 * coarse_known, 1))
    filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return filled + known[..., None] * (picture - filled)
