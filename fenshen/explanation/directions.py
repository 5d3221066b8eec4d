"""Directions of the latent space along which pictures change most, and what each is about.

GANSpace (Haerkoenen et al. 2020) and SeFa (Shen, Zhou 2021) look for them inside one kind of generator. Here pictures
decide, so that it works for all: the least-squares linear map from latents to thumbnails, whose singular vectors are
the directions, strongest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

_THUMBNAIL = 16  # px
_RIDGE = 0.1  # of the mean variance of a latent number
_ALIKE = 0.3  # correlation from which an attribute gives a direction a name
_SAME = 0.8  # correlation from which a second name says what the first one says
_NAMES = 2


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction.

    Attributes:
        step: of the latents, for one standard deviation.
        share: of the variance of the thumbnails that all linear directions explain.
        names: attributes that go with it, with their correlations, strongest first.
    """

    step: Float[ndarray, "Z"]
    share: float
    names: list[tuple[str, float]]


def principal(
    latents: Float[ndarray, "N Z"],
    pictures: UInt8[ndarray, "N H W 3"],
    attributes: Mapping[str, Float[ndarray, "N"]],
    count: int,
) -> list[Direction]:
    """The strongest directions.

    Args:
        latents: of samples, at least as many as a latent is long.
        pictures: drawn for them.
        attributes: what is known of each picture; NaN where it is not.
    """
    middle, spread = latents.mean(0), latents.std(0)
    used = spread > 1e-6
    codes = (latents - middle)[:, used] / spread[used]
    seen = thumbnails(pictures)
    seen = seen - seen.mean(0)
    gram = codes.T @ codes + _RIDGE * len(codes) * np.eye(codes.shape[1])
    linear = np.linalg.solve(gram, codes.T @ seen)  # (Z, P)
    ways, strengths, _ = np.linalg.svd(linear, full_matrices=False)
    shares = strengths**2 / max(float((strengths**2).sum()), 1e-12)
    found = []
    for way, share in zip(ways.T[:count], shares, strict=False):
        along = codes @ way  # way is a unit vector
        step = np.zeros(latents.shape[1], np.float32)
        step[used] = along.std() * way * spread[used]
        names = named(along, attributes)
        if names and names[0][1] < 0:  # it leads to more of what it is called after
            step, names = -step, [(name, -r) for name, r in names]
        found.append(Direction(step, float(share), names))
    return found


def named(
    along: Float[ndarray, "N"], attributes: Mapping[str, Float[ndarray, "N"]]
) -> list[tuple[str, float]]:
    """The attributes that go with a place along a direction, strongest first; none that repeats another."""
    correlated = [(name, correlation(along, values)) for name, values in attributes.items()]
    correlated = [(name, r) for name, r in correlated if abs(r) >= _ALIKE]
    correlated.sort(key=lambda one: -abs(one[1]))
    taken: list[tuple[str, float]] = []
    for name, r in correlated:
        others = (abs(correlation(attributes[name], attributes[other])) for other, _ in taken)
        if len(taken) < _NAMES and not any(other > _SAME for other in others):
            taken.append((name, r))
    return taken


def correlation(a: Float[ndarray, "N"], b: Float[ndarray, "N"]) -> float:
    """Pearson's r where both are known; 0 where one of them does not vary."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 8 or a[known].std() < 1e-9 or b[known].std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a[known], b[known])[0, 1])


def thumbnails(pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N P"]:
    """Pictures at 16 pixels, in [0, 1], as rows."""
    import cv2

    small = [cv2.resize(picture, (_THUMBNAIL,) * 2, interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small).reshape(len(small), -1).astype(np.float64) / 255
