"""Who stands before what: a portrait's person cut out, and what lies behind carried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.doubles import fit_regions
from fenshen.faces.align import pulled

_ROUNDS = 4  # of GrabCut
_SOFT = 0.012  # sides of the portrait over which a matte is refined
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
    body: Bool[ndarray, "W W"],
    inside: Bool[ndarray, "W W"],
    side: int,
) -> Cut:
    """Take a portrait apart.

    Args:
        portrait: with what is around it.
        head: where the fitted head is.
        body: where head, neck and shoulders are.
        inside: what the photograph shows; beyond it, the person goes on as at its edge.
        side: pixels a side of the portrait.
    """
    colours, share = portrait.astype(np.float32), _share(portrait, head, body, side)
    share = pulled(np.repeat(share[..., None], 3, axis=2), inside.astype(np.float32))[..., 0]
    covered = _shrunk(_grown(share > _SURELY, _BETWEEN * side), (_BETWEEN - _BESIDE) * side)
    behind = pulled(colours, (~covered).astype(np.float32))
    rest = share[..., None]
    # An edge is no darker than black and no lighter than its share of white. Beside it, what is not as smooth as what
    # lies behind may be a loose hair, and moves with the person.
    person = colours - (1 - rest) * behind
    person = np.where(rest > _SURELY, np.clip(person, 0, 255 * rest), person)
    return Cut(person.astype(np.float32), share.astype(np.float32), behind)


def _share(
    portrait: UInt8[ndarray, "W W 3"], head: Bool[ndarray, "W W"], body: Bool[ndarray, "W W"], side: int
) -> Float[ndarray, "W W"]:
    """The share of the person: GrabCut (Rother, Kolmogorov and Blake, 2004) from where the fitted head and shoulders
    are, then a guided filter (He, Sun and Tang, 2010), so that the edge follows the hair.
    """
    import cv2

    labels = np.full(head.shape, cv2.GC_PR_BGD, dtype=np.uint8)
    labels[_grown(head, 0.1 * side) | body] = cv2.GC_PR_FGD
    labels[~_grown(head | body, 0.3 * side)] = cv2.GC_BGD
    labels[_shrunk(head, 0.03 * side)] = cv2.GC_FGD
    labels[_shrunk(body, 0.08 * side)] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    lab = np.round(fit_regions.to_lab(portrait) + np.array([0, 128, 128])).clip(0, 255).astype(np.uint8)
    cv2.grabCut(lab, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = _one_piece(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)), head)
    radius = max(2, round(_SOFT * side))
    soft = cv2.ximgproc.guidedFilter(portrait, found.astype(np.float32), radius, 0.001 * 255**2)
    return np.clip((soft - 0.1) / 0.8, 0, 1).astype(np.float32)


def _one_piece(mask: Bool[ndarray, "W W"], head: Bool[ndarray, "W W"]) -> Bool[ndarray, "W W"]:
    """The piece that the head belongs to, its holes filled."""
    import cv2

    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    mask = mask & (pieces == np.bincount(pieces[mask & head]).argmax())
    _, holes, sizes, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    return mask | (sizes[holes, cv2.CC_STAT_AREA] < 0.004 * mask.size)


def _grown(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    import cv2

    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= by


def _shrunk(mask: Bool[ndarray, "W W"], by: float) -> Bool[ndarray, "W W"]:
    return ~_grown(~mask, by)
