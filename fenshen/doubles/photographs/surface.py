"""A fitted head as a surface: which point of it a pixel shows, and where the measured face lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from fenshen.controls import CENTRE, INDEX
from fenshen.humans import body
from fenshen.humans.camera import Camera, fit_head, turn_of
from fenshen.humans.human import Beard, Human
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, SKIN
from fenshen.humans.mesh_landmarks import mesh_landmarks
from fenshen.humans.render import SMALLEST, Frame, render
from fenshen.landmarks import IRIS, OUTLINE

# How measured landmarks differ from the fitted mesh's: over how many sides of the portrait, and by how many, widely
# and narrowly; and how far a landmark, or one of the outline, is off by itself.
_WIDELY, _NARROWLY, _ERROR, _OUTLINE_ERROR = (0.12, 0.012), (0.025, 0.005), 0.001, 0.004
_EARS = 1  # of the masks
_ROUNDER, _SMOOTH = 2.0, 5.0  # degrees over which an outline, and what it lacks, are smoothed
_THICKEST, _INSET = 0.04, 0.004  # sides that hair may add to a head, and that it stays inside the person
_IRISES = {EYE_RIGHT: IRIS.right, EYE_LEFT: IRIS.left}


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


@dataclass(frozen=True, eq=False)
class Outline:
    """How far a head, without its ears, reaches from its centre all around.

    Attributes:
        radii: in sides, by the angle in degrees clockwise from the head's own right-hand side of the picture.
        centre: in sides, x right and y down.
        roll: of the head in radians, clockwise.
        scale: of the head over its neutral.
    """

    radii: Float[ndarray, "360"]
    centre: Float[ndarray, "2"]
    roll: float
    scale: float

    @classmethod
    def of(cls, points: Fragments, controls: Float[ndarray, "58"]) -> Outline:
        """Of a posed head."""
        there = points.spread(solid(points).astype(np.float32))
        found = cls(np.zeros(360), *stance(controls))
        radii = np.arange(2 * points.side) / points.side / 2
        rays = _looked_up(there, found.places(np.arange(360), radii[None])) > 0.5
        reach = radii[rays.shape[1] - 1 - rays[:, ::-1].argmax(1)] * rays.any(1)
        return cls(_rounded(reach, _ROUNDER), *stance(controls))

    def places(self, degrees: Float[ndarray, "A"], radii: Float[ndarray, "A R"]) -> Float[ndarray, "A R 2"]:
        """In sides."""
        return self.centre + radii[..., None] * self.way(degrees)[:, None]

    def way(self, degrees: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """From the centre outwards."""
        turned = np.radians(degrees) + self.roll
        return np.stack([np.cos(turned), np.sin(turned)], axis=-1)

    def polar(self, places: Float[ndarray, "*n 2"]) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
        """Angle in degrees, and radius in sides."""
        x, y = np.moveaxis(places - self.centre, -1, 0)
        return np.degrees(np.arctan2(y, x) - self.roll) % 360, np.hypot(x, y)

    def at(self, values: Float[ndarray, "360"], degrees: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """What goes all around, at some angles."""
        return np.interp(degrees, np.arange(361), np.append(values, values[0]))

    def beside(self, other: Outline, places: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 2"]:
        """Where what is beside this head is beside another: as far from its outline, in the same direction."""
        degrees, radius = self.polar(places)
        beyond = (radius - self.at(self.radii, degrees)) * other.scale / self.scale
        return other.centre + (self.at(other.radii, degrees) + beyond)[..., None] * other.way(degrees)


def from_below(degrees: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """Of an outline's angles, to either side, how far they are from straight down."""
    return 180 - np.abs(np.abs(degrees - 90) - 180)


def solid(points: Fragments) -> Bool[ndarray, "N"]:
    """Which points are of the head and of no ear."""
    return (points.mix(of_head()) > 0.5) & ~ears(points)


def ears(points: Fragments) -> Bool[ndarray, "N"]:
    """Which points are of ears: these differ too much from the mesh's to be told anything of."""
    return points.mix(body.model().shapes.masks[:, _EARS]) > 0.3


def _looked_up(picture: Float[ndarray, "S S"], places: Float[ndarray, "A R 2"]) -> Float[ndarray, "A R"]:
    import cv2

    u, v = np.moveaxis((places * len(picture) - 0.5).astype(np.float32), -1, 0)
    return cv2.remap(picture, u, v, cv2.INTER_LINEAR)


def _rounded(values: Float[ndarray, "360"], degrees: float) -> Float[ndarray, "360"]:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(values, degrees, mode="wrap")


def stance(controls: Float[ndarray, "58"]) -> tuple[Float[ndarray, "2"], float, float]:
    """Centre, roll and scale of a head, as :class:`Outline` has them."""
    roll, x, y, scale = (float(controls[INDEX[name]]) for name in ("roll", "x", "y", "scale"))
    return np.array([CENTRE[0] + x, CENTRE[1] + y]), roll, 2**scale


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
    errors[list(OUTLINE.right + OUTLINE.left)] = _OUTLINE_ERROR
    weights = np.linalg.solve(_alike(drawn, drawn) + np.diag(errors**2), points - drawn)
    apart = _alike(frame.view.project(frame.vertices)[:, :2], drawn) @ weights
    for eye, iris in _IRISES.items():
        apart[body.model().shapes.part == eye] = (points - drawn)[list(iris)].mean(0)
    return _at_rest(frame, apart)


def widened(frame: Frame, share: Float[ndarray, "S S"]) -> Float[ndarray, "V 3"]:
    """Offsets at rest that bring a drawn head's outline onto that of the person in the picture.

    Hair above the jaw so becomes a part of the head, up to a thickness of ``_THICKEST``.

    Args:
        frame: drawn with its mesh.
        share: of the person in each pixel.
    """
    outline = Outline.of(Fragments.of(frame), frame.controls)
    angles = np.arange(360)
    reach = outline.radii
    steps = np.linspace(-_THICKEST, _THICKEST, 41)
    places = outline.places(angles, reach[:, None] + steps)
    inside = _looked_up(share, places) > 0.9
    # The first step that leaves the person, from within.
    found = np.where(inside.all(1), _THICKEST, steps[np.minimum(inside.argmin(1), len(steps) - 1)]) - _INSET
    above = np.clip((from_below(angles) - 100) / 25, 0, 1)
    found = _rounded(np.where(found > 0, found * above, found), _SMOOTH)
    direction, radius = outline.polar(frame.view.project(frame.vertices)[:, :2])
    share_of = np.minimum(radius / outline.at(reach, direction), 1) ** 4 * of_head()
    apart = (outline.at(found, direction) * share_of)[:, None] * outline.way(direction)
    return _at_rest(frame, apart)


def _at_rest(frame: Frame, apart: Float[ndarray, "V 2"]) -> Float[ndarray, "V 3"]:
    """The offsets at rest that move a frame's vertices in its picture.

    Args:
        apart: in sides, x right and y down.
    """
    camera = frame.camera
    metres = apart * (depths(frame)[:, None] / frame.view.distance / frame.view.scale)
    world = metres[:, :1] * camera.rotation[0] - metres[:, 1:] * camera.rotation[1]
    rest = body.model().rest(frame.human)
    turn = turn_of(camera, fit_head(mesh_landmarks().of(rest.points)), frame.controls)
    bones = body.model().pose(rest, frame.controls, turn).bones
    turned = np.einsum("vb,bij->vij", body.model().shapes.weights, bones[:, :3, :3])
    return np.linalg.solve(turned, world[..., None])[..., 0].astype(np.float32)


def _alike(a: Float[ndarray, "N 2"], b: Float[ndarray, "M 2"]) -> Float[ndarray, "N M"]:
    """The covariance of what is left over at two places."""
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    wide, narrow = (amount**2 * np.exp(-0.5 * square / length**2) for length, amount in (_WIDELY, _NARROWLY))
    return wide + narrow
