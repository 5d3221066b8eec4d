"""Headless OpenGL on EGL: one context per process, programs, buffers, and the passes of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from fenshen.errors import FenshenError
from fenshen.humans.body import Model, Posed
from fenshen.humans.makehuman import LASHES
from fenshen.humans.strands import Strands

_GLSL = Path(__file__).with_name("glsl")
_LIT = ("body", "strand")  # programs that include the shared source
_BACKEND: dict[str, Any] = {"backend": "egl"}  # its stubs lack backend-specific settings
Uniforms = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Layer:
    """Strands on a posed person.

    Args:
        key: name of the bundle, under which its static buffers are kept.
        strands: the bundle as grown.
        points: its points on the posed person.
        uniforms: its colours and class.
        casts: whether it casts a shadow.
        cull: strands whose normals turn further from the viewer than this are skipped.
    """

    key: tuple[Any, ...]
    strands: Strands
    points: Float[ndarray, "N M 3"]
    uniforms: Uniforms
    casts: bool = True
    cull: float = -0.25


@dataclass(frozen=True, eq=False)
class Pixels:
    """What was drawn, top row first, at drawing resolution."""

    colour: UInt8[ndarray, "S S 3"]
    kind: UInt8[ndarray, "S S"]
    geometry: Float[ndarray, "S S 4"] | None = None
    corners: Int[ndarray, "S S 3"] | None = None


@dataclass
class _Bundle:
    moving: Any
    triangles: Any
    lines: Any
    ribbon: Any
    line: Any
    geometry: Any
    index: Any
    line_index: Any
    drawn: tuple[int, int] = field(default=(0, 0))


@cache
def context() -> Any:
    """This process's OpenGL context.

    Raises:
        FenshenError: moderngl is not installed, or EGL gives no context.
    """
    try:
        import moderngl
    except ImportError as error:
        raise FenshenError("humans.no_extra", package="moderngl") from error
    try:
        return moderngl.create_context(standalone=True, require=330, **_BACKEND)
    except Exception as error:  # moderngl raises whatever its backend raises, including plain Exception
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FenshenError("humans.no_gl", why=why) from error


class Stage:
    """Where humans are drawn: buffers for one model and one resolution.

    Args:
        model: the body to draw.
        static: per vertex: template position, four masks, occlusion, part, hairline.
        side: side of the square in pixels.
        shadow: side of the shadow map in pixels.
    """

    def __init__(self, model: Model, static: Float[ndarray, "V 10"], side: int, shadow: int) -> None:
        import moderngl

        self.gl = gl = context()
        self.side = side
        self.model = model
        self._points = gl.buffer(reserve=model.count * 24, dynamic=True)
        self._static = gl.buffer(np.ascontiguousarray(static, dtype=np.float32).tobytes())
        shapes = model.shapes
        self._faces = shapes.faces[(shapes.part[shapes.faces] != LASHES).all(1)]  # lashes are strands
        index = gl.buffer(np.ascontiguousarray(self._faces, dtype=np.int32).tobytes())
        layout = [(self._points, "3f 3f", "pos", "nrm"), (self._static, "3f 4f 3f", "canon", "mask", "aux")]
        self._body = gl.vertex_array(program("body"), layout, index)
        self._body_depth = gl.vertex_array(program("depth"), [(self._points, "3f 12x", "pos")], index)
        self._body_geometry, self._body_triangle = (
            gl.vertex_array(
                program(name),
                [(self._points, "3f 3f", "pos", "nrm"), (self._static, "3f 4f 3f", "canon", "mask", "aux")],
                index,
                skip_errors=True,
            )
            for name in ("body_geometry", "body_triangle")
        )
        corners = gl.buffer(np.array([-1, -1, 3, -1, -1, 3], dtype=np.float32).tobytes())
        self._backdrop = gl.vertex_array(program("backdrop"), [(corners, "2f", "corner")])
        self._colour, self._kind = gl.texture((side, side), 4), gl.texture((side, side), 1)
        self._picture = gl.framebuffer([self._colour, self._kind], gl.depth_renderbuffer((side, side)))
        self._shadow = gl.depth_texture((shadow, shadow))
        self._shadow.compare_func = "<="
        self._shadow.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow.repeat_x = self._shadow.repeat_y = False
        self._shadows = gl.framebuffer(depth_attachment=self._shadow)
        self._bundles: dict[tuple[Any, ...], _Bundle] = {}

    def draw(
        self,
        posed: Posed,
        layers: Sequence[Layer],
        uniforms: Uniforms,
        *,
        geometry: bool = False,
        mesh: bool = False,
    ) -> Pixels:
        """Draw one picture.

        Args:
            uniforms: uniforms for all programs: light, colours, ``view`` and ``light_view``.
            geometry: also read back normals and depth.
            mesh: also read back the visible body triangle of each pixel, by its corners; -1 is none.
        """
        import moderngl

        self._points.write(np.concatenate([posed.points, posed.normals], axis=1).astype(np.float32).tobytes())
        ready = [(layer, self._fill(layer, uniforms["eye"])) for layer in layers]
        gl = self.gl
        gl.disable(moderngl.CULL_FACE)
        gl.enable(moderngl.DEPTH_TEST)
        self._shadows.use()
        self._shadows.clear()
        assign(program("depth"), {"view": uniforms["light_view"]})
        self._body_depth.render()
        for layer, bundle in ready:
            if layer.casts:
                bundle.line.render(moderngl.LINES, vertices=bundle.drawn[1])
        self._picture.use()
        self._picture.clear()
        self._shadow.use(0)
        gl.disable(moderngl.DEPTH_TEST)
        assign(program("backdrop"), uniforms)
        self._backdrop.render()
        gl.enable(moderngl.DEPTH_TEST)
        assign(program("body"), uniforms)
        self._body.render()
        for layer, bundle in ready:
            assign(program("strand"), {**uniforms, **layer.uniforms})
            bundle.ribbon.render(vertices=bundle.drawn[0])
        return Pixels(
            colour=_read(self._colour, self.side, np.uint8, 4)[..., :3],
            kind=_read(self._kind, self.side, np.uint8, 1)[..., 0],
            geometry=self._geometry(ready, uniforms) if geometry else None,
            corners=self._corners(uniforms) if mesh else None,
        )

    def _geometry(
        self, ready: Sequence[tuple[Layer, _Bundle]], uniforms: Uniforms
    ) -> Float[ndarray, "S S 4"]:
        with self._numbers() as texture:
            assign(program("body_geometry"), uniforms)
            self._body_geometry.render()
            for layer, bundle in ready:
                assign(program("strand_geometry"), {**uniforms, **layer.uniforms})
                bundle.geometry.render(vertices=bundle.drawn[0])
            return _read(texture, self.side, np.float32, 4).copy()

    def _corners(self, uniforms: Uniforms) -> Int[ndarray, "S S 3"]:
        """Clothes are painted on here, so every point lies in its triangle."""
        with self._numbers() as texture:
            assign(program("body_triangle"), {**uniforms, "collar": (*uniforms["collar"][:3], 0.0)})
            self._body_triangle.render()
            number = _read(texture, self.side, np.float32, 4)[..., 0].astype(np.int32)
        return np.where(number[..., None] > 0, self._faces[number - 1], -1)

    @contextmanager
    def _numbers(self) -> Iterator[Any]:
        """A cleared render target that holds numbers instead of colours."""
        size = (self.side, self.side)
        texture = self.gl.texture(size, 4, dtype="f4")
        depth = self.gl.depth_renderbuffer(size)
        target = self.gl.framebuffer([texture], depth)
        try:
            target.use()
            target.clear()
            yield texture
        finally:
            for thing in (target, texture, depth):
                thing.release()

    def depths(self, view: Float[ndarray, "4 4"]) -> Float[ndarray, "S S"]:
        """The body alone as the light sees it: the shadow map, for baking."""
        import moderngl

        self.gl.enable(moderngl.DEPTH_TEST)
        self._shadows.use()
        self._shadows.clear()
        assign(program("depth"), {"view": view})
        self._body_depth.render()
        return np.frombuffer(self._shadow.read(), dtype=np.float32).reshape(self._shadow.size[::-1])

    def place(self, points: Float[ndarray, "V 3"], normals: Float[ndarray, "V 3"]) -> None:
        """Upload the body's vertices, for :meth:`depths`."""
        self._points.write(np.concatenate([points, normals], axis=1).astype(np.float32).tobytes())

    def _fill(self, layer: Layer, eye: Float[ndarray, "3"]) -> _Bundle:
        """Upload a layer's points, and index only the strands that may be visible."""
        bundle = self._bundles.get(layer.key) or self._bundles.setdefault(
            layer.key, self._make(layer.strands)
        )
        points = layer.points.astype(np.float32, copy=False)
        count, length, _ = points.shape
        both = np.empty((count, length, 2, 6), dtype=np.float32)
        both[..., :3] = points[:, :, None]
        both[:, 1:-1, :, 3:] = (points[:, 2:] - points[:, :-2])[:, :, None]
        both[:, 0, :, 3:] = (points[:, 1] - points[:, 0])[:, None]
        both[:, -1, :, 3:] = (points[:, -1] - points[:, -2])[:, None]
        bundle.moving.write(both.tobytes())
        towards = eye.astype(np.float32) - points[:, 0]
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        normals = layer.strands.normals @ np.asarray(layer.uniforms["head"], dtype=np.float32).T
        facing = np.maximum((normals[:, length // 2] * towards).sum(1), (normals[:, -1] * towards).sum(1))
        seen = facing > layer.cull
        triangles, lines = bundle.index[seen], bundle.line_index[seen]
        bundle.triangles.write(triangles.tobytes())
        bundle.lines.write(lines.tobytes())
        bundle.drawn = (triangles.size, lines.size)
        return bundle

    def _make(self, strands: Strands) -> _Bundle:
        gl = self.gl
        count, length, _ = strands.points.shape
        static = np.empty((count, length, 2, 7), dtype=np.float32)
        static[..., :3] = strands.normals[:, :, None]
        static[..., 3] = (-1, 1)
        static[..., 4] = strands.width[..., None]
        static[..., 5] = strands.light[..., None]
        static[..., 6] = strands.chance[:, None, None]
        start = 2 * (np.arange(count)[:, None] * length + np.arange(length - 1))[..., None]
        index = (start + np.array([0, 1, 2, 1, 3, 2])).reshape(count, -1).astype(np.int32)
        line_index = (start + np.array([0, 2])).reshape(count, -1).astype(np.int32)
        moving = gl.buffer(reserve=count * length * 48, dynamic=True)
        fixed = gl.buffer(static.tobytes())
        triangles, lines = gl.buffer(index.tobytes()), gl.buffer(line_index.tobytes())
        layout = [(moving, "3f 3f", "pos", "along"), (fixed, "3f 4f", "nrm", "aux")]
        return _Bundle(
            moving=moving,
            triangles=triangles,
            lines=lines,
            ribbon=gl.vertex_array(program("strand"), layout, triangles),
            line=gl.vertex_array(program("depth"), [(moving, "3f 12x", "pos")], lines),
            geometry=gl.vertex_array(program("strand_geometry"), layout, triangles, skip_errors=True),
            index=index,
            line_index=line_index,
        )


@cache
def program(name: str) -> Any:
    """A program compiled from ``glsl/``; ``body_geometry`` has the body's vertex and ``geometry``'s fragment shader."""
    stem, _, other = name.partition("_")
    fragment = other or stem
    common = (_GLSL / "common.glsl").read_text(encoding="utf-8") if fragment in _LIT else ""
    vertex = (_GLSL / f"{stem}.vert").read_text(encoding="utf-8")
    # `eye` is declared by the shared source for fragments and by the vertex shader itself.
    return context().program(
        vertex_shader="#version 330\n" + vertex,
        fragment_shader="#version 330\n" + common + (_GLSL / f"{fragment}.frag").read_text(encoding="utf-8"),
    )


def assign(to: Any, uniforms: Uniforms) -> None:
    """Set those uniforms that a program has; matrices are row-major."""
    for name, value in uniforms.items():
        if name not in to:
            continue
        if isinstance(value, np.ndarray):
            square = value.ndim == 2 and value.shape[0] == value.shape[1]
            to[name].write((value.T if square else value).astype(np.float32).tobytes())
        else:
            to[name].value = value


def _read(texture: Any, side: int, kind: Any, channels: int) -> Any:
    pixels = np.frombuffer(texture.read(), dtype=kind)
    return pixels.reshape(side, side, channels)[::-1]
