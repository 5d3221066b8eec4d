"""MediaPipe's 478 landmarks as points of the mesh: a table, made by ``scripts/make_landmarks.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

COUNT = 478
IRISES = range(468, 478)
FILE = Path(__file__).with_name("landmarks.json")


@dataclass(frozen=True, eq=False)
class Table:
    """Where each landmark lies: in a triangle of the mesh.

    Attributes:
        corners: vertices of the triangle.
        shares: barycentric coordinates.
    """

    corners: Int[ndarray, "478 3"]
    shares: Float[ndarray, "478 3"]

    def points(self, vertices: Float[ndarray, "V 3"]) -> Float[ndarray, "478 3"]:
        """The landmarks of a mesh in any pose."""
        return np.einsum("nk,nkd->nd", self.shares, vertices[self.corners])


@cache
def table() -> Table:
    """The table in the tree."""
    values = json.loads(FILE.read_text(encoding="utf-8"))
    return Table(np.array(values["corners"]), np.array(values["shares"], dtype=np.float64))
