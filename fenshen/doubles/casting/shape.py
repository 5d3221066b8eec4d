"""Shape, pose and expression from landmarks: the human whose landmarks lie where they were measured.

A maximum a posteriori fit: the measured points are those of the mesh plus noise, and the prior is the distribution of
people that the sampler draws. Both terms are sums of squares, so Gauss-Newton with bounds solves it. Nothing is
rendered.
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
# Standard error of a landmark, in eye distances. A single one errs by 0.02, but errors are correlated: all 478 carry as
# much information as about 30 independent ones, hence the larger figure.
_POINT_ERROR = 0.08
_OUTLINE_ERROR = 3.0  # factor: the outline slides around a head that turns
# Factor for lids and the inner edges of the lips: small distances there say how far eyes and mouth are open.
_OPENING_ERROR = 0.2
_OPENING = tuple(
    point
    for edge in (*UPPER_LID, *LOWER_LID, UPPER_LIP_INSIDE, LOWER_LIP_INSIDE)
    for point in edge[1:-1]  # the corners hardly move
)
_MOST_LOCAL = 0.8  # local shapes stay between minus this and this
_PEOPLE = 400  # sampled to estimate the prior
# Standard errors of the measured controls.
_EXPRESSION_SPREAD = 0.12
_GAZE_SPREAD = 0.3
_TURN_SPREAD = 0.15  # radians
_PLACE_SPREAD = 0.03  # sides of the portrait
_SIZE_SPREAD = 0.15  # octaves
# The camera's distance in metres: expected, its limits, and the spread of its logarithm.
_DISTANCE, _DISTANCES, _DISTANCE_SPREAD = 1.3, (0.6, 4.0), 0.25
_STEP = 0.02  # of the finite differences, in spreads
_ROUNDS = 6  # at most
_LEAST_GAIN = 0.01  # the fit ends with a step that reduces the sum of squares by less than this share


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    """Measurements of the face in a portrait.

    Attributes:
        points: landmarks in sides of the portrait, x right and y down.
        controls: from :func:`fenshen.faces.measure.measure`.
    """

    points: Float[ndarray, "478 2"]
    controls: Float[ndarray, "58"]

    @property
    def eye_distance(self) -> float:
        """Between the outer corners of the eyes, in sides of the portrait."""
        right, left = self.points[list(EYE_OUTER)]
        return float(np.linalg.norm(left - right))


@dataclass(frozen=True, eq=False)
class FittedShape:
    """A human, with pose, expression and camera for each photograph.

    Attributes:
        human: as given, with body and shape fitted.
        errors: landmark error of each photograph, see :func:`landmark_error`.
    """

    human: Human
    controls: list[Float[ndarray, "58"]]
    cameras: list[Camera]
    errors: list[float]


@dataclass(frozen=True, eq=False)
class Prior:
    """Mean, standard deviation and limits of each number of a shape vector."""

    mean: Float[ndarray, "K"]
    spread: Float[ndarray, "K"]
    low: Float[ndarray, "K"]
    high: Float[ndarray, "K"]


def shape_vector(human: Human) -> Float[ndarray, "K"]:
    """The numbers that a head's shape is made of: those of BUILD, then those of LOCAL_SHAPES."""
    build = [float(getattr(human.body, name)) for name in BUILD]
    return np.array(build + [human.shape.get(name, 0.0) for name in LOCAL_SHAPES])


def with_shape_vector(human: Human, values: Float[ndarray, "K"]) -> Human:
    """The human with the shape that a vector describes; the inverse of :func:`shape_vector`."""
    count = len(BUILD)
    build = human.body.model_copy(update=dict(zip(BUILD, map(float, values[:count]), strict=True)))
    shape = dict(zip(LOCAL_SHAPES, map(float, values[count:]), strict=True))
    return human.model_copy(update={"body": build, "shape": shape})


@cache
def shape_prior() -> Prior:
    """The distribution of shape vectors among people that the sampler draws."""
    drawn = np.stack([shape_vector(sample(seed)) for seed in range(_PEOPLE)])
    low, high = np.zeros(len(BUILD)), np.ones(len(BUILD))
    low[0], high[0] = YOUNGEST, OLDEST
    furthest = np.full(len(LOCAL_SHAPES), _MOST_LOCAL)
    return Prior(
        drawn.mean(0), drawn.std(0), np.concatenate([low, -furthest]), np.concatenate([high, furthest])
    )


def fit_shape(human: Human, photos: Sequence[MeasuredFace]) -> FittedShape:
    """Fit body, shape, pose and expression to the landmarks of one or more photographs of one person.

    Args:
        human: where the fit starts; everything but body and shape is kept.

    Raises:
        FenshenError: the extra is not installed, or the cache fails.
    """
    from threadpoolctl import threadpool_limits

    problem = _LeastSquares(human, photos)
    with threadpool_limits(1, user_api="blas"):
        solution = problem.solve()
    fitted = problem.human_at(solution)
    cameras, controls, errors = [], [], []
    for number, photo in enumerate(photos):
        camera, values = problem.photo_at(solution, number)
        cameras.append(camera)
        controls.append(values)
        errors.append(landmark_error(landmarks_of(fitted, values, camera), photo))
    return FittedShape(fitted, controls, cameras, errors)


def landmarks_of(human: Human, controls: Float[ndarray, "58"], camera: Camera) -> Float[ndarray, "478 2"]:
    """Where a rendering of this human has the landmarks, in sides of the picture."""
    head = _head_at_rest(human)
    return _project(*head, controls, camera)


def landmark_error(points: Float[ndarray, "478 2"], photo: MeasuredFace) -> float:
    """Root mean square distance between landmarks and the measured ones, in eye distances."""
    return float(np.sqrt(((points - photo.points) ** 2).sum(1).mean())) / photo.eye_distance


def bounded_step(
    jacobian: Float[ndarray, "R N"],
    residuals: Float[ndarray, "R"],
    low: Float[ndarray, "N"],
    high: Float[ndarray, "N"],
) -> Float[ndarray, "N"]:
    """The Gauss-Newton step, kept between ``low`` and ``high``.

    Unknowns that hit a bound are fixed there and the rest is solved again. They are not released later, so the result
    is only approximate where bounds are active, and the caller has to check that it reduces the sum of squares.
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


class _LeastSquares:
    """The sum of squares. Unknowns: the shape vector, then controls and camera distance of each photograph.

    All unknowns are in standard deviations from their expected values, so they are the prior's residuals themselves.
    """

    def __init__(self, human: Human, photos: Sequence[MeasuredFace]) -> None:
        self.human, self.photos = human, photos
        self.prior = shape_prior()
        self.count = len(self.prior.mean)
        self.each = control_space.COUNT + 1
        self.spread = np.array([_control_spread(name) for name in control_space.NAMES] + [_DISTANCE_SPREAD])
        errors = np.full(COUNT, _POINT_ERROR)
        errors[list(OUTLINE.right + OUTLINE.left)] *= _OUTLINE_ERROR
        errors[list(_OPENING)] *= _OPENING_ERROR
        self.errors = [(errors * photo.eye_distance)[:, None] for photo in photos]
        self.start = np.zeros(self.count + self.each * len(photos))

    @property
    def bounds(self) -> tuple[Float[ndarray, "N"], Float[ndarray, "N"]]:
        """Lower and upper bound of every unknown; the start never lies on one."""
        low = self._as_unknowns(self.prior.low, control_space.LOW, _DISTANCES[0])
        high = self._as_unknowns(self.prior.high, control_space.HIGH, _DISTANCES[1])
        return np.minimum(low, -1e-3), np.maximum(high, 1e-3)

    def _as_unknowns(
        self, shape: Float[ndarray, "K"], controls: Float[ndarray, "58"], distance: float
    ) -> Float[ndarray, "N"]:
        far = np.log(distance / _DISTANCE)
        each = [np.append(controls - photo.controls, far) / self.spread for photo in self.photos]
        return np.concatenate([(shape - self.prior.mean) / self.prior.spread, *each])

    def solve(self) -> Float[ndarray, "N"]:
        """The unknowns, by Gauss-Newton with bounds; a step that does not help is halved, twice at most."""
        low, high = self.bounds
        x, now = self.start, self.residuals(self.start)
        for _ in range(_ROUNDS):
            step = bounded_step(self.jacobian(x), now, low - x, high - x)
            for share in (1.0, 0.5, 0.25):
                there = self.residuals(x + share * step)
                if there @ there < now @ now:
                    break
            else:
                break
            gain = 1 - (there @ there) / (now @ now)
            x, now = x + share * step, there
            if gain < _LEAST_GAIN:
                break
        return x

    def human_at(self, x: Float[ndarray, "N"]) -> Human:
        """The human that the unknowns describe."""
        p = self.prior
        return with_shape_vector(self.human, np.clip(p.mean + p.spread * x[: self.count], p.low, p.high))

    def photo_at(self, x: Float[ndarray, "N"], photo: int) -> tuple[Camera, Float[ndarray, "58"]]:
        """Camera and controls of one photograph that the unknowns describe."""
        first = self.count + self.each * photo
        moved = self.spread * x[first : first + self.each]
        values = control_space.clip(self.photos[photo].controls + moved[:-1])
        return Camera(distance=float(np.clip(_DISTANCE * np.exp(moved[-1]), *_DISTANCES))), values

    def residuals(self, x: Float[ndarray, "N"]) -> Float[ndarray, "R"]:
        """Residuals of the landmarks in standard errors, then of the prior."""
        head = _head_at_rest(self.human_at(x))
        of_photos = [self._landmark_residuals(head, x, i).ravel() for i in range(len(self.photos))]
        return np.concatenate([*of_photos, x])

    def jacobian(self, x: Float[ndarray, "N"]) -> Float[ndarray, "R N"]:
        """Forward differences; the unknowns of one photograph do not move the points of another."""
        size = 2 * COUNT
        rows = np.zeros((size * len(self.photos) + len(x), len(x)))
        rows[size * len(self.photos) :] = np.eye(len(x))
        head = _head_at_rest(self.human_at(x))
        before = [self._landmark_residuals(head, x, i) for i in range(len(self.photos))]
        for k in range(len(x)):
            step = x.copy()
            step[k] += _STEP
            shared = k < self.count
            moved = _head_at_rest(self.human_at(step)) if shared else head
            touched = range(len(self.photos)) if shared else [(k - self.count) // self.each]
            for i in touched:
                change = self._landmark_residuals(moved, step, i) - before[i]
                rows[size * i : size * (i + 1), k] = change.ravel() / _STEP
        return rows

    def _landmark_residuals(
        self, head: tuple[body.Rest, HeadAtRest], x: Float[ndarray, "N"], photo: int
    ) -> Float[ndarray, "478 2"]:
        camera, values = self.photo_at(x, photo)
        return (_project(*head, values, camera) - self.photos[photo].points) / self.errors[photo]


def _control_spread(name: str) -> float:
    if name in control_space.ROTATION:
        return _TURN_SPREAD
    if name in control_space.PLACEMENT:
        return _SIZE_SPREAD if name == control_space.PLACEMENT[-1] else _PLACE_SPREAD
    # MediaPipe takes narrow eyes for squinting ones.
    return _GAZE_SPREAD if "Look" in name or "Squint" in name else _EXPRESSION_SPREAD


def _head_at_rest(human: Human) -> tuple[body.Rest, HeadAtRest]:
    rest = _reduced_model().rest(human)
    return rest, fit_head(_reduced_landmarks().of(rest.points))


def _project(
    rest: body.Rest, head: HeadAtRest, controls: Float[ndarray, "58"], camera: Camera
) -> Float[ndarray, "478 2"]:
    turn = turn_of(camera, head, controls)
    posed = _reduced_model().pose(rest, controls, turn)
    centre = (posed.bones[body.HEAD] @ np.append(head.centre, 1))[:3]
    return aim(camera, head, controls, turn, centre).project(_reduced_landmarks().of(posed.points))[:, :2]


@cache
def _kept_vertices() -> Any:
    """The vertices of the reduced model: those around landmarks, and the eyes, whose centres are needed."""
    part = body.model().shapes.part
    eyes = np.flatnonzero((part == EYE_LEFT) | (part == EYE_RIGHT))
    return np.unique(np.concatenate([mesh_landmarks().corners.ravel(), eyes]))


@cache
def _reduced_landmarks() -> MeshLandmarks:
    """Where the reduced model has the landmarks."""
    table = mesh_landmarks()
    return replace(table, corners=np.searchsorted(_kept_vertices(), table.corners))


@cache
def _reduced_model() -> body.Model:
    """The body model with only the vertices that landmarks need: several times as fast."""
    shapes, kept = body.model().shapes, _kept_vertices()
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
