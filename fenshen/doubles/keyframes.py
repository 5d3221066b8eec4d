"""Which of a person's own pictures a double keeps to move, and the background that they hide.

Keyframes should show what cannot be invented: the head from every filmed side, the open mouth, teeth, open and shut
eyes. So they are chosen far apart in how the face's points lie, among pictures that are sharp.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import landmarks
from fenshen.dataset import Dataset
from fenshen.doubles.matte import Matte
from fenshen.keyframes import Keyframes
from fenshen.networks.contours import CONTOUR_POINTS

_SHARP = 0.5  # the share of pictures, sharpest first, that keyframes are chosen from
_LOOKED_AT = 48  # pictures from which the background is gathered
_PERSON = 0.02  # opacity from which a pixel is not background
_DETAIL = 2.0  # weight of eyes and mouth beside the whole face when pictures are compared


def choose(data: Dataset, count: int) -> Keyframes:
    """Choose keyframes among the training pictures of one person, and find the background behind them.

    Args:
        data: with controls and landmarks.
    """
    assert data.controls is not None
    rows = data.indices("train")
    points = contour_points(data)
    sharp = np.array(data.records["sharpness"].to_pylist(), dtype=float)[rows]
    shapes = _shapes(points[rows], data.controls[rows])
    good = np.flatnonzero(sharp >= np.quantile(sharp, 1 - _SHARP))
    chosen = _far_apart(shapes, good, min(count, len(rows)))
    keys = rows[
        np.resize(chosen, count)
    ]  # a few pictures are shown twice where there are fewer than asked for
    return Keyframes(np.array(data.pixels[keys]), data.controls[keys], points[keys], plate(data))


def contour_points(data: Dataset) -> Float[ndarray, "N P 2"]:
    """The contour points of every picture, in sides."""
    flat = data.records["landmarks"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, landmarks.COUNT, 3)[:, CONTOUR_POINTS, :2].copy()


def plate(data: Dataset) -> UInt8[ndarray, "S S 4"]:
    """The background without the person, and how often each pixel of it was seen; continued where it never was."""
    from fenshen.faces.align import fill_unknown

    some = data.indices("train")
    some = some[np.linspace(0, len(some) - 1, min(len(some), _LOOKED_AT)).astype(int)]
    pictures = np.array(data.pixels[some])
    matte = Matte()
    empty = np.stack([matte.cut(picture)[..., 3] < 255 * _PERSON for picture in pictures])
    seen = empty.mean(0)
    hidden = np.broadcast_to(~empty[..., None], pictures.shape)
    found = np.ma.median(np.ma.array(pictures, mask=hidden), axis=0)  # type: ignore[no-untyped-call]
    middle = found.filled(0).astype(np.float32)
    filled = fill_unknown(middle, (seen > 0).astype(np.float32))
    return np.dstack([np.clip(np.rint(filled), 0, 255), np.rint(255 * seen)]).astype(np.uint8)


def _shapes(points: Float[ndarray, "N P 2"], controls: Float[ndarray, "N 58"]) -> Float[ndarray, "N D"]:
    """How a face's points lie, whatever its place and size; in face heights, openings of eyes and mouth enlarged."""
    x, y, scale = (controls[:, control_space.INDEX[name], None] for name in control_space.PLACEMENT)
    centre = np.stack([control_space.CENTRE[0] + x, control_space.CENTRE[1] + y], axis=-1)
    upright = (points - centre) / (control_space.FACE_HEIGHT * 2**scale)[..., None]
    gaps = []
    for upper, lower in landmarks.OPENINGS:
        one, other = (upright[:, CONTOUR_POINTS.index(i)] for i in (upper, lower))
        gaps.append(np.linalg.norm(one - other, axis=1))
    count = np.sqrt(points.shape[1])
    return np.concatenate([upright.reshape(len(points), -1) / count, _DETAIL * np.stack(gaps, 1)], axis=1)


def _far_apart(shapes: Float[ndarray, "N D"], among: ndarray, count: int) -> list[int]:
    """The most usual picture, then always the one farthest from all chosen before it (Gonzalez 1985)."""
    usual = np.abs(shapes[among] - np.median(shapes, axis=0)).sum(1).argmin()
    chosen = [int(among[usual])]
    far = np.linalg.norm(shapes - shapes[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(among[far[among].argmax()]))
        far = np.minimum(far, np.linalg.norm(shapes - shapes[chosen[-1]], axis=1))
    return chosen
