"""A portrait in two layers: the person, and the background continued behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.doubles.matte import Matte
from fenshen.faces.align import fill_unknown

_BACKGROUND_BELOW = 0.02  # share of the person up to which a pixel counts as background
# Sides of the portrait. Gaps between two locks of hair narrower than twice the first, and pixels nearer to a lock than
# the second, do not count as background: loose hairs may be there.
_BETWEEN, _BESIDE = 0.06, 0.02


@dataclass(frozen=True, eq=False)
class Layers:
    """A portrait in two layers.

    Attributes:
        person: the person times ``share``; sRGB up to 255.
        share: how much of each pixel is the person, 0 to 1.
        behind: the background, smoothly continued where the person hides it.
    """

    person: Float[ndarray, "W W 3"]
    share: Float[ndarray, "W W"]
    behind: Float[ndarray, "W W 3"]


def split(
    portrait: UInt8[ndarray, "W W 3"],
    head: Bool[ndarray, "W W"],
    inside: Bool[ndarray, "W W"],
    side: int,
) -> Layers:
    """Split a portrait into person and background.

    Args:
        portrait: with its margin.
        head: which pixels show the fitted head.
        inside: which pixels the photograph shows; beyond it, the person is continued from its edge.
        side: of the portrait without its margin, in pixels.
    """
    colours = portrait.astype(np.float32)
    share = _person_share(portrait, head)
    share = fill_unknown(np.repeat(share[..., None], 3, axis=2), inside.astype(np.float32))[..., 0]
    covered = _eroded(_dilated(share > _BACKGROUND_BELOW, _BETWEEN * side), (_BETWEEN - _BESIDE) * side)
    behind = fill_unknown(colours, (~covered).astype(np.float32))
    alpha = share[..., None]
    # Pixels of an edge stay between black and white. In pixels that count as background, any difference from the smooth
    # background (a loose hair, perhaps) moves with the person.
    person = colours - (1 - alpha) * behind
    person = np.where(alpha > _BACKGROUND_BELOW, np.clip(person, 0, 255 * alpha), person)
    return Layers(person.astype(np.float32), share.astype(np.float32), behind)


def _person_share(portrait: UInt8[ndarray, "W W 3"], head: Bool[ndarray, "W W"]) -> Float[ndarray, "W W"]:
    """How much of each pixel is the person: the connected piece of the matte that the head is in."""
    import cv2

    share = Matte().cut(portrait)[..., 3].astype(np.float32) / 255
    _, pieces = cv2.connectedComponents((share > _BACKGROUND_BELOW).astype(np.uint8), connectivity=4)
    sizes = np.bincount(pieces[head], minlength=2)
    sizes[0] = 0  # the label of the background
    return share * (pieces == sizes.argmax())


def _dilated(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    import cv2

    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= by


def _eroded(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    return ~_dilated(~mask, by)
