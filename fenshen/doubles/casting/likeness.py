"""The last step of casting: bring the identity embedding of the rendering nearer to the photograph's.

Volumes, depths and the build of a head hardly move a landmark in a frontal picture, but they change its shading. This
is Gauss-Newton on the identity embedding and the shading, with the landmarks and the fit so far as priors: each of
about ninety numbers is changed a little, the human rendered and embedded, and steps along the Jacobian are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.doubles.casting.colours import SIDE, View
from fenshen.doubles.casting.shape import BUILD, bounded_step, shape_prior, shape_vector, with_shape_vector
from fenshen.faces import identity
from fenshen.humans.human import LOCAL_SHAPES, Human
from fenshen.landmarks import EYE_OUTER

# What is changed: the build, and all local shapes that a face from the front shows.
_MOVED = np.array(
    [
        *range(len(BUILD)),
        *(len(BUILD) + i for i, name in enumerate(LOCAL_SHAPES) if not name.startswith(("ear-", "neck-"))),
    ]
)
_STEP = 0.5  # of the finite differences, in spreads: a smaller one drowns in the picture's rounding
_IDENTITY_WEIGHT = 12.0  # the initial embedding distance counts as this many standard deviations
_FIT_SPREAD = 0.8  # standard error of the fit so far, in spreads of the prior
_SHADING_ERROR = 12.0  # standard error of a pixel's shading, in levels of 255
_OUTLIER = 3.0  # standard errors from which more is no worse
_ALIKE = 10  # pixels that err together
_AROUND = 8.0  # surroundings of a pixel, in pixels of half the side
_TRIES = 3  # steps along a Jacobian
_LANDMARK_ERROR = 0.04  # standard error of a landmark, in eye distances


@dataclass(frozen=True, eq=False)
class Likeness:
    """A human, and the distance of its embedding from the photograph's before and after."""

    human: Human
    before: float
    after: float


def improve_likeness(human: Human, view: View, picture: UInt8[ndarray, "S S 3"], rounds: int) -> Likeness:
    """Bring a human's embedding nearer to a photograph's.

    Args:
        picture: the portrait at SIDE, in the rendering's exposure.
        rounds: Jacobians; each renders about 90 small pictures.
    """
    if picture.shape[0] != SIDE:
        raise ValueError(f"the portrait has {picture.shape[0]} pixels, not {SIDE}")
    (wanted,) = _embedded([picture], [view.points])
    face = _face(view.points)
    shading = _shading(picture, face)
    prior = shape_prior()
    start = shape_vector(human)
    scale = prior.spread[_MOVED]
    low = (prior.low - start)[_MOVED] / scale
    high = (prior.high - start)[_MOVED] / scale

    def human_at(x: Float[ndarray, "K"]) -> Human:
        values = start.copy()
        values[_MOVED] += scale * x
        return with_shape_vector(human, np.clip(values, prior.low, prior.high))

    def residuals(
        xs: Sequence[Float[ndarray, "K"]], first: float
    ) -> tuple[Float[ndarray, "n R"], Float[ndarray, "n"]]:
        """Of embeddings, landmarks, shading and prior; and the embeddings' distances, the first of all the unit."""
        frames = [view.draw(human_at(x)) for x in xs]
        pictures, places = ([f.picture for f in frames], [f.landmarks[:, :2] for f in frames])
        apart = _embedded(pictures, places) - wanted
        distances = np.linalg.norm(apart, axis=1) / 2**0.5  # of two embeddings
        parts = [_IDENTITY_WEIGHT / 2**0.5 * apart / (first or distances[0])]
        parts.append(
            (np.stack(places) - view.points)[:, ::4].reshape(len(xs), -1) / (_LANDMARK_ERROR * eye_distance)
        )
        lit = (np.stack([_shading(picture, face) for picture in pictures]) - shading) / _SHADING_ERROR
        parts += [np.clip(lit, -_OUTLIER, _OUTLIER) / _ALIKE**0.5, np.stack(xs) / _FIT_SPREAD]
        return np.concatenate(parts, axis=1), distances

    right, left = view.points[list(EYE_OUTER)]
    eye_distance = float(np.linalg.norm(left - right))
    x = np.zeros(len(_MOVED))
    (now,), (first,) = residuals([x], 0.0)
    distance_now = first
    for _ in range(rounds):
        steps = np.where(x + _STEP <= high, _STEP, -_STEP)
        there, _ = residuals([x + step for step in np.diag(steps)], first)
        jacobian = (there - now).T / steps
        # Slopes hardly change from step to step, and are what takes time.
        share = 1.0
        for _ in range(_TRIES):
            step = share * bounded_step(jacobian, now, np.minimum(low - x, 0), np.maximum(high - x, 0))
            (there,), (distance,) = residuals([x + step], first)
            if there @ there < now @ now:
                x, now, distance_now = x + step, there, distance
            else:
                share /= 2
    return Likeness(human_at(x), float(first), float(distance_now))


def _face(points: Float[ndarray, "478 2"]) -> Bool[ndarray, "s s"]:
    """Where a picture of half the side shows the face."""
    import cv2

    hull = cv2.convexHull((points * SIDE / 2).astype(np.float32)).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros((SIDE // 2, SIDE // 2), np.uint8), hull, 1).astype(bool)


def _shading(picture: UInt8[ndarray, "S S 3"], face: Bool[ndarray, "s s"]) -> Float[ndarray, "P"]:
    """How much lighter than its surroundings each pixel of the face is, in levels: tone and light hardly change it."""
    import cv2

    grey = cv2.cvtColor(cv2.resize(picture, face.shape, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    grey = grey.astype(np.float32)
    weight = cv2.GaussianBlur(face.astype(np.float32), (0, 0), _AROUND)
    around = cv2.GaussianBlur(grey * face, (0, 0), _AROUND) / np.maximum(weight, 1e-3)
    return (grey - around)[face]


def _embedded(
    pictures: Sequence[UInt8[ndarray, "S S 3"]], points: Sequence[Float[ndarray, "478 2"]]
) -> Float[ndarray, "n 256"]:
    """The embeddings of faces and of their mirror images: what they agree on is the person, not the network's whim."""
    chips = [
        identity.chip(picture, np.column_stack([at * len(picture) - 0.5, np.zeros(len(at))]))
        for picture, at in zip(pictures, points, strict=True)
    ]
    both = [view for chip in chips for view in (chip, chip[:, ::-1])]
    return identity.embed_chips(np.stack(both)).reshape(len(chips), -1)
