"""Strands: hair, brows, lashes, beards and glasses are all bundles of thin ribbons.

A bundle is grown once, on the template's skin. On a person, each point moves with the skin vertices it is
bound to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from fenshen.humans.body import Model, Posed, skin
from fenshen.humans.makehuman import SKIN


@dataclass(frozen=True, eq=False)
class Strands:
    """A bundle of N strands of M points on the template.

    Attributes:
        points: positions in metres.
        normals: shading normals of the bundle's outer surface.
        width: half of a ribbon's width, in metres.
        light: how much sky each point sees, 0 to 1.
        chance: a random number per strand, 0 to 1.
        anchors: the vertices each point is bound to.
        shares: weights of the anchors, which sum to 1.
    """

    points: Float[ndarray, "N M 3"]
    normals: Float[ndarray, "N M 3"]
    width: Float[ndarray, "N M"]
    light: Float[ndarray, "N M"]
    chance: Float[ndarray, "N"]
    anchors: Int[ndarray, "N*M K"]
    shares: Float[ndarray, "N*M K"]


class Bound:
    """Strands bound to a model's vertices, ready to follow a person."""

    def __init__(self, strands: Strands, model: Model) -> None:
        from scipy import sparse

        self.strands = strands
        count, kept = strands.anchors.shape
        starts = np.arange(0, count * kept + 1, kept)
        self._pull = sparse.csr_matrix(
            (strands.shares.ravel(), strands.anchors.ravel(), starts), (count, model.count)
        )
        self._weights = np.asarray(self._pull @ model.shapes.weights)
        self._flat = strands.points.reshape(-1, 3)

    def follow(self, posed: Posed) -> Float[ndarray, "N M 3"]:
        """The points' positions on a person."""
        rest = self._flat + self._pull @ posed.moved
        return skin(rest, self._weights, posed.bones).reshape(self.strands.points.shape)


class Surface:
    """The template's skin as strands need it: where to root, what to avoid, what to bind to."""

    def __init__(self, model: Model) -> None:
        from scipy.spatial import cKDTree

        shapes, points = model.shapes, model.template.astype(np.float64)
        lips, ears, _, mouth, eyes = shapes.masks.T
        body = (shapes.part == SKIN) & (mouth < 0.5) & (eyes < 0.5)
        self.model = model
        self.triangles = shapes.faces[body[shapes.faces].all(1)]
        corners = points[self.triangles]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self.corners = corners
        self.centres = corners.mean(1)
        self.area = np.linalg.norm(cross, axis=1) / 2
        self.normals = unit(cross)
        self.on_ear: Bool[ndarray, "T"] = ears[self.triangles].max(1) > 0.3
        self.on_lips: Bool[ndarray, "T"] = lips[self.triangles].max(1) > 0.3
        smooth = body & (ears < 0.15) & (lips < 0.3)
        flat = ears[self.triangles].max(1) < 0.15
        self.obstacles = np.concatenate([points[smooth], self.centres[flat]])
        self.obstacle_normals = np.concatenate([model.template_normals[smooth], self.normals[flat]])
        self._obstacles = cKDTree(self.obstacles)
        self._still = np.flatnonzero(body & (model.mobility < 0.0025) & (ears < 0.2))
        self._body = np.flatnonzero(body)
        self._still_tree = cKDTree(points[self._still])
        self._body_tree = cKDTree(points[self._body])

    def roots(
        self, wanted: Any, count: int, draw: np.random.Generator
    ) -> tuple[Float[ndarray, "N 3"], Float[ndarray, "N 3"]]:
        """Points spread evenly over the wanted triangles, and their normals."""
        density = self.area * wanted
        chosen = draw.choice(len(density), count, p=density / density.sum())
        u, v = draw.random((2, count, 1))
        s = np.sqrt(u)
        shares = np.concatenate([1 - s, s * (1 - v), s * v], axis=1)
        return (self.corners[chosen] * shares[:, :, None]).sum(1), self.normals[chosen]

    def height(
        self, points: Float[ndarray, "N 3"]
    ) -> tuple[Float[ndarray, "N"], Float[ndarray, "N 3"], Float[ndarray, "N"]]:
        """For each point: its height above the skin, the skin's normal there, and the distance to the nearest skin."""
        distance, nearest = self._obstacles.query(points, k=3)
        share = 1 / (distance + 1e-4) ** 2
        share /= share.sum(1, keepdims=True)
        foot = (self.obstacles[nearest] * share[..., None]).sum(1)
        normal = unit((self.obstacle_normals[nearest] * share[..., None]).sum(1))
        return ((points - foot) * normal).sum(1), normal, distance[:, 0]

    def bind(
        self, points: Float[ndarray, "N M 3"], *, moving: bool
    ) -> tuple[Int[ndarray, "N*M K"], Float[ndarray, "N*M K"]]:
        """Vertices and weights to bind points to: skin that expressions hardly move or, if ``moving``, the nearest."""
        tree, ids = (self._body_tree, self._body) if moving else (self._still_tree, self._still)
        distance, nearest = tree.query(points.reshape(-1, 3), k=3 if moving else 6)
        share = 1 / (distance + (0.002 if moving else 0.01)) ** 2
        share /= share.sum(1, keepdims=True)
        return ids[nearest].astype(np.int32), share.astype(np.float32)

    def finish(
        self,
        points: Float[ndarray, "N M 3"],
        normals: Float[ndarray, "N M 3"],
        width: Any,
        light: Any,
        draw: np.random.Generator,
        *,
        moving: bool = False,
    ) -> Strands:
        """A bundle made of these points, bound to the skin."""
        count, length, _ = points.shape
        anchors, shares = self.bind(points, moving=moving)
        return Strands(
            points=points.astype(np.float32),
            normals=unit(normals).astype(np.float32),
            width=np.broadcast_to(width, (count, length)).astype(np.float32),
            light=np.broadcast_to(light, (count, length)).astype(np.float32),
            chance=draw.random((count,)).astype(np.float32),
            anchors=anchors,
            shares=shares,
        )

    @cached_property
    def hairline(self) -> Float[ndarray, "V"]:
        """How far each vertex of the model lies inside the hairline, in metres; negative outside."""
        inside = above_hairline(self.model.template.astype(np.float64))
        inside[(self.model.shapes.masks[:, 1] > 0.3) | (self.model.shapes.part != SKIN)] = -1
        return inside.astype(np.float32)


def above_hairline(points: Float[ndarray, "N 3"]) -> Float[ndarray, "N"]:
    """Height above the hairline in metres, for points of the template."""
    back = points[:, 1]
    line = np.interp(
        back,
        [-0.15, -0.125, -0.115, -0.085, -0.062, 0.02, 0.06],
        [0.803, 0.803, 0.800, 0.765, 0.70, 0.655, 0.655],
    )
    temples = smoothstep(0.03, 0.055, np.abs(points[:, 0])) * smoothstep(-0.08, -0.11, back)
    return points[:, 2] - line - 0.012 * temples


def unit(vectors: Any) -> Any:
    """Vectors scaled to length 1."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def smoothstep(low: float, high: float, value: Any) -> Any:
    """GLSL's ``smoothstep``; also accepts ``low`` above ``high``."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
