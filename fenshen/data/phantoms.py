"""Slices of heads that nobody has: ``phantoms:2000``, to try what is meant for medical pictures.

The ellipses of Shepp and Logan 1974, with the contrasts of Toft 1996 but for a skull that is less bright, of heads of
different sizes, shapes and tilts; in half of them one to three random lesions. In 12 bits, with the noise of a scanner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from fenshen.data import KINDS
from fenshen.data.greys import GreyPictures, Measured
from fenshen.errors import UsageError
from fenshen.greys import Levels

_SIDE = 128
_FINER = 2  # times, for smooth edges
_MOST = 100_000
_TOP = 4095  # of 12 bits
_WHITE = 5000  # what 1 in the table is: the skull is then 3000
_NOISE = 18.0  # standard deviation
_ONE_IN = 10  # that is held out
_LESIONS = (0.5, 3)  # share of the slices, and how many at most
_BRAIN = 0.55  # of the half axes of the head, within which lesions lie

# Toft 1996, table B.3, the skull 0.6 instead of 1: what is added, half axes, middle, and tilt in degrees.
_HEAD = np.array(
    [
        (0.6, 0.69, 0.92, 0.0, 0.0, 0.0),
        (-0.4, 0.6624, 0.874, 0.0, -0.0184, 0.0),
        (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
        (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
        (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
        (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
        (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
        (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
        (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
        (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
    ]
)
_OUTER = 2  # ellipses that are the skull: they vary together, so that its wall keeps its width


@dataclass(frozen=True)
class Slice:
    """A slice that is to be drawn.

    Attributes:
        ellipses: what is added, half axes, middle and tilt in degrees, of each; half the side is 1.
        turn: of the whole head, in degrees.
        lesions: how many of the ellipses, the last ones, are lesions.
    """

    ellipses: Float[ndarray, "E 6"]
    turn: float
    lesions: int


def invent(numbers: np.random.Generator) -> Slice:
    """A random slice."""
    head = _HEAD.copy()
    head[:, 1:5] *= np.tile(numbers.uniform(0.88, 1.04, 2), 2)  # the size of the head
    inner = head[_OUTER:]
    inner[:, 0] *= numbers.uniform(0.75, 1.25, len(inner))
    inner[:, 1:3] *= numbers.uniform(0.8, 1.2, (len(inner), 2))
    inner[:, 3:5] += numbers.normal(0, 0.015, (len(inner), 2))
    inner[:, 5] += numbers.normal(0, 5, len(inner))
    share, most = _LESIONS
    count = int(numbers.integers(1, most + 1)) if numbers.random() < share else 0
    return Slice(
        np.concatenate([head, *(_lesion(head, numbers) for _ in range(count))]),
        float(numbers.normal(0, 4)),
        count,
    )


def _lesion(head: Float[ndarray, "E 6"], numbers: np.random.Generator) -> Float[ndarray, "1 6"]:
    angle, far = numbers.uniform(0, 2 * np.pi), _BRAIN * np.sqrt(numbers.random())
    x, y = far * head[1, 1] * np.cos(angle), far * head[1, 2] * np.sin(angle)
    contrast = numbers.choice((-1, 1)) * numbers.uniform(0.12, 0.3)
    axes = numbers.uniform(0.03, 0.09) * numbers.uniform(0.7, 1.3, 2)
    return np.array([(contrast, *axes, x, y, numbers.uniform(0, 180))])


def draw(one: Slice, numbers: np.random.Generator) -> Float32[ndarray, "side side"]:
    """A slice as a scanner would see it, from 0 to 4095."""
    import cv2

    fine = _SIDE * _FINER
    line = ((np.arange(fine, dtype=np.float32) + 0.5) / fine * 2 - 1)[None]
    sums = np.zeros((fine, fine), np.float32)
    for added, wide, high, x, y, tilt in one.ellipses:
        middle = _turned(x, y, -one.turn)
        near = [
            np.abs(way * line[0] - at) <= max(wide, high) for way, at in zip((1, -1), middle, strict=True)
        ]
        columns, rows = (slice(where[0], where[-1] + 1) for where in map(np.flatnonzero, near))
        dx, dy = line[:, columns] - np.float32(middle[0]), -line.T[rows] - np.float32(middle[1])
        across, up = _turned(dx, dy, tilt + one.turn)
        sums[rows, columns] += np.float32(added) * ((across / wide) ** 2 + (up / high) ** 2 <= 1)
    small = cv2.resize(np.maximum(sums, 0), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) * _WHITE
    # What a scanner takes the absolute value of has the noise of Rice: never below 0.
    noisy = np.hypot(small + numbers.normal(0, _NOISE, small.shape), numbers.normal(0, _NOISE, small.shape))
    return np.rint(np.clip(noisy, 0, _TOP)).astype(np.float32)


def _turned(x: Any, y: Any, degrees: float) -> tuple[Any, Any]:
    """In axes that are turned counter-clockwise."""
    turn = np.radians(np.float32(degrees))
    return np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x


@KINDS.register("phantoms")
class Phantoms(GreyPictures):
    """Random slices, the same in every run.

    Args:
        name: how many.

    Raises:
        UsageError: not a number from 20 to 100,000.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"phantoms:{name}", "CC0-1.0")
        self.count = int(name) if re.fullmatch(r"\d{1,6}", name) else 0
        if not 2 * _ONE_IN <= self.count <= _MOST:
            raise UsageError("greys.no_count", name=name, least=2 * _ONE_IN, most=_MOST)

    @cached_property
    def fingerprint(self) -> str:
        return f"phantoms:{self.count}:1"

    def slice(self, number: int) -> Slice:
        """What one of them shows."""
        return invent(np.random.default_rng((number, 0)))

    def _measured(self) -> Measured:
        drawn = [draw(self.slice(i), np.random.default_rng((i, 1))) for i in range(self.count)]
        return Measured(np.stack(drawn), Levels(0, _TOP), np.arange(self.count) % _ONE_IN == 0)
