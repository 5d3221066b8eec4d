"""A network at work on a photograph: around its faces, in tiles, and pasted back without a seam.

The network has seen drawn people only. So it works where faces are; the soft, large part of what it says is taken from
the photograph where the task leaves that alone; and it adds to the plain result by shares that fade towards the edge.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen.data.damage import CHANNELS, encoded
from fenshen.errors import FenshenError
from fenshen.model import Model
from fenshen.pictures.tasks import TASKS, Begun

Picture = UInt8[ndarray, "H W 3"]

SHIPPED = "restorer"
_AROUND = 2.4  # heights of a face: head, hair and shoulders
_FADES = 0.15  # of that square's side, at its edge
_TILE, _OVERLAP = 384, 48  # px
_LARGEST_HOLES = 384  # px: a larger square is made smaller to fill holes, for the network sees 200 px
_SOFT = 12.0  # px of the Gaussian whose result is taken from the photograph


class Restorer:
    """A model that was trained on ``damaged:`` pictures.

    Args:
        model: opened.

    Raises:
        FenshenError: it is given something else.
    """

    def __init__(self, model: Model) -> None:
        if model.card.network.sources != CHANNELS:
            raise FenshenError("restore.other_model", path=model.path)
        self.model = model

    def restore(self, begun: Begun, name: str, squares: list[tuple[int, int, int]]) -> Picture:
        """The picture restored: by the network in the squares, plainly elsewhere.

        Args:
            name: of the task.
            squares: left, top and side in pixels; may reach beyond the picture.
        """
        result = begun.plain.copy()  # floats only where a square is: pictures may be large
        height, width = begun.plain.shape[:2]
        for left, top, side in squares:
            rows, columns = (
                slice(max(top, 0), min(top + side, height)),
                slice(max(left, 0), min(left + side, width)),
            )
            missing = None if begun.missing is None else begun.missing[rows, columns]
            if missing is not None and not missing.any():
                continue
            share = _shares((top, left, side), rows, columns)
            made = self._square(begun.given[rows, columns], begun.plain[rows, columns], name, missing)
            if missing is not None:
                share = share * missing[..., None]
            part = result[rows, columns].astype(np.float32)
            part += share * (made - part)
            result[rows, columns] = np.clip(np.round(part), 0, 255).astype(np.uint8)
        return result

    def _square(
        self, given: Picture, plain: Picture, name: str, missing: Bool[ndarray, "H W"] | None
    ) -> Float[ndarray, "H W 3"]:
        task, side = TASKS[name], max(given.shape[:2])
        if missing is None:
            made = self._tiled(encoded(given, name))
        elif side <= _LARGEST_HOLES:
            return self._tiled(encoded(given, name, missing))
        else:
            small = _fitted(given, _LARGEST_HOLES)
            where = _fitted(missing.astype(np.uint8), _LARGEST_HOLES, cv2.INTER_NEAREST) > 0
            filled = self._tiled(encoded(small, name, where))
            begun = _fitted(plain, _LARGEST_HOLES).astype(np.float32)
            more = cv2.resize(filled - begun, given.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            return plain + more
        if task.keeps_tones:
            made += cv2.GaussianBlur(given.astype(np.float32) - made, (0, 0), _SOFT)
        return made

    def _tiled(self, sources: UInt8[ndarray, "H W 9"]) -> Float[ndarray, "H W 3"]:
        """Overlapping tiles, each fading into the next."""
        height, width = sources.shape[:2]
        total = np.zeros((height, width, 3), np.float32)
        weights = np.zeros((height, width, 1), np.float32)
        for top in _starts(height):
            for left in _starts(width):
                tile = sources[top : top + _TILE, left : left + _TILE]
                (made,) = self.model.translate(tile[None])
                weight = _ramp(tile.shape[0])[:, None, None] * _ramp(tile.shape[1])[None, :, None]
                total[top : top + _TILE, left : left + _TILE] += weight * made
                weights[top : top + _TILE, left : left + _TILE] += weight
        return total / weights


def squares_around(picture: Picture, scale: int = 1) -> list[tuple[int, int, int]]:
    """Squares around the heads in a picture: left, top, side; multiplied by ``scale``.

    Raises:
        FenshenError: faces cannot be looked for on this machine.
    """
    from fenshen.faces.detect import FaceFinder

    if min(picture.shape[:2]) < 32:  # no face is that small
        return []
    with FaceFinder() as finder:
        faces = finder.find(picture)
    squares = []
    for face in faces:
        middle, side = (face.box[:2] + face.box[2:]) / 2, _AROUND * face.size
        left, top = np.round(scale * (middle - side / 2)).astype(int).tolist()
        squares.append((left, top, round(scale * side)))
    return squares


def _shares(square: tuple[int, int, int], rows: slice, columns: slice) -> Float[ndarray, "H W 1"]:
    """1 within a square, fading to 0 at its edge; not where the picture itself ends."""
    top, left, side = square
    fade = max(_FADES * side, 1.0)

    def along(start: int, part: slice) -> Float[ndarray, "N"]:
        at = np.arange(part.start, part.stop) - start + 0.5
        return np.clip(np.minimum(at, side - at) / fade, 0, 1).astype(np.float32)

    ramp = along(top, rows)[:, None] * along(left, columns)[None, :]
    return (ramp * ramp * (3 - 2 * ramp))[..., None]


def _fitted(
    picture: UInt8[ndarray, "H W *C"], side: int, how: int = cv2.INTER_AREA
) -> UInt8[ndarray, "h w *C"]:
    scale = side / max(picture.shape[:2])
    height, width = (max(round(length * scale), 1) for length in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=how)


def _starts(length: int) -> list[int]:
    """Where tiles begin along a side, the last one at its end."""
    if length <= _TILE:
        return [0]
    count = -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    return np.linspace(0, length - _TILE, count).round().astype(int).tolist()


def _ramp(length: int) -> Float[ndarray, "length"]:
    at = np.arange(length) + 0.5
    return np.clip(np.minimum(at, length - at) / _OVERLAP, 1e-3, 1).astype(np.float32)


def open_restorer(path: Path | str | None, device: str | torch.device) -> Restorer:
    """The restorer of a run, or the one that comes with Fenshen.

    Raises:
        FenshenError: there is none, or it is something else.
    """
    return Restorer(Model.load(path or SHIPPED, device))
