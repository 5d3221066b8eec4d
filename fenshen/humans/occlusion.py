"""Ambient occlusion: how much sky each template vertex sees, baked once with shadow maps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import cache
from fenshen.humans.body import VERSION, Model
from fenshen.humans.camera import orthographic
from fenshen.humans.stage import Stage

_DIRECTIONS = 160
_CENTRE = np.array([0, -0.05, 0.65])
_HALF = 0.42  # metres around the centre


def occlusion(model: Model) -> Float[ndarray, "V"]:
    """Each vertex's cosine-weighted share of open directions, 0 to 1; from the cache or baked now."""
    return cache.arrays("humans", f"occlusion-{VERSION}", lambda: {"share": _bake(model)})["share"]


def _bake(model: Model) -> Float[ndarray, "V"]:
    points, normals = model.template, model.template_normals
    stage = Stage(model, np.zeros((model.count, 10), dtype=np.float32), 64, 512)
    stage.place(points, normals)
    # Slightly off the skin, so that a vertex does not occlude itself.
    probes = np.column_stack([points + 0.0025 * normals, np.ones(len(points))])
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    for towards in _sphere(_DIRECTIONS):
        view = orthographic(_CENTRE, towards, _HALF, 1.5)
        depths = stage.depths(view)
        place = probes @ view.T * 0.5 + 0.5
        column, row = (np.clip((place[:, i] * 512).astype(int), 0, 511) for i in range(2))
        weight = np.maximum(normals @ towards, 0)
        seen += weight * (place[:, 2] <= depths[row, column] + 0.0012)
        total += weight
    return (seen / np.maximum(total, 1e-6)).astype(np.float32)


def _sphere(count: int) -> Float[ndarray, "N 3"]:
    """Evenly spread directions: a Fibonacci lattice."""
    i = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])
