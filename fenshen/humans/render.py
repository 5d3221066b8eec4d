"""Drawing a human: ``render(human, controls, camera, size)`` gives a picture and its exact labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.errors import FenshenError
from fenshen.humans import body, features, hair, looks
from fenshen.humans.body import Posed, Rest
from fenshen.humans.camera import (
    Camera,
    HeadAtRest,
    View,
    aim,
    fit_head,
    orthographic,
    target_rotation,
    turn_of,
)
from fenshen.humans.human import Human
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT
from fenshen.humans.mesh_landmarks import mesh_landmarks
from fenshen.humans.occlusion import occlusion
from fenshen.humans.stage import Layer, Pixels, Stage
from fenshen.humans.strands import Bound, Strands, Surface
from fenshen.humans.toon import outlined

Look = Literal["photo", "toon"]

SMALLEST, LARGEST = 32, 2048
COARSE_UP_TO = 192  # pixels a side: larger pictures get finer strands and the texture of skin and cloth
_LOWER_ROW = 0.25  # added to the part of lower teeth, so that shaders tell them from upper ones
_FINER = 2  # a picture is drawn at twice its size, and averaged
_EYE_RADIUS = 0.0137  # metres; the iris is half as wide
_SHADOW_HALF = 0.30  # metres around the head that cast and catch shadows


class Kind(IntEnum):
    """Segmentation classes. A beard is hair; stubble is skin; teeth and tongue are mouth."""

    BACKGROUND = 0
    SKIN = 1
    LIPS = 2
    EYES = 3
    HAIR = 4
    LASHES = 5
    CLOTH = 6
    MOUTH = 7
    BROWS = 8
    GLASSES = 9


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture with its labels.

    Attributes:
        picture: sRGB.
        human: who is drawn.
        controls: as given.
        rotation: the canonical face's rotation in the picture; x to the viewer's right, y up, z to the viewer.
        camera: as given.
        view: world (metres) to clip space.
        landmarks: MediaPipe's 478: x right, y down, z into the scene from the head's centre, all in picture sides;
            includes hidden ones.
        kinds: segmentation, see :class:`Kind`.
        depth: metres from the camera, infinite off the person; only if requested.
        normals: surface normals in view axes, 0 off the person; only if requested.
        corners: vertices of the visible body triangle, strands left out, at twice the picture's resolution; -1 off
            the person; only if requested.
        vertices: posed vertices of the mesh in the world.
    """

    picture: UInt8[ndarray, "S S 3"]
    human: Human
    controls: Float[ndarray, "58"]
    rotation: Float[ndarray, "3 3"]
    camera: Camera
    view: View
    landmarks: Float[ndarray, "478 3"]
    kinds: UInt8[ndarray, "S S"]
    vertices: Float[ndarray, "V 3"]
    depth: Float[ndarray, "S S"] | None = None
    normals: Float[ndarray, "S S 3"] | None = None
    corners: Int[ndarray, "T T 3"] | None = None


def render(
    human: Human,
    controls: Float[ndarray, "58"] | None = None,
    camera: Camera | None = None,
    size: int = 128,
    *,
    look: Look = "photo",
    geometry: bool = False,
    mesh: bool = False,
    moved: Float[ndarray, "V 3"] | None = None,
) -> Frame:
    """Draw a human. The same arguments give the same pixels on one machine.

    Args:
        controls: neutral by default.
        camera: in front by default.
        size: side of the square picture in pixels.
        look: ``photo``, or ``toon`` in flat bands with an outline.
        geometry: also return depth and normals.
        mesh: also return the visible triangles.
        moved: extra offset of each vertex at rest, beyond the human's own shape; ignored for the placement and
            rotation of the head.

    Raises:
        FenshenError: the extra, OpenGL or the cache fails; size or controls are out of range.
    """
    if not SMALLEST <= size <= LARGEST:
        raise FenshenError("humans.bad_size", size=size)
    controls = control_space.NEUTRAL if controls is None else np.asarray(controls, dtype=np.float32)
    try:
        control_space.check(controls)
    except ValueError as error:
        raise FenshenError("humans.bad_controls", why=error) from error
    with _studio().one_thread():
        return _draw(human, controls, camera or Camera(), size, look, geometry, mesh, moved)


def _draw(
    human: Human,
    controls: Float[ndarray, "58"],
    camera: Camera,
    size: int,
    look: Look,
    geometry: bool,
    mesh: bool,
    moved: Float[ndarray, "V 3"] | None,
) -> Frame:
    studio = _studio()
    rest, head = studio.at_rest(human)
    if moved is not None:
        rest = replace(rest, points=rest.points + moved)
    turn = turn_of(camera, head, controls)
    posed = studio.model.pose(rest, controls, turn)
    centre = (posed.bones[body.HEAD] @ np.append(head.centre, 1))[:3]
    view = aim(camera, head, controls, turn, centre)
    fine = size > COARSE_UP_TO
    uniforms = studio.uniforms(human, camera, view, posed, centre, size, toon=look == "toon", fine=fine)
    layers = list(studio.layers(human, posed, fine))
    pixels = studio.stage(size).draw(posed, layers, uniforms, geometry=geometry or look == "toon", mesh=mesh)
    return Frame(
        picture=_averaged(outlined(pixels) if look == "toon" else pixels.colour),
        human=human,
        controls=controls,
        rotation=target_rotation(controls),
        camera=camera,
        view=view,
        landmarks=view.project(mesh_landmarks().of(posed.points)),
        kinds=pixels.kind[::_FINER, ::_FINER].copy(),
        vertices=posed.points,
        corners=pixels.corners,
        **(_geometry(pixels) if geometry else {}),
    )


def _averaged(pixels: UInt8[ndarray, "T T 3"]) -> UInt8[ndarray, "S S 3"]:
    side = len(pixels) // _FINER
    blocks = pixels.reshape(side, _FINER, side, _FINER, 3).astype(np.uint16)
    return ((blocks.sum((1, 3)) + _FINER) // _FINER**2).astype(np.uint8)


def _geometry(pixels: Pixels) -> dict[str, Any]:
    assert pixels.geometry is not None
    some = pixels.geometry[::_FINER, ::_FINER]
    depth = np.where(some[..., 3] > 0, some[..., 3], np.inf)
    return {"depth": depth.astype(np.float32), "normals": some[..., :3].copy()}


class Studio:
    """What a process keeps between pictures: the model, its stages and bundles of strands."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self.model = body.model()
        self._threads = ThreadpoolController()
        template, part = self.model.template, self.model.shapes.part
        eyes = [template[part == side] for side in (EYE_LEFT, EYE_RIGHT)]
        # An eyeball's centre lies a radius behind its front, in the middle of its outline.
        self._eyes = [
            np.array([eye[:, 0].mean(), eye[:, 1].min() + 0.0145, eye[:, 2].mean()]) for eye in eyes
        ]
        self._stages: dict[int, Stage] = {}
        self._bound: dict[tuple[Any, ...], Bound] = {}
        self._rests: dict[str, tuple[Rest, HeadAtRest]] = {}

    def one_thread(self) -> Any:
        """Run with one thread: sums in a fixed order, so that pixels do not depend on the number of cores."""
        return self._threads.limit(limits=1, user_api="blas")

    @cached_property
    def surface(self) -> Surface:
        """The template's skin, where strands grow."""
        return Surface(self.model)

    @cached_property
    def _static(self) -> Float[ndarray, "V 10"]:
        shapes, model = self.model.shapes, self.model
        part = shapes.part + _LOWER_ROW * shapes.lower_teeth
        columns = [model.template, shapes.masks[:, :4], occlusion(model), part, self.surface.hairline]
        return np.column_stack(columns).astype(np.float32)

    def stage(self, size: int) -> Stage:
        """The stage for pictures of this size; the last two sizes are kept."""
        if size not in self._stages:
            while len(self._stages) >= 2:
                self._stages.pop(next(iter(self._stages)))
            shadow = 320 if size <= COARSE_UP_TO else 1024
            self._stages[size] = Stage(self.model, self._static, _FINER * size, shadow)
        return self._stages[size]

    def at_rest(self, human: Human) -> tuple[Rest, HeadAtRest]:
        """A person's neutral face, kept for their next frame."""
        key = human.model_dump_json(include={"body", "shape"})
        if key not in self._rests:
            self._rests.clear()
            rest = self.model.rest(human)
            self._rests[key] = rest, fit_head(mesh_landmarks().of(rest.points))
        return self._rests[key]

    def uniforms(
        self,
        human: Human,
        camera: Camera,
        view: View,
        posed: Posed,
        centre: Float[ndarray, "3"],
        size: int,
        *,
        toon: bool,
        fine: bool,
    ) -> dict[str, Any]:
        """Uniforms for all programs."""
        values = {**looks.person(human), **looks.light(human, camera)}
        lid, stripes = values.pop("lid_and_stripes")
        towards = values["key_dir"]
        return {
            **values,
            "makeup": (lid, stripes, human.skin.lipstick, _EYE_RADIUS),
            "eye_left": self._eyes[0],
            "eye_right": self._eyes[1],
            "eye": view.eye,
            "view": view.view,
            "camera": view.world_to_view,
            "light_view": orthographic(centre - (0, 0, 0.03), towards, _SHADOW_HALF, 1.0),
            "shadow": 0,
            "head": posed.bones[body.HEAD][:3, :3],
            "least": 0.3 / (view.scale * _FINER * size),
            "toon": float(toon),
            "detail": float(fine),
        }

    def layers(self, human: Human, posed: Posed, fine: bool) -> Iterator[Layer]:
        """A person's strands, following the posed body."""
        detail = hair.FINE if fine else hair.COARSE
        turned = {"head": posed.bones[body.HEAD][:3, :3], "solid": 0.0}

        def layer(
            key: tuple[Any, ...], make: Callable[[], Strands], uniforms: dict[str, Any], **more: Any
        ) -> Layer:
            key = (*key, fine)
            if key not in self._bound:
                self._bound[key] = Bound(make(), self.model)
            bound = self._bound[key]
            return Layer(key, bound.strands, bound.follow(posed), {**turned, **uniforms}, **more)

        if human.hair.style != "bald":
            style, strands = human.hair.style, human.hair.strands
            yield layer(
                ("hair", style, strands),
                lambda: hair.grow(style, strands, detail, self.surface),
                _colours(human.hair.root, human.hair.tip, Kind.HAIR, gloss=1.0),
            )
        yield layer(
            ("brows", human.brows.style),
            lambda: features.brows(human.brows.style, detail, self.surface),
            _colours(human.brows.colour, np.array(human.brows.colour) * 1.25, Kind.BROWS, gloss=0.15),
            casts=False,
            cull=-0.6,
        )
        strength = round(4 * human.eyes.lashes) / 4  # five bundles for all humans
        dark = np.array(human.brows.colour) * 0.25
        yield layer(
            ("lashes", strength),
            lambda: features.lashes(strength, detail, self.surface),
            _colours(dark, dark, Kind.LASHES, gloss=0.0),
            casts=False,
            cull=-9.0,
        )
        if human.beard.style != "none":
            beard = human.beard
            yield layer(
                ("beard", beard.style),
                lambda: features.beard(beard.style, detail, self.surface),
                _colours(beard.colour, beard.colour, Kind.HAIR, gloss=0.5),
                casts=False,
            )
        if human.glasses is not None:
            roundness = round(2 * human.glasses.roundness) / 2
            frame = human.glasses.colour
            solid = {**_colours(frame, frame, Kind.GLASSES, gloss=1.2), "solid": 1.0}
            yield layer(
                ("glasses", roundness), lambda: features.glasses(roundness, self.surface), solid, cull=-9.0
            )


def _colours(root: Any, tip: Any, kind: Kind, gloss: float) -> dict[str, Any]:
    return {"root_col": np.array(root), "tip_col": np.array(tip), "number": float(kind), "gloss": gloss}


def make_ready() -> None:
    """Load everything that drawing needs, and fill the cache.

    Raises:
        FenshenError: the extra, OpenGL or the cache fails.
    """
    _studio().stage(SMALLEST)


@cache
def _studio() -> Studio:
    return Studio()
