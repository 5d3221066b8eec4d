"""Points in the plane, drawn from a known mixture: data on which every failure of a GAN can be seen and counted.

``ring8`` is eight narrow Gaussians on a circle, ``grid25`` five rows of five: the two mixtures of Srivastava et al.
2017 (VEEGAN) and Lin et al. 2018 (PacGAN), the grid at a quarter of their size, so that networks see about [-1, 1].
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen.data import KINDS, FormulaCard
from fenshen.errors import UsageError
from fenshen.media import Medium

PREFIX = "points:"
GOOD = 3.0  # standard deviations from the nearest mode within which a sample is good (PacGAN, section 4)
_COUNT = 100_000  # training points, as there
_SEED = 0
_RING, _GRID = 0.01, 0.0125  # standard deviations, of a circle of radius 1 and a square of half-side 1
_SIDE, _EXTENT = 512, 1.3  # px of a plot, and what its edge stands for
_FOOT = 48  # px below it, so that a label hides no mode
_FINER, _DOT = 4, 1.5  # a plot is drawn this much larger; px of a dot's radius
_INK, _MODE, _PAPER = (196, 64, 36), (190, 198, 208), (250, 249, 246)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians of equal weight.

    Attributes:
        means: of the modes, M of them.
        deviation: of every mode, in each coordinate.
    """

    means: Float[ndarray, "M 2"]
    deviation: float

    def sample(self, count: int, seed: int) -> Float[ndarray, "N 2"]:
        """Points of the mixture."""
        numbers = np.random.default_rng(seed)
        chosen = self.means[numbers.integers(len(self.means), size=count)]
        return (chosen + self.deviation * numbers.standard_normal((count, 2))).astype(np.float32)

    def nearest(self, points: Float[ndarray, "N 2"]) -> tuple[ndarray, Float[ndarray, "N"]]:
        """The nearest mode of every point, and its distance in standard deviations."""
        apart = np.linalg.norm(points[:, None].astype(np.float64) - self.means[None], axis=2) / self.deviation
        return apart.argmin(1), apart.min(1)


def mixture(name: str) -> Mixture:
    """A mixture by its name: ``ring8``, ``grid25``, or with another number of modes.

    Raises:
        UsageError: there is no such mixture.
    """
    match = re.fullmatch(r"(ring|grid)(\d{1,3})", name)
    kind, count = (match[1], int(match[2])) if match else ("", 0)
    root = math.isqrt(count)
    if kind == "ring" and 2 <= count <= 64:
        angles = 2 * np.pi * np.arange(count) / count
        return Mixture(np.stack([np.cos(angles), np.sin(angles)], axis=1), _RING)
    if kind == "grid" and 2 <= root <= 12 and root**2 == count:
        line = np.linspace(-1, 1, root)
        return Mixture(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), _GRID)
    raise UsageError("points.unknown", name=name)


def encode(points: Float[ndarray, "B 2"], device: torch.device | str = "cpu") -> Float[Tensor, "B 2"]:
    """Points as networks see them: as they are."""
    return torch.from_numpy(points).to(device)


def decode(points: Float[Tensor, "B 2"]) -> Float[ndarray, "B 2"]:
    """The inverse of :func:`encode`."""
    return points.float().cpu().numpy()


def show(points: Float[ndarray, "N 2"], origin: Sequence[str]) -> UInt8[ndarray, "H W 3"]:
    """Points over the modes of the mixture that they should be of, where the origin names one."""
    names = [name.removeprefix(PREFIX) for name in origin if name.startswith(PREFIX)]
    return plot(points, mixture(names[0]) if names else None)


POINTS = Medium("points", lambda size, _: (size,), encode, decode, show)


@KINDS.register("points")
class Points:
    """Training data of a mixture: 100,000 points, the same in every run.

    Args:
        name: such as ``ring8``.

    Raises:
        UsageError: there is no such mixture.
    """

    medium = POINTS
    recipe = "points"

    def __init__(self, name: str) -> None:
        self.mixture = mixture(name)
        self.path = Path(f"{PREFIX}{name}")
        self.card = FormulaCard([str(self.path)], 2)
        self.shape = {"size": self.card.size}
        self.fingerprint = f"{PREFIX}{name}:{_COUNT}:{_SEED}"

    @cached_property
    def samples(self) -> Float[ndarray, "N 2"]:
        """The points."""
        return self.mixture.sample(_COUNT, _SEED)

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """All points are for training: there are always more."""
        return np.arange(_COUNT if split == "train" else 0)


def plot(points: Float[ndarray, "N 2"], modes: Mixture | None = None) -> UInt8[ndarray, "H W 3"]:
    """Points as dots; modes, where they are known, as the circles within which a point is good."""
    import cv2

    side = _SIDE * _FINER
    picture = np.full((side, side, 3), _PAPER, np.uint8)

    def place(point: ndarray) -> tuple[int, int]:
        x, y = (point * (1, -1) / _EXTENT + 1) / 2 * side
        return round(x), round(y)

    if modes is not None:
        radius = round(GOOD * modes.deviation / _EXTENT / 2 * side)
        for mean in modes.means:
            cv2.circle(picture, place(mean), radius, _MODE, _FINER, cv2.LINE_AA)
    dots = picture.copy()
    for point in points[np.isfinite(points).all(1) & (np.abs(points) < 2 * _EXTENT).all(1)]:
        cv2.circle(dots, place(point), round(_DOT * _FINER), _INK, cv2.FILLED)
    mixed = cv2.addWeighted(dots, 0.6, picture, 0.4, 0)
    small = cv2.resize(mixed, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.concatenate([small, np.full((_FOOT, _SIDE, 3), _PAPER, np.uint8)])
