"""Shape, pose and expression from landmarks: the person whose 478 points lie where they were measured.

A maximum a posteriori fit: the measured points are the mesh's with an error, and whoever the sampler draws is
the prior. Both are sums of squares, so that Gauss-Newton with bounds solves it. Nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.humans import body
from fenshen.humans.camera import Camera, HeadAtRest, aim, fit_head, turn_of
from fenshen.humans.human import LOCAL_SHAPES, OLDEST, YOUNGEST, Human
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, Shapes
from fenshen.humans.mesh_landmarks import MeshLandmarks, mesh_landmarks
from fenshen.humans.sampler import sample
from fenshen.landmarks import (
    COUNT,
    EYE_OUTER,
    LOWER_LID,
    LOWER_LIP_INSIDE,
    OUTLINE,
    UPPER_LID,
    UPPER_LIP_INSIDE,
)

BUILD = ("age", "gender", "muscle", "weight", "african", "asian", "caucasian")
# Standard error of a landmark, in eye distances. Points err together: 478 of them say as much as some 30 would,
# and the figure, 0.02 for one of them, counts that in.
_ERROR = 0.08
_OUTLINE_ERROR = 3.0  # times as much: the outline slides around a head that turns
# Lids and the inner edges of the lips: how far eyes and mouth are open is a matter of small distances.
_OPENING_ERROR = 0.2
_OPENING = tuple(
    point
    for edge in (*UPPER_LID, *LOWER_LID, UPPER_LIP_INSIDE, LOWER_LIP_INSIDE)
    for point in edge[1:-1]  # the corners hardly move
)
_FURTHEST = 0.8  # of a local shape
_PEOPLE = 400  # drawn to learn the prior's spread
# How far the measured controls may be off: expressions, gaze, turn in radians, place in sides, size in octaves.
_EXPRESSION, _GAZE, _TURN, _PLACE, _SIZE = 0.12, 0.3, 0.15, 0.03, 0.15
_DISTANCE, _DISTANCES = 1.3, (0.6, 4.0)  # metres
_NEARNESS = 0.25  # spread of the distance's logarithm
_STEP = 0.02  # of the finite differences, in spreads
_ROUNDS, _ENOUGH = 6, 0.01  # at most so many steps; the last gained less than this share


@dataclass(frozen=True, eq=False)
class Measured:
    """What the fit is given of a photograph.

    Attributes:
        points: landmarks in sides of the portrait, x right and y down.
        controls: as MediaPipe's numbers say.
    """

    points: Float[ndarray, "478 2"]
    controls: Float[ndarray, "58"]

    @property
    def eye_distance(self) -> float:
        """Between the outer corners of the eyes, in sides of the portrait."""
        right, left = self.points[list(EYE_OUTER)]
        return float(np.linalg.norm(left - right))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A person and how they stand in each photograph.

    Attributes:
        human: as given, with body and shape fitted.
        errors: root mean square of the landmarks' distances, in eye distances, of each photograph.
    """

    human: Human
    controls: list[Float[ndarray, "58"]]
    cameras: list[Camera]
    errors: list[float]


@dataclass(frozen=True, eq=False)
class Prior:
    """Mean and spread of the numbers that a shape is made of, and between what they lie."""

    mean: Float[ndarray, "K"]
    spread: Float[ndarray, "K"]
    low: Float[ndarray, "K"]
    high: Float[ndarray, "K"]


def numbers(human: Human) -> Float[ndarray, "K"]:
    """Of BUILD, then of LOCAL_SHAPES."""
    build = [float(getattr(human.body, name)) for name in BUILD]
    return np.array(build + [human.shape.get(name, 0.0) for name in LOCAL_SHAPES])


def with_numbers(human: Human, values: Float[ndarray, "K"]) -> Human:
    """The inverse of :func:`numbers`."""
    count = len(BUILD)
    build = human.body.model_copy(update=dict(zip(BUILD, map(float, values[:count]), strict=True)))
    shape = dict(zip(LOCAL_SHAPES, map(float, values[count:]), strict=True))
    return human.model_copy(update={"body": build, "shape": shape})


@cache
def prior() -> Prior:
    """Learnt from people that the sampler draws."""
    drawn = np.stack([numbers(sample(seed)) for seed in range(_PEOPLE)])
    low, high = np.zeros(len(BUILD)), np.ones(len(BUILD))
    low[0], high[0] = YOUNGEST, OLDEST
    furthest = np.full(len(LOCAL_SHAPES), _FURTHEST)
    return Prior(
        drawn.mean(0), drawn.std(0), np.concatenate([low, -furthest]), np.concatenate([high, furthest])
    )


def fit(human: Human, photos: Sequence[Measured]) -> Fitted:
    """Fit one person to one or more photographs.

    Args:
        human: whose colours and clothes are kept; body and shape are found anew.

    Raises:
        FenshenError: the extra is not installed, or the cache fails.
    """
    from threadpoolctl import threadpool_limits

    problem = _Problem(human, photos)
    with threadpool_limits(1, user_api="blas"):
        found = problem.solve()
    cameras, values = zip(*(problem.seen(found, i) for i in range(len(photos))), strict=True)
    who = problem.person(found)
    errors = [
        error(points_of(who, c, camera), photo)
        for c, camera, photo in zip(values, cameras, photos, strict=True)
    ]
    return Fitted(who, list(values), list(cameras), errors)


def points_of(human: Human, controls: Float[ndarray, "58"], camera: Camera) -> Float[ndarray, "478 2"]:
    """Where a picture of this person has the landmarks, in sides."""
    head = _at_rest(human)
    return _project(*head, controls, camera)


def error(points: Float[ndarray, "478 2"], photo: Measured) -> float:
    """Root mean square of the distances, in eye distances."""
    return float(np.sqrt(((points - photo.points) ** 2).sum(1).mean())) / photo.eye_distance


def bounded_step(
    jacobian: Float[ndarray, "R N"],
    residuals: Float[ndarray, "R"],
    low: Float[ndarray, "N"],
    high: Float[ndarray, "N"],
) -> Float[ndarray, "N"]:
    """About the step of least squares between ``low`` and ``high``, exactly so where no bound is in its way.

    What hits a bound stays there and is not let go again, so that a step may not help: its caller has to look.
    """
    square, slope = jacobian.T @ jacobian, jacobian.T @ residuals
    step = np.zeros(len(low))
    free = np.ones(len(low), dtype=bool)
    while free.any():
        step[free] = np.linalg.solve(
            square[np.ix_(free, free)], -slope[free] - square[np.ix_(free, ~free)] @ step[~free]
        )
        beyond = free & ((step < low) | (step > high))
        if not beyond.any():
            break
        step = np.where(beyond, np.clip(step, low, high), step)
        free &= ~beyond
    return step


class _Problem:
    """The sum of squares: unknowns are the shape's numbers, then each photograph's controls and distance.

    All unknowns are counted in spreads from their expected values, so that the prior's residuals are they
    themselves.
    """

    def __init__(self, human: Human, photos: Sequence[Measured]) -> None:
        self.human, self.photos = human, photos
        self.prior = prior()
        self.count = len(self.prior.mean)
        self.each = control_space.COUNT + 1
        self.spread = np.array([_spread_of(name) for name in control_space.NAMES] + [_NEARNESS])
        errors = np.full(COUNT, _ERROR)
        errors[list(OUTLINE.right + OUTLINE.left)] *= _OUTLINE_ERROR
        errors[list(_OPENING)] *= _OPENING_ERROR
        self.errors = [(errors * photo.eye_distance)[:, None] for photo in photos]
        self.start = np.zeros(self.count + self.each * len(photos))

    @property
    def bounds(self) -> tuple[Float[ndarray, "N"], Float[ndarray, "N"]]:
        """Of all unknowns, a little outside the start where it lies on one."""
        low = self._edge(self.prior.low, control_space.LOW, _DISTANCES[0])
        high = self._edge(self.prior.high, control_space.HIGH, _DISTANCES[1])
        return np.minimum(low, -1e-3), np.maximum(high, 1e-3)

    def _edge(
        self, numbers: Float[ndarray, "K"], controls: Float[ndarray, "58"], distance: float
    ) -> Float[ndarray, "N"]:
        far = np.log(distance / _DISTANCE)
        each = [np.append(controls - photo.controls, far) / self.spread for photo in self.photos]
        return np.concatenate([(numbers - self.prior.mean) / self.prior.spread, *each])

    def solve(self) -> Float[ndarray, "N"]:
        """The unknowns, by Gauss-Newton with bounds, each step halved until it helps."""
        low, high = self.bounds
        x, off = self.start, self.residuals(self.start)
        for _ in range(_ROUNDS):
            step = bounded_step(self.jacobian(x), off, low - x, high - x)
            for share in (1.0, 0.5, 0.25):
                off_there = self.residuals(x + share * step)
                if off_there @ off_there < off @ off:
                    break
            else:
                break
            gained = 1 - (off_there @ off_there) / (off @ off)
            x, off = x + share * step, off_there
            if gained < _ENOUGH:
                break
        return x

    def person(self, x: Float[ndarray, "N"]) -> Human:
        """The shape's part of the unknowns."""
        p = self.prior
        return with_numbers(self.human, np.clip(p.mean + p.spread * x[: self.count], p.low, p.high))

    def seen(self, x: Float[ndarray, "N"], photo: int) -> tuple[Camera, Float[ndarray, "58"]]:
        """A photograph's part of the unknowns."""
        first = self.count + self.each * photo
        moved = self.spread * x[first : first + self.each]
        values = control_space.clip(self.photos[photo].controls + moved[:-1])
        return Camera(distance=float(np.clip(_DISTANCE * np.exp(moved[-1]), *_DISTANCES))), values

    def residuals(self, x: Float[ndarray, "N"]) -> Float[ndarray, "R"]:
        """Of the landmarks, in their standard errors, then of the prior."""
        head = _at_rest(self.person(x))
        return np.concatenate([*(self._off(head, x, i).ravel() for i in range(len(self.photos))), x])

    def jacobian(self, x: Float[ndarray, "N"]) -> Float[ndarray, "R N"]:
        """By forward differences; a photograph's unknowns move no other's points."""
        size = 2 * COUNT
        rows = np.zeros((size * len(self.photos) + len(x), len(x)))
        rows[size * len(self.photos) :] = np.eye(len(x))
        head = _at_rest(self.person(x))
        before = [self._off(head, x, i) for i in range(len(self.photos))]
        for k in range(len(x)):
            step = x.copy()
            step[k] += _STEP
            shared = k < self.count
            moved = _at_rest(self.person(step)) if shared else head
            touched = range(len(self.photos)) if shared else [(k - self.count) // self.each]
            for i in touched:
                rows[size * i : size * (i + 1), k] = (self._off(moved, step, i) - before[i]).ravel() / _STEP
        return rows

    def _off(
        self, head: tuple[body.Rest, HeadAtRest], x: Float[ndarray, "N"], photo: int
    ) -> Float[ndarray, "478 2"]:
        camera, values = self.seen(x, photo)
        return (_project(*head, values, camera) - self.photos[photo].points) / self.errors[photo]


def _spread_of(name: str) -> float:
    if name in control_space.ROTATION:
        return _TURN
    if name in control_space.PLACEMENT:
        return _SIZE if name == control_space.PLACEMENT[-1] else _PLACE
    # MediaPipe reads squints into eyes that are merely narrow.
    return _GAZE if "Look" in name or "Squint" in name else _EXPRESSION


def _at_rest(human: Human) -> tuple[body.Rest, HeadAtRest]:
    rest = _thin().rest(human)
    return rest, fit_head(_thin_landmarks().of(rest.points))


def _project(
    rest: body.Rest, head: HeadAtRest, controls: Float[ndarray, "58"], camera: Camera
) -> Float[ndarray, "478 2"]:
    turn = turn_of(camera, head, controls)
    posed = _thin().pose(rest, controls, turn)
    centre = (posed.bones[body.HEAD] @ np.append(head.centre, 1))[:3]
    return aim(camera, head, controls, turn, centre).project(_thin_landmarks().of(posed.points))[:, :2]


@cache
def _kept() -> Any:
    """The vertices that landmarks lie between, and the eyes, which turn about their middles."""
    part = body.model().shapes.part
    eyes = np.flatnonzero((part == EYE_LEFT) | (part == EYE_RIGHT))
    return np.unique(np.concatenate([mesh_landmarks().corners.ravel(), eyes]))


@cache
def _thin_landmarks() -> MeshLandmarks:
    """Where the thin model has the landmarks."""
    table = mesh_landmarks()
    return replace(table, corners=np.searchsorted(_kept(), table.corners))


@cache
def _thin() -> body.Model:
    """The model with no more vertices than the landmarks need: several times as fast."""
    shapes, kept = body.model().shapes, _kept()
    count = len(shapes.points)
    columns = np.append(kept, np.arange(count, count + len(shapes.bones)))
    values = {field.name: getattr(shapes, field.name) for field in fields(Shapes)}
    for name in ("points", "part", "uv", "masks", "lower_teeth", "weights"):
        values[name] = values[name][kept]
    values["phenotypes"] = shapes.phenotypes[:, columns]
    values["locals"] = shapes.locals[:, :, columns]
    values["actions"] = shapes.actions[:, columns]
    whole = np.isin(shapes.faces, kept).all(1)
    values["faces"] = np.searchsorted(kept, shapes.faces[whole])
    return body.Model(Shapes(**values))
