"""The surface of a fitted head: which point of it a pixel shows, and how to bring it onto a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

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
from fenshen.humans.strands import above_hairline
from fenshen.landmarks import IRIS, OUTLINE

# The difference between measured landmarks and those of the fitted mesh, as a Gaussian process over the portrait: two
# components, each with a length and a standard deviation, and the independent error of a landmark. In sides.
_WIDE, _NARROW = (0.12, 0.012), (0.025, 0.005)
_ERROR, _OUTLINE_ERROR = 0.001, 0.004
_OUTLINE_SMOOTHING, _THICKNESS_SMOOTHING = 2.0, 5.0  # degrees
_MOST_HAIR = 0.04  # most that hair may add to a head's radius, in sides
_INSET = 0.004  # the head stays this far inside the person's edge, in sides
_IRISES = {EYE_RIGHT: IRIS.right, EYE_LEFT: IRIS.left}


@dataclass(frozen=True, eq=False)
class Fragments:
    """The points of the surface that the pixels of a square picture show.

    Attributes:
        rows, columns: of the pixels.
        corners: vertices of the triangle that each point lies in.
        shares: barycentric coordinates in it.
        side: of the picture, in pixels.
    """

    rows: Int[ndarray, "N"]
    columns: Int[ndarray, "N"]
    corners: Int[ndarray, "N 3"]
    shares: Float[ndarray, "N 3"]
    side: int

    @classmethod
    def of(cls, frame: Frame) -> Fragments:
        """The fragments of a frame that was rendered with its mesh, at twice the frame's resolution."""
        assert frame.corners is not None
        side = len(frame.corners)
        rows, columns = np.nonzero(frame.corners[..., 0] >= 0)
        corners = frame.corners[rows, columns]
        clip = np.column_stack([frame.vertices, np.ones(len(frame.vertices))]) @ frame.view.view.T
        a, b, c = (clip[:, [0, 1, 3]][corners[:, k]] for k in range(3))
        ray = np.column_stack([(2 * columns + 1) / side - 1, 1 - (2 * rows + 1) / side, np.ones(len(rows))])
        # The weighted sum of the corners lies on the pixel's ray. Cramer's rule gives the weights.
        parts = [np.cross(b, c), np.cross(c, a), np.cross(a, b)]
        shares = np.stack([(part * ray).sum(1) for part in parts], axis=1)
        shares = (shares / shares.sum(1, keepdims=True)).astype(np.float32)
        return cls(rows, columns, corners, shares, side)

    @cached_property
    def places(self) -> Float[ndarray, "N 2"]:
        """Where the points are in the picture, in sides, x right and y down."""
        return (np.column_stack([self.columns, self.rows]) + 0.5) / self.side

    @cached_property
    def part(self) -> Int[ndarray, "N"]:
        """The part of the mesh that each point belongs to, SKIN to TONGUE."""
        return body.model().shapes.part[self.corners[:, 0]]

    @property
    def with_head(self) -> Bool[ndarray, "N"]:
        """Which points move with the head, and not with neck and shoulders."""
        return np.asarray(self._fixed[:, 0] > 0.5)

    @property
    def on_ears(self) -> Bool[ndarray, "N"]:
        """Which points belong to ears: real ears differ too much from the mesh's for it to be of any use."""
        return np.asarray(self._fixed[:, 1] > 0.3)

    @property
    def on_head(self) -> Bool[ndarray, "N"]:
        """Which points belong to the head, ears excluded."""
        return self.with_head & ~self.on_ears

    @property
    def openable(self) -> Float[ndarray, "N"]:
        """How much each point belongs to what opens and closes, 0 to 1: lids, lips, and everything behind them."""
        return self._fixed[:, 2]

    @property
    def above_hairline(self) -> Float[ndarray, "N"]:
        """How far each point lies above the hairline, in metres; negative below."""
        return self._fixed[:, 3]

    @cached_property
    def _fixed(self) -> Float[ndarray, "N 4"]:
        return self.mix(_fixed_values())

    def mix(self, values: Float[ndarray, "V *rest"]) -> Float[ndarray, "N *rest"]:
        """Values of the vertices, interpolated at the points."""
        return np.einsum("nk,nk...->n...", self.shares, values.astype(np.float32)[self.corners])

    def spread(self, values: Float[ndarray, "N *rest"]) -> Float[ndarray, "T T *rest"]:
        """Values of the points as a picture, 0 where there is no point."""
        picture = np.zeros((self.side, self.side, *values.shape[1:]), dtype=np.float32)
        picture[self.rows, self.columns] = values
        return picture


def without_hair(human: Human) -> Human:
    """The human without hair, beard and glasses, which would hide skin."""
    hair = human.hair.model_copy(update={"style": "bald"})
    return human.model_copy(update={"hair": hair, "beard": Beard(), "glasses": None})


def vertex_depths(frame: Frame) -> Float[ndarray, "V"]:
    """Distance of each vertex from the camera along its axis, in metres."""
    return -(np.column_stack([frame.vertices, np.ones(len(frame.vertices))]) @ frame.view.world_to_view[2])


def vertex_facing(frame: Frame) -> Float[ndarray, "V"]:
    """Cosine of the angle between each vertex's normal and the direction to the camera."""
    towards = frame.view.eye - frame.vertices
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return (body.model().normals(frame.vertices) * towards).sum(1)


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of a head without ears: its radius in each direction from the head's centre.

    Attributes:
        radii: in sides, one a degree, clockwise from the picture's right, turned with the head's roll.
        centre: in sides, x right and y down.
        roll: of the head in radians, clockwise.
        scale: size of the head over that of the neutral one.
    """

    radii: Float[ndarray, "360"]
    centre: Float[ndarray, "2"]
    roll: float
    scale: float

    @classmethod
    def of(cls, points: Fragments, controls: Float[ndarray, "58"]) -> Outline:
        """The outline of a posed head."""
        there = points.spread(points.on_head.astype(np.float32))
        circle = cls(np.zeros(360), *head_placement(controls))
        radii = np.arange(2 * points.side) / points.side / 2
        rays = _sampled(there, circle.places(np.arange(360), radii[None])) > 0.5
        last = rays.shape[1] - 1 - rays[:, ::-1].argmax(1)  # of each ray, the last sample on the head
        reach = radii[last] * rays.any(1)
        return cls(_smoothed(reach, _OUTLINE_SMOOTHING), *head_placement(controls))

    def places(self, degrees: Float[ndarray, "A"], radii: Float[ndarray, "A R"]) -> Float[ndarray, "A R 2"]:
        """Points at some angles in degrees and radii in sides."""
        return self.centre + radii[..., None] * self.direction(degrees)[:, None]

    def direction(self, degrees: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """Unit vectors from the centre outwards, at some angles in degrees."""
        turned = np.radians(degrees) + self.roll
        return np.stack([np.cos(turned), np.sin(turned)], axis=-1)

    def to_polar(self, places: Float[ndarray, "*n 2"]) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
        """Angles in degrees and radii in sides of some points; the inverse of :meth:`places`."""
        x, y = np.moveaxis(places - self.centre, -1, 0)
        return np.degrees(np.arctan2(y, x) - self.roll) % 360, np.hypot(x, y)

    def interpolate(
        self, values: Float[ndarray, "360"], degrees: Float[ndarray, "*n"]
    ) -> Float[ndarray, "*n"]:
        """Values given for each degree, at some angles."""
        return np.interp(degrees, np.arange(361), np.append(values, values[0]))

    def matching_places(self, other: Outline, places: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 2"]:
        """Points beside this head moved beside another one: in the same direction, as far from its outline."""
        degrees, radius = self.to_polar(places)
        beyond = (radius - self.interpolate(self.radii, degrees)) * other.scale / self.scale
        return other.centre + (self.interpolate(other.radii, degrees) + beyond)[..., None] * other.direction(
            degrees
        )


def degrees_from_below(degrees: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """How far some angles of an outline are from straight down, to either side; 0 to 180."""
    return 180 - np.abs(np.abs(degrees - 90) - 180)


def _sampled(picture: Float[ndarray, "S S"], places: Float[ndarray, "A R 2"]) -> Float[ndarray, "A R"]:
    import cv2

    u, v = np.moveaxis((places * len(picture) - 0.5).astype(np.float32), -1, 0)
    return cv2.remap(picture, u, v, cv2.INTER_LINEAR)


def _smoothed(values: Float[ndarray, "360"], degrees: float) -> Float[ndarray, "360"]:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(values, degrees, mode="wrap")


def head_placement(controls: Float[ndarray, "58"]) -> tuple[Float[ndarray, "2"], float, float]:
    """Centre, roll and scale of a head, as in :class:`Outline`."""
    roll, x, y, scale = (float(controls[INDEX[name]]) for name in ("roll", "x", "y", "scale"))
    return np.array([CENTRE[0] + x, CENTRE[1] + y]), roll, 2**scale


@cache
def mirror_vertices() -> Int[ndarray, "V"]:
    """For each vertex, the one at its mirror image."""
    from scipy.spatial import cKDTree

    points = body.model().template
    return cKDTree(points).query(points * np.array([-1, 1, 1]))[1]


@cache
def _fixed_values() -> Float[ndarray, "V 4"]:
    """Of each vertex: how much it moves with the head, belongs to ears, opens; and how far above the hairline it is."""
    model = body.model()
    shapes = model.shapes
    lips, ears, lids, mouth, eyes = shapes.masks.T
    opens = np.where(shapes.part == SKIN, np.maximum.reduce([lips, lids, mouth, eyes]), 1.0)
    hair = above_hairline(model.template.astype(np.float64))
    return np.column_stack([head_weights(), ears, opens, hair]).astype(np.float32)


def head_weights() -> Float[ndarray, "V"]:
    """How much each vertex moves with the head, and not with neck and shoulders, 0 to 1."""
    return body.model().shapes.weights[:, body.HEAD]


def landmark_offsets(
    human: Human, controls: Float[ndarray, "58"], camera: Camera, points: Float[ndarray, "478 2"]
) -> Float[ndarray, "V 3"]:
    """Offsets of the vertices at rest that bring the landmarks of the posed mesh onto the measured ones.

    They are parallel to the picture: what the fit left over is interpolated as a Gaussian process. Eyeballs move as a
    whole.

    Args:
        points: the measured landmarks, in sides.
    """
    frame = render(human, controls, camera, SMALLEST)
    drawn = frame.landmarks[:, :2]
    errors = np.full(len(drawn), _ERROR)
    errors[list(OUTLINE.right + OUTLINE.left)] = _OUTLINE_ERROR
    weights = np.linalg.solve(_covariance(drawn, drawn) + np.diag(errors**2), points - drawn)
    shift = _covariance(frame.view.project(frame.vertices)[:, :2], drawn) @ weights
    for eye, iris in _IRISES.items():
        shift[body.model().shapes.part == eye] = (points - drawn)[list(iris)].mean(0)
    return _offsets_at_rest(frame, shift)


def outline_offsets(frame: Frame, share: Float[ndarray, "S S"]) -> Float[ndarray, "V 3"]:
    """Offsets of the vertices at rest that bring the head's outline onto that of the person in the picture.

    Above the jaw this makes hair a part of the head, up to a thickness of ``_MOST_HAIR``.

    Args:
        frame: rendered with its mesh.
        share: how much of each pixel is the person, 0 to 1.
    """
    outline = Outline.of(Fragments.of(frame), frame.controls)
    angles = np.arange(360)
    reach = outline.radii
    steps = np.linspace(-_MOST_HAIR, _MOST_HAIR, 41)
    places = outline.places(angles, reach[:, None] + steps)
    inside = _sampled(share, places) > 0.9
    first_outside = steps[inside.argmin(1)]
    thickness = np.where(inside.all(1), _MOST_HAIR, first_outside) - _INSET
    above_jaw = np.clip((degrees_from_below(angles) - 100) / 25, 0, 1)
    thickness = _smoothed(np.where(thickness > 0, thickness * above_jaw, thickness), _THICKNESS_SMOOTHING)
    # Vertices near the outline move with it, those near the centre hardly.
    degrees, radius = outline.to_polar(frame.view.project(frame.vertices)[:, :2])
    weight = np.minimum(radius / outline.interpolate(reach, degrees), 1) ** 4 * head_weights()
    shift = (outline.interpolate(thickness, degrees) * weight)[:, None] * outline.direction(degrees)
    return _offsets_at_rest(frame, shift)


def _offsets_at_rest(frame: Frame, shift: Float[ndarray, "V 2"]) -> Float[ndarray, "V 3"]:
    """Offsets of the vertices at rest that shift them in a frame's picture.

    Args:
        shift: in sides, x right and y down.
    """
    camera = frame.camera
    metres = shift * (vertex_depths(frame)[:, None] / frame.view.distance / frame.view.scale)
    world = metres[:, :1] * camera.rotation[0] - metres[:, 1:] * camera.rotation[1]
    rest = body.model().rest(frame.human)
    turn = turn_of(camera, fit_head(mesh_landmarks().of(rest.points)), frame.controls)
    bones = body.model().pose(rest, frame.controls, turn).bones
    turned = np.einsum("vb,bij->vij", body.model().shapes.weights, bones[:, :3, :3])
    return np.linalg.solve(turned, world[..., None])[..., 0].astype(np.float32)


def _covariance(a: Float[ndarray, "N 2"], b: Float[ndarray, "M 2"]) -> Float[ndarray, "N M"]:
    """Covariance of the Gaussian process between places, in sides."""
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    covariance = np.zeros_like(square)
    for length, deviation in (_WIDE, _NARROW):
        covariance += deviation**2 * np.exp(-0.5 * square / length**2)
    return covariance
