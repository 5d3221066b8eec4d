"""A fitted head as a surface: which point of it a pixel shows, and where the measured face lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from fenshen.doubles.fit_shape import CONTOUR
from fenshen.humans import body
from fenshen.humans.camera import Camera, fit_head, turn_of
from fenshen.humans.human import Beard, Human
from fenshen.humans.landmarks import table
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, SKIN
from fenshen.humans.render import SMALLEST, Frame, render

# How measured landmarks differ from the fitted mesh's: over how many sides of the portrait, and by how many, widely
# and narrowly; and how far a landmark, or one of the outline, is off by itself.
_WIDELY, _NARROWLY, _ERROR, _OUTLINE_ERROR = (0.12, 0.012), (0.025, 0.005), 0.001, 0.004
_IRISES = {EYE_RIGHT: range(468, 473), EYE_LEFT: range(473, 478)}


@dataclass(frozen=True, eq=False)
class Fragments:
    """The points of the surface that the pixels of a square picture show.

    Attributes:
        rows, columns: of the pixels.
        corners: vertices of the triangle.
        shares: barycentric coordinates.
        side: of the picture, in pixels.
    """

    rows: Int[ndarray, "N"]
    columns: Int[ndarray, "N"]
    corners: Int[ndarray, "N 3"]
    shares: Float[ndarray, "N 3"]
    side: int

    @classmethod
    def of(cls, frame: Frame) -> Fragments:
        """Of a frame that was drawn with its mesh, at twice its resolution."""
        assert frame.corners is not None
        side = len(frame.corners)
        rows, columns = np.nonzero(frame.corners[..., 0] >= 0)
        corners = frame.corners[rows, columns]
        clip = np.column_stack([frame.vertices, np.ones(len(frame.vertices))]) @ frame.view.view.T
        a, b, c = (clip[:, [0, 1, 3]][corners[:, k]] for k in range(3))
        ray = np.column_stack([(2 * columns + 1) / side - 1, 1 - (2 * rows + 1) / side, np.ones(len(rows))])
        # The point is the sum of the corners in its shares, and lies on the ray: Cramer's rule.
        parts = [np.cross(b, c), np.cross(c, a), np.cross(a, b)]
        shares = np.stack([(part * ray).sum(1) for part in parts], axis=1)
        return cls(rows, columns, corners, shares / shares.sum(1, keepdims=True), side)

    @property
    def places(self) -> Float[ndarray, "N 2"]:
        """In sides, x right and y down."""
        return (np.column_stack([self.columns, self.rows]) + 0.5) / self.side

    @property
    def part(self) -> Int[ndarray, "N"]:
        """Of the mesh, SKIN to TONGUE."""
        return body.model().shapes.part[self.corners[:, 0]]

    def mix(self, values: Float[ndarray, "V *rest"]) -> Float[ndarray, "N *rest"]:
        """What the vertices have, at the points."""
        mixed = np.einsum("nk,nk...->n...", self.shares, values[self.corners])
        return mixed.astype(np.float32)

    def spread(self, values: Float[ndarray, "N *rest"]) -> Float[ndarray, "T T *rest"]:
        """As a picture, 0 where there is no point."""
        picture = np.zeros((self.side, self.side, *values.shape[1:]), dtype=np.float32)
        picture[self.rows, self.columns] = values
        return picture


def bare(human: Human) -> Human:
    """The person without what would hide skin."""
    hair = human.hair.model_copy(update={"style": "bald"})
    return human.model_copy(update={"hair": hair, "beard": Beard(), "glasses": None})


def depths(frame: Frame) -> Float[ndarray, "V"]:
    """Metres of every vertex before the camera."""
    return -(np.column_stack([frame.vertices, np.ones(len(frame.vertices))]) @ frame.view.world_to_view[2])


def facing(frame: Frame) -> Float[ndarray, "V"]:
    """Cosine between every vertex's normal and the way to the camera."""
    towards = frame.view.eye - frame.vertices
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return (body.model().normals(frame.vertices) * towards).sum(1)


@cache
def opposite() -> Int[ndarray, "V"]:
    """Of every vertex, the one on the other half of the body."""
    from scipy.spatial import cKDTree

    points = body.model().template
    return cKDTree(points).query(points * np.array([-1, 1, 1]))[1]


@cache
def opening() -> Float[ndarray, "V"]:
    """How much a vertex belongs to what opens and closes: lids, lips, the cavities behind them and all in these."""
    shapes = body.model().shapes
    lips, _, lids, mouth, eyes = shapes.masks.T
    return np.where(shapes.part == SKIN, np.maximum.reduce([lips, lids, mouth, eyes]), 1.0)


def of_head() -> Float[ndarray, "V"]:
    """How much a vertex moves with the head, and not with neck and shoulders."""
    return body.model().shapes.weights[:, body.HEAD]


def refined(
    human: Human, controls: Float[ndarray, "58"], camera: Camera, points: Float[ndarray, "478 2"]
) -> Float[ndarray, "V 3"]:
    """Offsets at rest that bring the landmarks of the posed mesh onto the measured ones, parallel to the picture.

    What the fit left over is interpolated over the picture as a Gaussian process. Eyeballs are moved whole.

    Args:
        points: the measured landmarks, in sides.
    """
    frame = render(human, controls, camera, SMALLEST)
    drawn = frame.landmarks[:, :2]
    errors = np.full(len(drawn), _ERROR)
    errors[list(CONTOUR)] = _OUTLINE_ERROR
    weights = np.linalg.solve(_alike(drawn, drawn) + np.diag(errors**2), points - drawn)
    apart = _alike(frame.view.project(frame.vertices)[:, :2], drawn) @ weights
    shapes = body.model().shapes
    for eye, iris in _IRISES.items():
        apart[shapes.part == eye] = (points - drawn)[list(iris)].mean(0)
    metres = apart * (depths(frame)[:, None] / frame.view.distance / frame.view.scale)
    world = metres[:, :1] * camera.rotation[0] - metres[:, 1:] * camera.rotation[1]
    rest = body.model().rest(human)
    turn = turn_of(camera, fit_head(table().points(rest.points)), controls)
    bones = body.model().pose(rest, controls, turn).bones
    turned = np.einsum("vb,bij->vij", shapes.weights, bones[:, :3, :3])
    return np.linalg.solve(turned, world[..., None])[..., 0].astype(np.float32)


def _alike(a: Float[ndarray, "N 2"], b: Float[ndarray, "M 2"]) -> Float[ndarray, "N M"]:
    """The covariance of what is left over at two places."""
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    wide, narrow = (amount**2 * np.exp(-0.5 * square / length**2) for length, amount in (_WIDELY, _NARROWLY))
    return wide + narrow
