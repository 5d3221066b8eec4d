"""Growing hair: strands leave the scalp, follow a comb, hang, and stay out of skin and face.

A strand grows point by point. Its direction mixes comb, gravity and noise; each new point is pushed out of the skin to
its own clearance, so that strands lie in layers, and pulled back where it stands off too far. All lengths are in
metres, on the template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.humans.human import HairStyle
from fenshen.humans.strands import Strands, Surface, above_hairline, smoothstep, unit

Points = Float[ndarray, "N 3"]
Comb = Callable[[Points, float], Points]

_MIDDLE = np.array([0, -0.045, 0.745])  # of the skull
_DOWN = np.array([0.0, 0.0, -1.0])


def _comb_down(at: Points, parting: float) -> Points:
    out = at - _MIDDLE
    return np.column_stack([out[:, 0] * 3, out[:, 1] * 3, -np.ones(len(at))])


def _comb_forward(at: Points, parting: float) -> Points:
    return np.column_stack([at[:, 0] * 4, -np.ones(len(at)), np.full(len(at), -0.3)])


def _comb_back(at: Points, parting: float) -> Points:
    out = at - _MIDDLE
    return np.column_stack([out[:, 0] * 3, np.ones(len(at)), -0.15 - 0.6 * (at[:, 1] > 0.02)])


def _comb_parted(at: Points, parting: float) -> Points:
    side = np.sign(at[:, 0] - parting)
    back = 0.25 * (at[:, 1] > 0) - 0.25 * (at[:, 1] < -0.06)
    return np.column_stack([side, back, np.full(len(at), -0.35)])


def _comb_swept(at: Points, parting: float) -> Points:
    """Over the top from the side of the parting to the other, and back along the sides."""
    top = smoothstep(0.77, 0.81, at[:, 2])
    across = -0.9 * np.sign(parting) * top + 0.1 * np.sign(at[:, 0]) * (1 - top)
    return np.column_stack([across, 0.5 - 0.85 * top, -0.8 + 0.7 * top])


def _comb_to_bun(at: Points, parting: float) -> Points:
    return np.array([0, 0.045, 0.835]) - at


def _comb_out(at: Points, parting: float) -> Points:
    return at - _MIDDLE


@dataclass(frozen=True)
class Style:
    """How a style grows.

    Args:
        length: length of the longest strands.
        count: strands at full detail for pictures of 128 pixels.
        points: points per strand, scaled by the detail.
        comb: the direction strands lie in.
        lift: how much a root stands off the skin, 0 to 1.
        volume: clearance of the outermost layer.
        gravity: downward pull per step of a coarse strand.
        combing: how strongly the comb still acts after the root.
        taper: share of the length kept at the sides; 1 keeps all.
        front: length over the forehead, if different.
        parting: distance of the parting from the middle.
        jitter, wobble: noise in the direction of the root and of each step.
        clump, clumps: how strongly strands gather, and around how many guides.
        curl, turns, together: helix radius, number of turns, how much neighbours turn alike.
        width: half of a strand's width.
        tuck: how far long hair is drawn in below the chin.
        open: keep hair off the middle of the face; False lets a fringe hang.
        falls: long enough to hang beside the face, which it must not cross.
    """

    length: float
    count: int
    points: int
    comb: Comb
    lift: float = 0.3
    volume: float = 0.014
    gravity: float = 0.25
    combing: float = 0.0
    taper: float = 1.0
    front: float | None = None
    parting: float = 0.0
    jitter: float = 0.06
    wobble: float = 0.02
    clump: float = 0.3
    clumps: int = 220
    curl: float = 0.0
    turns: float = 3.0
    together: float = 1.0
    width: float = 0.003
    tuck: float = 0.0
    open: bool = True
    falls: bool = False


STYLES: Mapping[HairStyle, Style] = {
    "buzz": Style(0.008, 5200, 4, _comb_down, lift=0.5, volume=0.003, gravity=0.1, jitter=0.2, clump=0, width=0.0019),
    "crop": Style(
        0.034, 3800, 8, _comb_forward, lift=0.35, volume=0.013, gravity=0.1, combing=0.15, taper=0.25,
        jitter=0.12, wobble=0.05, clump=0.5, clumps=320, width=0.0025,
    ),
    "side_part": Style(
        0.085, 3600, 10, _comb_swept, lift=0.45, volume=0.02, gravity=0.05, combing=0.35, taper=0.2,
        parting=0.035, jitter=0.08, clump=0.35, clumps=260,
    ),
    "quiff": Style(
        0.06, 3600, 10, _comb_back, lift=0.62, volume=0.026, gravity=0.02, combing=0.3, taper=0.2,
        jitter=0.08, clump=0.45, clumps=260,
    ),
    "slick": Style(
        0.12, 3400, 12, _comb_back, lift=0.2, volume=0.009, gravity=0.1, combing=0.4, taper=0.4, clump=0.3,
    ),
    "bob": Style(
        0.175, 3600, 16, _comb_parted, lift=0.25, gravity=0.36, front=0.175, parting=0.012, jitter=0.05,
        wobble=0.015, tuck=0.02, falls=True,
    ),
    "bob_fringe": Style(
        0.175, 3600, 16, _comb_down, lift=0.25, gravity=0.36, front=0.045, jitter=0.05, wobble=0.015,
        tuck=0.02, open=False, falls=True,
    ),
    "long": Style(
        0.30, 3400, 20, _comb_parted, lift=0.25, gravity=0.40, front=0.28, parting=0.02, jitter=0.05,
        wobble=0.012, clump=0.3, clumps=260, width=0.0034, tuck=0.05, falls=True,
    ),
    "long_wavy": Style(
        0.30, 3000, 22, _comb_parted, lift=0.25, gravity=0.38, front=0.28, parting=0.008, wobble=0.015,
        clump=0.55, clumps=150, curl=0.006, turns=3.0, together=0.2, width=0.0036, tuck=0.045, falls=True,
    ),
    "bun": Style(
        0.15, 3200, 12, _comb_to_bun, lift=0.1, volume=0.005, gravity=0.0, combing=0.9, jitter=0.04,
        wobble=0.01, clump=0, width=0.0032,
    ),
    "curly_short": Style(
        0.040, 3200, 13, _comb_out, lift=0.6, volume=0.02, gravity=0.1, jitter=0.12, wobble=0.05, clump=0.5,
        clumps=520, curl=0.0055, turns=1.8, width=0.0028,
    ),
    "afro": Style(
        0.048, 4000, 13, _comb_out, lift=0.95, volume=0.045, gravity=0.0, jitter=0.2, wobble=0.05, clump=0,
        curl=0.0045, turns=2.5, width=0.0030,
    ),
    "curly_long": Style(
        0.19, 2600, 24, _comb_parted, lift=0.4, volume=0.024, gravity=0.34, parting=0.01, wobble=0.02,
        clump=0.6, clumps=280, curl=0.0085, turns=4.2, together=0.5, width=0.0034, tuck=0.03, falls=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Detail:
    """How finely hair is grown: factors on a style's count, points and width."""

    count: float
    points: float
    width: float


COARSE = Detail(0.55, 0.75, 1.35)  # for pictures of up to 192 pixels
FINE = Detail(2.4, 1.5, 0.55)


def grow(name: HairStyle, seed: int, detail: Detail, surface: Surface) -> Strands:
    """One growth of a style.

    Args:
        seed: random seed; also chooses the side of the parting.
    """
    style = STYLES[name]
    draw = np.random.default_rng((0x68, seed))
    side = 1 if seed % 2 else -1
    points, clearance = _grow(
        style, int(style.count * detail.count), detail, side * style.parting, surface, draw
    )
    if style.clump:
        points = _clumped(points, style, draw)
    if style.curl:
        points = _curled(points, style, draw)
    along = np.linspace(0, 1, points.shape[1])[None]
    width = detail.width * style.width * (1.05 - 0.75 * along**2) * (1 + 0.3 * draw.random((len(points), 1)))
    layer = (clearance / style.volume)[:, None]
    light = 0.2 * along + 0.8 * layer * np.minimum(1, 0.35 + 2 * along)
    if name == "bun":
        points, width, light = _with_ball(points, width, light, detail, draw)
    return surface.finish(points, points - _MIDDLE * (1, 1, 0.98), width, light, draw)


def _grow(
    style: Style, count: int, detail: Detail, parting: float, surface: Surface, draw: np.random.Generator
) -> tuple[Float[ndarray, "N M 3"], Float[ndarray, "N"]]:
    """The strands before clumps and curls, and the clearance of each."""
    scalp = (above_hairline(surface.centres) > 0) & ~surface.on_ear
    roots, normals = surface.roots(scalp, count, draw)
    steps = max(4, round(style.points * detail.points))
    length = _lengths(style, roots, draw)
    inside = smoothstep(0, 0.03, above_hairline(roots))
    clearance = style.volume * (0.15 + 0.85 * draw.random(count)) * (0.35 + 0.65 * inside)
    comb = style.comb(roots, parting)
    comb = unit(comb - (comb * normals).sum(1, keepdims=True) * normals)
    jitter = style.jitter * draw.standard_normal((count, 3))
    way = unit(normals * style.lift + comb * (1 - style.lift) + jitter)
    side = np.sign(roots[:, 0] - 0.3 * parting + 1e-6)
    step = length / (steps - 1)
    pace = min(1.0, COARSE.points * style.points / steps)  # a finer strand turns less per step
    line = [roots - 0.001 * normals]
    for k in range(1, steps):
        along = k / (steps - 1)
        way = _turned(style, way, line[-1], along, parting, pace, draw)
        at = line[-1] + way * step[:, None]
        at, normal = _kept_off(
            style, at, np.minimum(clearance * min(1, 3 * along) + 0.0015, 0.06), clearance, surface
        )
        at = _combed_off_face(style, at, side, clearance)
        bumped = np.linalg.norm(at - line[-1] - way * step[:, None], axis=1) > 1e-5
        into = np.minimum((way * normal).sum(1, keepdims=True), 0) * normal
        way = unit(way - into * bumped[:, None])
        line.append(at)
    points = np.stack(line, axis=1)
    good = ~_astray(style, points, step)
    return points[good], clearance[good]


def _lengths(style: Style, roots: Points, draw: np.random.Generator) -> Float[ndarray, "N"]:
    length = style.length * (1 + 0.12 * draw.standard_normal(len(roots))).clip(0.6, 1.25)
    length = length * (style.taper + (1 - style.taper) * smoothstep(0.70, 0.80, roots[:, 2]))
    if style.front is not None:
        over_forehead = (roots[:, 1] < -0.09) & (roots[:, 2] > 0.79)
        front = style.front * (1 + 0.1 * draw.standard_normal(len(roots)))
        length = np.where(over_forehead, front, length)
    return length


def _turned(
    style: Style,
    way: Points,
    at: Points,
    along: float,
    parting: float,
    pace: float,
    draw: np.random.Generator,
) -> Points:
    """The direction of the next step."""
    if style.combing:
        comb = style.comb(at, parting)
        out = unit((at - _MIDDLE) * (1.25, 0.95, 1))
        comb = comb - np.maximum((comb * out).sum(1, keepdims=True), 0) * out
        way = unit(way + pace * style.combing * unit(comb))
    chance = style.wobble * draw.standard_normal(way.shape)
    return unit(way + pace * (style.gravity * _DOWN * (0.3 + along) + chance))


def _kept_off(
    style: Style, at: Points, clear: Float[ndarray, "N"], clearance: Float[ndarray, "N"], surface: Surface
) -> tuple[Points, Points]:
    """Push points out of the skin to ``clear``, and pull them back where they stand off too far above the neck."""
    height, normal, distance = surface.height(at)
    push = np.where(distance < 0.06, np.maximum(clear - height, 0), 0)
    at = at + normal * push[:, None]
    over = np.maximum(height - np.minimum(clearance * 1.3 + 0.004, 0.07), 0) * (at[:, 2] > 0.635)
    at = at - normal * (0.35 * over * smoothstep(0.635, 0.68, at[:, 2]))[:, None]
    if style.tuck:
        at[:, 0] *= 1 - style.tuck * smoothstep(0.70, 0.60, at[:, 2])
    at[:, 1] += np.maximum(-0.145 - at[:, 1], 0) * 0.5 * (at[:, 2] < 0.79)
    return at, normal


def _combed_off_face(
    style: Style, at: Points, side: Float[ndarray, "N"], clearance: Float[ndarray, "N"]
) -> Points:
    """Move hair that would hang in front of the face aside and back."""
    if style.open:
        front = smoothstep(-0.075, -0.11, at[:, 1]) * smoothstep(0.80, 0.782, at[:, 2])
        front = front * smoothstep(0.60, 0.64, at[:, 2]) * smoothstep(0.080, 0.060, np.abs(at[:, 0]))
        at = at + np.column_stack([0.018 * side, np.full(len(at), 0.012), np.zeros(len(at))]) * front[:, None]
    if not style.falls:
        return at
    edge = np.interp(
        at[:, 2],
        [0.45, 0.54, 0.60, 0.64, 0.68, 0.72, 0.76, 0.785, 0.80],
        [0.040, 0.055, 0.061, 0.066, 0.070, 0.070, 0.064, 0.030, 0.0],
    )
    edge = edge * smoothstep(-0.055, -0.085, at[:, 1])
    if not style.open:
        edge = edge * (at[:, 2] < 0.735)
    moved = side * edge * (1 + 0.12 * clearance / clearance.max())
    at[:, 0] = np.where(np.abs(at[:, 0]) < edge, moved, at[:, 0])
    return at


def _astray(style: Style, points: Float[ndarray, "N M 3"], step: Float[ndarray, "N"]) -> Any:
    """Which strands were torn by a push or still cross face or throat."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    torn = np.linalg.norm(np.diff(points, axis=1), axis=2).max(1) > 2.6 * step
    over_face = ((y < -0.075) & (x < 0.050) & (z > 0.57) & (z < (0.775 if style.open else 0.742))).any(1)
    if not style.falls:
        return over_face & (style.length > 0.02)
    crossed = (points[:, -1, 0] * points[:, 0, 0] < 0) & (np.abs(points[:, 0, 0]) > 0.02)
    over_throat = ((y < -0.05) & (x < 0.035) & (z < 0.70)).any(1)
    return torn | over_face | crossed | over_throat


def _clumped(
    points: Float[ndarray, "N M 3"], style: Style, draw: np.random.Generator
) -> Float[ndarray, "N M 3"]:
    """Pull strands towards guides, more strongly near the tip."""
    from scipy.spatial import cKDTree

    count, length, _ = points.shape
    guides = draw.choice(count, min(style.clumps, count), replace=False)
    side = 0.06 * np.sign(points[:, length // 2, :1])  # no clump over the parting
    where = np.concatenate([points[:, 0], side], axis=1)
    _, nearest = cKDTree(where[guides]).query(where)
    guide = points[guides][nearest]
    apart = points[:, :1] - guide[:, :1]
    strength = style.clump * (0.6 + 0.4 * draw.random((count,)))
    share = (strength[:, None] * np.linspace(0, 1, length)[None] ** 1.3)[..., None]
    return points * (1 - share) + share * (guide + 0.25 * apart)


def _curled(
    points: Float[ndarray, "N M 3"], style: Style, draw: np.random.Generator
) -> Float[ndarray, "N M 3"]:
    """Wind strands into helices around their own course."""
    count, length, _ = points.shape
    along = np.linspace(0, 1, length)[None]
    course = unit(np.gradient(points, axis=1))
    first = unit(np.cross(course, np.array([0.3, 0.9, 0.1])))
    second = np.cross(course, first)
    extent = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1)
    phase = draw.random((count,))[:, None] * 2 * np.pi * style.together
    angle = phase + along * 2 * np.pi * style.turns * (extent / extent.mean())[:, None]
    radius = (style.curl * np.minimum(3 * along, 1))[..., None]
    return points + radius * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)


def _with_ball(points: Any, width: Any, light: Any, detail: Detail, draw: np.random.Generator) -> Any:
    """The bun itself: strands wound around a ball behind the crown."""
    count, length = int(900 * detail.count), points.shape[1]
    centre, radius = np.array([0, 0.052, 0.852]), 0.036
    axis = unit(draw.standard_normal((count, 3)) * (0.6, 1, 0.6))
    first = unit(np.cross(axis, draw.standard_normal((count, 3))))
    second = np.cross(axis, first)
    turn = np.linspace(0, 2.6, length)[None, :, None]
    layer = draw.random((count, 1, 1))
    wound = np.cos(turn) * first[:, None] + np.sin(turn) * second[:, None]
    ball = centre + radius * (0.8 + 0.25 * layer) * wound * (1, 0.85, 0.9)
    return (
        np.concatenate([points, ball]),
        np.concatenate([width, np.full((count, length), 0.003 * detail.width)]),
        np.concatenate([light, np.broadcast_to(layer[..., 0], (count, length))]),
    )
