"""Brows, lashes, beards and glasses, all made of strands. Lengths are in metres, on the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from fenshen.humans.hair import Detail
from fenshen.humans.human import BeardStyle, BrowStyle
from fenshen.humans.makehuman import LASHES
from fenshen.humans.strands import Strands, Surface, unit


@dataclass(frozen=True)
class BrowShape:
    """A pair of brows: factors on thickness and arch."""

    thickness: float
    arch: float


BROWS: Mapping[BrowStyle, BrowShape] = {
    "soft": BrowShape(1.0, 1.0),
    "arched": BrowShape(0.75, 1.3),
    "strong": BrowShape(1.3, 0.75),
    "straight": BrowShape(0.9, 0.45),
}
_LASH_ROWS = 5  # vertices of a lash in MakeHuman's mesh, root to tip


def brows(style: BrowStyle, detail: Detail, surface: Surface) -> Strands:
    """Both brows: hairs that stand up near the nose and lie down outwards."""
    shape = BROWS[style]
    draw = np.random.default_rng(0x62)
    count, length = int(420 * detail.count), 5
    along, across = draw.random(count) ** 0.9, draw.standard_normal(count) * 0.36
    half = 0.0034 * shape.thickness * (1 - 0.78 * along**1.5) * np.minimum(1, 0.55 + 3 * along)
    x = 0.0130 + 0.0385 * along
    z = 0.7440 + 0.0066 * shape.arch * np.sin(np.pi * np.minimum(0.85 * along, 1)) - 0.0025 * along**2
    z = z + 1.3 * across * half
    tilt = 0.5 * (1 - along) ** 2 - 0.45 * along - 0.5 * across
    longest = 0.0068 * (1 - 0.35 * along) * (1 + 0.15 * draw.standard_normal(count))
    step = np.linspace(0, 1, length)
    both: list[Any] = []
    for side in (-1, 1):
        roots, normals = _on_face(np.column_stack([side * x, np.full(count, -0.2), z]), surface)
        way = np.column_stack([side * (0.25 + 0.9 * along**0.5), np.zeros(count), tilt])
        way = unit(way - (way * normals).sum(1, keepdims=True) * normals) + 0.14 * normals
        line = roots[:, None] + way[:, None] * (longest[:, None] * step)[..., None]
        line[..., 2] -= 0.0012 * step**2 * along[:, None]  # longer ones bend down further
        both.append((line, np.repeat(normals[:, None], length, axis=1)))
    points, normals = (np.concatenate(parts) for parts in zip(*both, strict=True))
    width = 0.00085 * detail.width * (1.05 - 0.75 * step)
    return surface.finish(points, normals, width, 0.8, draw, moving=True)


def _on_face(
    points: Float[ndarray, "N 3"], surface: Surface
) -> tuple[Float[ndarray, "N 3"], Float[ndarray, "N 3"]]:
    """Project points in front of the face onto it; also returns the skin's normals there."""
    from scipy.spatial import cKDTree

    front = (surface.obstacle_normals[:, 1] < -0.25) & (surface.obstacles[:, 2] > 0.72)
    skin, normals = surface.obstacles[front], surface.obstacle_normals[front]
    distance, nearest = cKDTree(skin[:, [0, 2]]).query(points[:, [0, 2]], k=4)
    share = 1 / (distance + 5e-4) ** 2
    share /= share.sum(1, keepdims=True)
    placed = points.copy()
    placed[:, 1] = (skin[nearest][..., 1] * share).sum(1) - 0.0003
    return placed, unit((normals[nearest] * share[..., None]).sum(1))


def lashes(strength: float, detail: Detail, surface: Surface) -> Strands:
    """Upper and lower lashes of both eyes, each hair on MakeHuman's lash mesh, which moves with the lids.

    Args:
        strength: 0 short and sparse, 1 long and dense.
    """
    draw = np.random.default_rng(0x6C)
    template = surface.model.template.astype(np.float64)
    points, anchors, shares = [], [], []
    for grid in _lash_grids(surface):
        upper = template[grid, 2].mean() > 0.726
        count = int((75 if upper else 40) * (0.5 + 0.5 * strength) * detail.count)
        at = np.sort(draw.random(count)) * (len(grid) - 1)
        # Hairs lean outwards, and stand in little tufts.
        lean = 0.5 * (at / (len(grid) - 1) - 0.35) + 0.12 * draw.standard_normal(count)
        reach = (0.62 + 0.38 * strength) * (1 if upper else 0.75) * (1 - 0.25 * draw.random(count))
        for k in range(_LASH_ROWS):
            along = reach * k
            column = np.clip(at + lean * along / (_LASH_ROWS - 1), 0, len(grid) - 1.001)
            corner, share = _bilinear(grid, column, np.minimum(along, _LASH_ROWS - 1.001))
            anchors.append(corner)
            shares.append(share)
            points.append((template[corner] * share[..., None]).sum(1))
    lines, ids, parts = (_by_strand(rows, _LASH_ROWS) for rows in (points, anchors, shares))
    count, length = len(lines), _LASH_ROWS
    step = np.linspace(0, 1, length)
    width = np.broadcast_to(0.00042 * detail.width * (1.1 - 0.8 * step), (count, length))
    return Strands(
        points=lines.astype(np.float32),
        normals=np.broadcast_to(np.array([0, -1, 0], dtype=np.float32), lines.shape),
        width=width.astype(np.float32),
        light=np.full((count, length), 0.8, dtype=np.float32),
        chance=draw.random(count).astype(np.float32),
        anchors=ids.reshape(count * length, -1).astype(np.int32),
        shares=parts.reshape(count * length, -1).astype(np.float32),
    )


def _by_strand(rows: list[Any], length: int) -> Any:
    """From a list of bundles, each one array per point of the strand, to strands of points."""
    return np.concatenate([np.stack(rows[i : i + length], axis=1) for i in range(0, len(rows), length)])


def _lash_grids(surface: Surface) -> list[Int[ndarray, "C 5"]]:
    """The four lash meshes as columns of five vertices, root to tip, from the nose outwards."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    shapes, template = surface.model.shapes, surface.model.template
    faces = shapes.faces[(shapes.part[shapes.faces] == LASHES).all(1)]
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    ones = np.ones(len(edges))
    linked = coo_matrix((ones, edges.T), (len(template), len(template)))
    _, piece = connected_components(linked, directed=False)
    grids = []
    for number in np.unique(piece[faces]):
        ids = np.flatnonzero((piece == number) & (shapes.part == LASHES))
        columns = ids[np.argsort(np.abs(shapes.uv[ids, 0] - 0.5))].reshape(-1, _LASH_ROWS)
        columns = columns[np.argsort(np.abs(template[columns, 0]).mean(1))]
        # The root lies deepest; a lash runs to the front.
        order = np.argsort(-template[columns, 1], axis=1)
        grids.append(np.take_along_axis(columns, order, axis=1))
    return grids


def _bilinear(
    grid: Int[ndarray, "C R"], column: Float[ndarray, "N"], row: Float[ndarray, "N"]
) -> tuple[Int[ndarray, "N 4"], Float[ndarray, "N 4"]]:
    c, r = column.astype(int), row.astype(int)
    u, v = column - c, row - r
    corners = np.stack([grid[c, r], grid[c + 1, r], grid[c, r + 1], grid[c + 1, r + 1]], axis=1)
    return corners, np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v], axis=1)


def beard(style: BeardStyle, detail: Detail, surface: Surface) -> Strands:
    """A beard of short strands that follow jaw and lips."""
    draw = np.random.default_rng(0x64)
    x, y, z = np.abs(surface.centres[:, 0]), surface.centres[:, 1], surface.centres[:, 2]
    top = np.interp(y, [-0.16, -0.13, -0.10, -0.07, -0.055], [0.648, 0.660, 0.672, 0.70, 0.715])
    jaw = (z < top) & (z > 0.612) & (y < -0.058)
    moustache = (z > 0.668) & (z < 0.687) & (x < 0.030) & (y < -0.13)
    beside = (z < 0.678) & (z > 0.62) & (x > 0.022) & (x < 0.034) & (y < -0.125)
    goatee = ((jaw | beside) & (x < 0.034) & (y < -0.11)) | moustache
    wanted = {"full": jaw | moustache | beside, "goatee": goatee, "moustache": moustache}[style]
    count = int({"full": 3800, "goatee": 1500, "moustache": 800}[style] * detail.count)
    length = 5
    roots, normals = surface.roots(wanted & ~surface.on_lips, count, draw)
    over_lip = roots[:, 2] > 0.666
    longest = np.where(over_lip, 0.0058, 0.0080) * (1 + 0.2 * draw.standard_normal(count)).clip(0.5, 1.5)
    apart = np.where(over_lip, 4.0, 0.3)  # a moustache is combed to both sides, and off the lip
    way = np.column_stack([6 * roots[:, 0] * apart, np.full(count, -0.05), np.full(count, -0.8)])
    way = unit(way - 0.9 * (way * normals).sum(1, keepdims=True) * normals)
    way = unit(way + 0.5 * normals + 0.15 * draw.standard_normal((count, 3)))
    step = np.linspace(0, 1, length)
    points = roots[:, None] - 0.0005 * normals[:, None] + way[:, None] * (longest[:, None] * step)[..., None]
    points[..., 2] -= np.where(over_lip, 0.001, 0.004)[:, None] * step**2
    width = 0.0014 * detail.width * (1.05 - 0.65 * step)
    spread = np.repeat(normals[:, None], length, axis=1)
    return surface.finish(points, spread, width, 0.35 + 0.65 * step, draw, moving=True)


def glasses(roundness: float, surface: Surface) -> Strands:
    """Two rims, a bridge and two temples, each one strand; the head carries them, not the expression.

    Args:
        roundness: exponent of the rims' superellipse; 2 is round.
    """
    length = 33
    turn = np.linspace(0, 2 * np.pi, length)
    across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / roundness)
    up = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / roundness)
    step = np.linspace(0, 1, length)
    lines = []
    for side in (-1, 1):
        x = side * 0.0338 + 0.0232 * across
        lines.append(
            np.column_stack([x, -0.1685 + 0.28 * np.maximum(np.abs(x) - 0.03, 0), 0.7262 + 0.0195 * up])
        )
        out = side * (0.0565 + 0.0205 * np.minimum(4 * step, 1))
        lines.append(np.column_stack([out, -0.1605 + 0.092 * step, 0.733 - 0.004 * step]))
    bridge = np.linspace(-1, 1, length)
    lines.append(
        np.column_stack([0.0112 * bridge, np.full(length, -0.1685), 0.7305 + 0.003 * (1 - bridge**2)])
    )
    points = np.stack(lines)
    normals = np.broadcast_to(np.array([0.0, -1.0, 0.0]), points.shape)
    frame = surface.finish(points, normals, 0.0011, 1.0, np.random.default_rng(0))
    # A frame is rigid: all of it moves with the average of the bridge of the nose and the temples.
    held = np.unique(frame.anchors)
    shares = np.zeros(len(held))
    np.add.at(shares, np.searchsorted(held, frame.anchors.ravel()), frame.shares.ravel())
    anchors = np.broadcast_to(held.astype(np.int32), (points.shape[0] * length, len(held)))
    even = np.broadcast_to((shares / shares.sum()).astype(np.float32), anchors.shape)
    chance = np.full(len(points), 0.5, dtype=np.float32)
    return replace(frame, anchors=anchors.copy(), shares=even.copy(), chance=chance)
