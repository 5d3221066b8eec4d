"""The last step of casting: bring the identity embedding of the rendering nearer to the photograph's.

Volumes, depths and the build of a head hardly move a landmark in a frontal picture, but they change its shading. This
is Gauss-Newton on the identity embedding, with the landmarks and the fit so far as priors: each of about thirty numbers
is changed a little, the human rendered and embedded, and a step along the resulting Jacobian tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.casting.colours import SIDE, View
from fenshen.doubles.casting.shape import BUILD, bounded_step, shape_prior, shape_vector, with_shape_vector
from fenshen.faces import identity
from fenshen.humans.human import LOCAL_SHAPES, Human
from fenshen.humans.render import Frame
from fenshen.landmarks import EYE_OUTER

# The local shapes that are changed, beside the build.
_SHAPES = (
    "head-fat-incr", "head-age-incr", "head-scale-depth-incr", "forehead-temple-incr", "forehead-nubian-incr",
    "chin-width-incr", "chin-bones-incr", "chin-prominent-incr", "chin-height-incr", "chin-prognathism-incr",
    "nose-scale-depth-incr", "nose-volume-incr", "nose-hump-incr", "nose-trans-forward", "nose-flaring-incr",
    "mouth-lowerlip-volume-incr", "mouth-upperlip-volume-incr", "mouth-laugh-lines-out", "eyebrows-trans-forward",
    "eye-bag-incr", "eye-eyefold-angle-up", "eye-epicanthus-out", "eye-push1-out", "cheek-volume-incr",
    "cheek-bones-incr", "cheek-inner-incr",
)  # fmt: skip
_MOVED = np.array([*range(len(BUILD)), *(len(BUILD) + LOCAL_SHAPES.index(name) for name in _SHAPES)])
_STEP = 0.5  # of the finite differences, in spreads: a smaller one drowns in the picture's rounding
_IDENTITY_WEIGHT = 12.0  # the initial embedding distance counts as this many standard deviations
_FIT_SPREAD = 0.8  # standard error of the fit so far, in spreads of the prior
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
        rounds: steps, at most; each renders about 35 pictures.
    """
    if picture.shape[0] != SIDE:
        raise ValueError(f"the portrait has {picture.shape[0]} pixels, not {SIDE}")
    wanted = identity.embed(picture[None], _with_zero_depth(view.points)[None])[0]
    prior = shape_prior()
    start = shape_vector(human)
    scale = prior.spread[_MOVED]
    low = (prior.low - start)[_MOVED] / scale
    high = (prior.high - start)[_MOVED] / scale

    def human_at(x: Float[ndarray, "K"]) -> Human:
        values = start.copy()
        values[_MOVED] += scale * x
        return with_shape_vector(human, np.clip(values, prior.low, prior.high))

    def residuals(frame: Frame, x: Float[ndarray, "K"], first: float) -> tuple[Float[ndarray, "R"], float]:
        """Of embedding, landmarks and prior; and the embedding's distance, whose first value is the unit."""
        found = identity.embed(frame.picture[None], _with_zero_depth(frame.landmarks[:, :2])[None])[0]
        points = (frame.landmarks[:, :2] - view.points)[::4] / (_LANDMARK_ERROR * eye_distance)
        distance = float(np.linalg.norm(found - wanted))
        embedding = _IDENTITY_WEIGHT * (found - wanted) / (first or distance)
        return np.concatenate([embedding, points.ravel(), x / _FIT_SPREAD]), distance

    right, left = view.points[list(EYE_OUTER)]
    eye_distance = float(np.linalg.norm(left - right))
    x = np.zeros(len(_MOVED))
    now, first = residuals(view.draw(human), x, 0.0)
    distance_now = first
    for _ in range(rounds):
        columns = []
        for k in range(len(x)):
            step = np.zeros(len(x))
            step[k] = _STEP if x[k] + _STEP <= high[k] else -_STEP
            there, _ = residuals(view.draw(human_at(x + step)), x + step, first)
            columns.append((there - now) / step[k])
        step = bounded_step(np.stack(columns, axis=1), now, np.minimum(low - x, 0), np.maximum(high - x, 0))
        for share in (1.0, 0.5, 0.25):
            there, distance = residuals(view.draw(human_at(x + share * step)), x + share * step, first)
            if there @ there < now @ now:
                x, now, distance_now = x + share * step, there, distance
                break
        else:
            break
    return Likeness(human_at(x), first, distance_now)


def _with_zero_depth(points: Float[ndarray, "478 2"]) -> Float[ndarray, "478 3"]:
    return np.column_stack([points, np.zeros(len(points))])
