"""Which pixels of a photograph are background, skin, hair and cloth, by their colours and where they are.

The fitted head, rendered with very short hair, shows where face, scalp and shoulders are. The colours there are those
of skin, hair and cloth in this photograph; the colours along the picture's edge are those of the background. Each
pixel then gets the likeliest of the four classes, smoothed over its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.humans.render import Frame, Kind
from fenshen.landmarks import (
    ABOVE_BROW_INNER,
    ABOVE_BROW_OUTER,
    CHEEK,
    CHEEK_LOWER,
    CHEEKBONE,
    CHIN,
    FOREHEAD_MIDDLE,
    MESH,
    NOSE_RIDGE,
    NOSE_RIDGE_LOW,
    UNDER_EYE,
)

CLASSES = (Kind.BACKGROUND, Kind.SKIN, Kind.HAIR, Kind.CLOTH)
_FACE = (Kind.SKIN, Kind.LIPS, Kind.EYES, Kind.MOUTH, Kind.BROWS, Kind.LASHES)
# Skin that is mostly bare: forehead, cheeks, under the eyes, nose.
SKIN_PATCHES = (
    FOREHEAD_MIDDLE,
    *ABOVE_BROW_INNER,
    *ABOVE_BROW_OUTER,
    *CHEEK,
    *CHEEK_LOWER,
    *CHEEKBONE,
    *UNDER_EYE,
    NOSE_RIDGE_LOW,
    NOSE_RIDGE,
)
_LIKE_SKIN = 1.5  # spreads from the skin's colour within which a pixel of the scalp counts as bare
_SKIN_SPREADS = np.array([[7.0, 3.5, 3.5], [16.0, 6.0, 6.0]])  # CIELAB; least and most
_UNLIKE = 1.5  # spreads from the background's colours from which there is something before it
_ABOVE = (0.012, 0.03)  # from and to where hair stands out from the scalp, in sides
_CLUSTERS = {Kind.BACKGROUND: 5, Kind.HAIR: 3, Kind.CLOTH: 2}
_NARROWEST = np.array([5.0, 3.0, 3.0])  # least spread of a cluster, CIELAB
_UNLIKELY, _IMPROBABLE, _IMPOSSIBLE = 4.0, 8.0, 40.0  # penalties of a class at a place, in squared spreads
_STRANGE = 6.0  # distances count up to this many spreads: a colour unlike all classes favours none


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a portrait of 128 pixels.

    Attributes:
        kinds: class of each pixel, one of CLASSES.
        shares: probability of each class, in the order of CLASSES.
        bare: share of the scalp that looks like skin.
        beyond: share of what is a little above the scalp that does not look like the background: there is hair.
        lab: the portrait in CIELAB.
    """

    kinds: UInt8[ndarray, "S S"]
    shares: Float[ndarray, "S S 4"]
    bare: float
    beyond: float
    lab: Float[ndarray, "S S 3"]


def find_regions(portrait: UInt8[ndarray, "S S 3"], points: Float[ndarray, "478 2"], shorn: Frame) -> Regions:
    """The regions of a portrait.

    Args:
        points: its landmarks, in sides.
        shorn: the fitted human with very short hair, rendered at the same size.
    """
    import cv2

    lab = to_lab(portrait)
    rows = np.mgrid[: len(portrait), : len(portrait)][0] / len(portrait)
    scalp = _eroded(shorn.kinds == Kind.HAIR, 3)
    skin = _skin_colours(lab, points)
    bare = scalp & (skin.distance(lab) < _LIKE_SKIN)
    behind = _Clusters(lab[_open_background(shorn.kinds)], _CLUSTERS[Kind.BACKGROUND])
    dressed = (shorn.kinds == Kind.CLOTH) & (skin.distance(lab) > _LIKE_SKIN)
    cloth = _Clusters(lab[dressed & (rows > 0.9)], _CLUSTERS[Kind.CLOTH])
    hair = _Clusters(lab[scalp & ~bare & (behind.distance(lab) > 1)], _CLUSTERS[Kind.HAIR])
    energy = np.stack([np.minimum(c.distance(lab), _STRANGE) ** 2 for c in (behind, skin, hair, cloth)], -1)
    energy += _implausibility(shorn)
    likelihood = np.exp(-0.5 * (energy - energy.min(-1, keepdims=True)))
    shares = cv2.GaussianBlur(likelihood / likelihood.sum(-1, keepdims=True), (0, 0), 1.2)
    kinds = np.array(CLASSES, dtype=np.uint8)[shares.argmax(-1)]
    around = _above(shorn)
    beyond = around & (behind.distance(lab) > _UNLIKE)
    return Regions(kinds, shares, _share(bare, scalp), _share(beyond, around), lab)


def _above(shorn: Frame) -> Bool[ndarray, "S S"]:
    """A band a little above the scalp, where nothing of a bald head is."""
    import cv2

    size = len(shorn.kinds)
    rows = np.mgrid[:size, :size][0] / size
    outside = cv2.distanceTransform((shorn.kinds == Kind.BACKGROUND).astype(np.uint8), cv2.DIST_L2, 3) / size
    low, high = _ABOVE
    return (outside > low) & (outside < high) & (rows < shorn.landmarks[FOREHEAD_MIDDLE, 1])


def _share(found: Bool[ndarray, "S S"], of: Bool[ndarray, "S S"]) -> float:
    return float(found.sum() / max(of.sum(), 1))


def to_lab(picture: UInt8[ndarray, "S S 3"]) -> Float[ndarray, "S S 3"]:
    """The picture in CIELAB; L from 0 to 100."""
    import cv2

    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


class _Clusters:
    """Clusters of a sample of colours (k-means). A sample that is too small has none, and nothing is near it."""

    def __init__(self, sample: Float[ndarray, "N 3"], count: int) -> None:
        import cv2

        self.means, self.spreads = np.zeros((0, 3)), np.zeros((0, 3))
        if len(sample) < 2 * count:
            return
        cv2.setRNGSeed(0)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
        _, labels, means = cv2.kmeans(
            np.ascontiguousarray(sample, dtype=np.float32), count, None, stop, 2, cv2.KMEANS_PP_CENTERS
        )
        labels = labels.ravel()
        large = [i for i in range(count) if (labels == i).sum() > 0.04 * len(sample)]
        self.means = means[large]
        self.spreads = np.stack([np.maximum(sample[labels == i].std(0), _NARROWEST) for i in large])

    def distance(self, lab: Float[ndarray, "S S 3"]) -> Float[ndarray, "S S"]:
        """Distance of each pixel to the nearest cluster, in that cluster's spreads."""
        nearest = np.full(lab.shape[:2], np.inf)
        for mean, spread in zip(self.means, self.spreads, strict=True):
            nearest = np.minimum(nearest, np.linalg.norm((lab - mean) / spread, axis=2) / np.sqrt(3))
        return nearest


def patch_colours(picture: Float[ndarray, "S S 3"], points: Float[ndarray, "N 2"]) -> Float[ndarray, "N 3"]:
    """Mean colours of 3 by 3 pixels around points, which are in sides of the picture."""
    import cv2

    mean = cv2.blur(picture, (3, 3))
    places = np.clip(np.round(points * len(picture) - 0.5).astype(int), 0, len(picture) - 1)
    return mean[places[:, 1], places[:, 0]]


def _skin_colours(lab: Float[ndarray, "S S 3"], points: Float[ndarray, "478 2"]) -> _Clusters:
    """One cluster: the median colour of the patches of bare skin."""
    found = patch_colours(lab, points[list(SKIN_PATCHES)])
    skin = _Clusters(np.zeros((0, 3), dtype=np.float32), 1)
    skin.means = np.median(found, axis=0)[None]
    skin.spreads = np.clip(1.48 * np.median(np.abs(found - skin.means), axis=0)[None], *_SKIN_SPREADS)
    return skin


def _open_background(kinds: UInt8[ndarray, "S S"]) -> Bool[ndarray, "S S"]:
    """Background that no hair reaches: the sides above the shoulders, and the upper corners."""
    rows, columns = np.mgrid[: len(kinds), : len(kinds)] / len(kinds)
    aside = np.abs(columns - 0.5)
    return (kinds == Kind.BACKGROUND) & (
        ((aside > 0.42) & (rows < 0.7)) | ((aside > 0.3) & (rows < 0.2)) | (rows < 0.025)
    )


def _implausibility(shorn: Frame) -> Float[ndarray, "S S 4"]:
    """How implausible each class is at each place, in squared spreads, in the order of CLASSES."""
    import cv2

    size = len(shorn.kinds)
    rows, _ = np.mgrid[:size, :size] / size
    head = np.isin(shorn.kinds, (*_FACE, Kind.HAIR)) & (rows < shorn.landmarks[CHIN, 1] + 0.05)
    person = shorn.kinds != Kind.BACKGROUND
    outside = cv2.distanceTransform((~head).astype(np.uint8), cv2.DIST_L2, 3) / size
    face = np.zeros((size, size), dtype=np.uint8)
    oval = np.round(shorn.landmarks[:MESH, :2] * size - 0.5).astype(np.int32)
    cv2.fillConvexPoly(face, cv2.convexHull(oval), 1)
    within = cv2.distanceTransform(face, cv2.DIST_L2, 3) / size
    neck = (shorn.kinds == Kind.SKIN) & (rows > shorn.landmarks[CHIN, 1] - 0.02)
    background = _IMPROBABLE * person + _IMPOSSIBLE * (within > 0.03)
    skin = _UNLIKELY * (outside > 0.03) + _IMPOSSIBLE * ((outside > 0.06) & (rows < 0.75))
    # Hair thins out away from the head, and a fringe reaches only so far. A dark neck is mostly in shadow.
    hair = (
        _IMPOSSIBLE * (10 * np.maximum(outside - 0.12, 0) ** 1.5 + 10 * np.maximum(within - 0.04, 0))
        + _IMPROBABLE * neck
    )
    cloth = _IMPOSSIBLE * (rows < 0.74) + _UNLIKELY * (shorn.kinds != Kind.CLOTH)
    return np.stack([background, skin, hair, cloth], axis=-1)


def _eroded(mask: Bool[ndarray, "S S"], size: int) -> Bool[ndarray, "S S"]:
    import cv2

    return cv2.erode(mask.astype(np.uint8), np.ones((size, size), np.uint8)).astype(bool)
