"""MediaPipe's landmarks on the body mesh: a table made by ``scripts/make_mesh_landmarks.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

FILE = Path(__file__).with_name("mesh_landmarks.json")


@dataclass(frozen=True, eq=False)
class MeshLandmarks:
    """The mesh triangle that each landmark lies in, and its position there.

    Attributes:
        corners: the triangle's vertices.
        shares: barycentric coordinates in it.
    """

    corners: Int[ndarray, "478 3"]
    shares: Float[ndarray, "478 3"]

    def of(self, vertices: Float[ndarray, "V 3"]) -> Float[ndarray, "478 3"]:
        """The landmarks of a mesh in any pose."""
        return np.einsum("nk,nkd->nd", self.shares, vertices[self.corners])


@cache
def mesh_landmarks() -> MeshLandmarks:
    """The table shipped with the package."""
    values = json.loads(FILE.read_text(encoding="utf-8"))
    return MeshLandmarks(np.array(values["corners"]), np.array(values["shares"], dtype=np.float64))
