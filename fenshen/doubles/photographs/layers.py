"""Who stands before what: a portrait's person cut out, and what lies behind carried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.doubles.matte import Matte
from fenshen.faces.align import pulled

_SURELY = 0.02  # share of the person below which a pixel shows what is behind
# Sides of the portrait: what is seen between two locks nearer than twice the first, or beside one, may be the person's.
_BETWEEN, _BESIDE = 0.06, 0.02


@dataclass(frozen=True, eq=False)
class Cut:
    """A portrait in two layers.

    Attributes:
        person: times ``share``; sRGB to 255.
        share: of the person in each pixel.
        behind: as seen where it is seen, and carried on smoothly where it is not.
    """

    person: Float[ndarray, "W W 3"]
    share: Float[ndarray, "W W"]
    behind: Float[ndarray, "W W 3"]


def cut(
    portrait: UInt8[ndarray, "W W 3"],
    head: Bool[ndarray, "W W"],
    inside: Bool[ndarray, "W W"],
    side: int,
) -> Cut:
    """Take a portrait apart.

    Args:
        portrait: with what is around it.
        head: where the fitted head is.
        inside: what the photograph shows; beyond it, the person goes on as at its edge.
        side: pixels a side of the portrait.
    """
    colours, share = portrait.astype(np.float32), _share(portrait, head)
    share = pulled(np.repeat(share[..., None], 3, axis=2), inside.astype(np.float32))[..., 0]
    covered = _shrunk(_grown(share > _SURELY, _BETWEEN * side), (_BETWEEN - _BESIDE) * side)
    behind = pulled(colours, (~covered).astype(np.float32))
    rest = share[..., None]
    # An edge is no darker than black and no lighter than its share of white. Beside it, what is not as smooth as what
    # lies behind may be a loose hair, and moves with the person.
    person = colours - (1 - rest) * behind
    person = np.where(rest > _SURELY, np.clip(person, 0, 255 * rest), person)
    return Cut(person.astype(np.float32), share.astype(np.float32), behind)


def _share(portrait: UInt8[ndarray, "W W 3"], head: Bool[ndarray, "W W"]) -> Float[ndarray, "W W"]:
    """The share of the person: the piece of the matte that the head belongs to."""
    import cv2

    share = Matte().cut(portrait)[..., 3].astype(np.float32) / 255
    _, pieces = cv2.connectedComponents((share > _SURELY).astype(np.uint8), connectivity=4)
    sizes = np.bincount(pieces[head], minlength=2)
    sizes[0] = 0  # what is no person at all
    return share * (pieces == sizes.argmax())


def _grown(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    import cv2

    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= by


def _shrunk(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    return ~_grown(~mask, by)
