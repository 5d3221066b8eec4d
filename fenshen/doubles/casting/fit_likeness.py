"""The last of the likeness: what landmarks cannot see of a face, by who the identity network takes it for.

Volumes, depths and the build of a head hardly move a landmark in a frontal picture, but they shade it. Gauss-
Newton on the identity embedding, with the landmarks and the fit so far as priors: each of some thirty numbers
is moved a little, the person drawn and embedded, and the step that brings the embedding nearest is tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.casting import fit_shape
from fenshen.doubles.casting.fit_colours import SIDE, View
from fenshen.doubles.casting.fit_shape import BUILD, bounded_step, numbers, with_numbers
from fenshen.faces import identity
from fenshen.humans.human import LOCAL_SHAPES, Human
from fenshen.humans.render import Frame
from fenshen.landmarks import EYE_OUTER

# Local shapes that are moved beside the build.
_SHAPES = (
    "head-fat-incr", "head-age-incr", "head-scale-depth-incr", "forehead-temple-incr", "forehead-nubian-incr",
    "chin-width-incr", "chin-bones-incr", "chin-prominent-incr", "chin-height-incr", "chin-prognathism-incr",
    "nose-scale-depth-incr", "nose-volume-incr", "nose-hump-incr", "nose-trans-forward", "nose-flaring-incr",
    "mouth-lowerlip-volume-incr", "mouth-upperlip-volume-incr", "mouth-laugh-lines-out", "eyebrows-trans-forward",
    "eye-bag-incr", "eye-eyefold-angle-up", "eye-epicanthus-out", "eye-push1-out", "cheek-volume-incr",
    "cheek-bones-incr", "cheek-inner-incr",
)  # fmt: skip
_MOVED = np.array([*range(len(BUILD)), *(len(BUILD) + LOCAL_SHAPES.index(name) for name in _SHAPES)])
_STEP = 0.5  # spreads, of the finite differences: less drowns in the drawing's rounding
_WORTH = 12.0  # how many spreads of the prior it is worth to bring the embeddings all the way together
_FIT_SPREAD = 0.8  # spreads that the fit so far may be off by
_LANDMARK_ERROR = 0.04  # eye distances, a third of what one point errs by, counted for all


@dataclass(frozen=True, eq=False)
class Likeness:
    """A person, and how far their embedding is from the photograph's: at first, and now."""

    human: Human
    before: float
    after: float


def improve(human: Human, view: View, picture: UInt8[ndarray, "S S 3"], rounds: int) -> Likeness:
    """Bring a human's embedding nearer to a photograph's.

    Args:
        picture: the portrait at SIDE in the drawing's exposure.
        rounds: steps; each draws some 35 pictures.
    """
    if picture.shape[0] != SIDE:
        raise ValueError(f"the portrait has {picture.shape[0]} pixels, not {SIDE}")
    wanted = identity.embed(picture[None], _flat(view.points)[None])[0]
    prior = fit_shape.prior()
    start = numbers(human)
    scale = prior.spread[_MOVED]
    low = (prior.low - start)[_MOVED] / scale
    high = (prior.high - start)[_MOVED] / scale

    def person(x: Float[ndarray, "K"]) -> Human:
        values = start.copy()
        values[_MOVED] += scale * x
        return with_numbers(human, np.clip(values, prior.low, prior.high))

    def off(frame: Frame, x: Float[ndarray, "K"], first: float) -> tuple[Float[ndarray, "R"], float]:
        found = identity.embed(frame.picture[None], _flat(frame.landmarks[:, :2])[None])[0]
        points = (frame.landmarks[:, :2] - view.points)[::4] / (_LANDMARK_ERROR * eye_distance)
        apart = float(np.linalg.norm(found - wanted))
        parts = (_WORTH * (found - wanted) / (first or apart), points.ravel(), x / _FIT_SPREAD)
        return np.concatenate(parts), apart

    right, left = view.points[list(EYE_OUTER)]
    eye_distance = float(np.linalg.norm(left - right))
    x = np.zeros(len(_MOVED))
    now, first = off(view.draw(human), x, 0.0)
    apart = first
    for _ in range(rounds):
        columns = []
        for k in range(len(x)):
            step = np.zeros(len(x))
            step[k] = _STEP if x[k] + _STEP <= high[k] else -_STEP
            there, _ = off(view.draw(person(x + step)), x + step, first)
            columns.append((there - now) / step[k])
        step = bounded_step(np.stack(columns, axis=1), now, np.minimum(low - x, 0), np.maximum(high - x, 0))
        for share in (1.0, 0.5, 0.25):
            there, distance = off(view.draw(person(x + share * step)), x + share * step, first)
            if there @ there < now @ now:
                x, now, apart = x + share * step, there, distance
                break
        else:
            break
    return Likeness(person(x), first, apart)


def _flat(points: Float[ndarray, "478 2"]) -> Float[ndarray, "478 3"]:
    return np.column_stack([points, np.zeros(len(points))])
