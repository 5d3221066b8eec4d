"""Which of a person's own pictures a double keeps to move, and the background that they hide.

Keyframes should show what cannot be invented: the head from every filmed side, the open mouth, teeth, open and shut
eyes. So they are chosen far apart in how the face's points lie, among pictures that are sharp.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import landmarks, video
from fenshen.dataset import Dataset
from fenshen.doubles.matte import Matte
from fenshen.keyframes import LONGEST, Keyframes, Whole
from fenshen.networks.contours import CONTOUR_POINTS

_SHARP = 0.5  # the share of pictures, sharpest first, that keyframes are chosen from
_LOOKED_AT = 48  # pictures from which the background is gathered
_PERSON = 0.02  # opacity from which a pixel is not background
_EDGE = 128  # the part of the side that around a person is not believed to be background
_SELDOM = 0.06  # the share of pictures in which a pixel has to be empty for its colour to be believed
_MOMENT = 5e-4  # seconds; less than any frame lasts
_OPEN_EYES, _CLOSED_LIPS = 0.5, 0.2  # quantiles of how open they are, from and up to which a picture is plain
_DETAIL = 2.0  # weight of eyes and mouth beside the whole face when pictures are compared


def choose(data: Dataset, count: int, *, whole: bool = False) -> Keyframes:
    """Choose keyframes among the training pictures of one person, and find the background behind them.

    Args:
        data: with controls and landmarks.
        whole: keep the film's frame of the first one.
    """
    assert data.controls is not None
    points = contour_points(data)
    # A few pictures are shown twice where there are fewer than asked for.
    keys = np.resize(far_apart(data, count), count)
    pictures = np.array(data.pixels[keys])
    frame = whole_frame(data, int(keys[0])) if whole else None
    return Keyframes(pictures, data.controls[keys], points[keys], plate(data), frame)


def far_apart(data: Dataset, count: int) -> list[int]:
    """Rows of sharp training pictures: the most usual one, then always the one farthest from all before it."""
    rows = data.indices("train")
    shapes, openings, sharp = _shapes(data, rows)
    shapes = np.concatenate([shapes, _DETAIL * openings], axis=1)
    return [int(row) for row in rows[_far_apart(shapes, sharp, min(count, len(rows)))]]


def plain(data: Dataset) -> int:
    """The row of a sharp training picture with open eyes and closed lips, and of those the most usual one."""
    rows = data.indices("train")
    shapes, openings, some = _shapes(data, rows)
    eyes, lips = openings[:, :2].min(1), openings[:, 2]
    some = some[eyes[some] >= np.quantile(eyes[some], _OPEN_EYES)]
    some = some[lips[some] <= np.quantile(lips[some], _CLOSED_LIPS)]
    return int(rows[some[_unusual(shapes, some).argmin()]])


def contour_points(data: Dataset) -> Float[ndarray, "N P 2"]:
    """The contour points of every picture, in sides."""
    flat = data.records["landmarks"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, landmarks.COUNT, 3)[:, CONTOUR_POINTS, :2].copy()


def plate(data: Dataset) -> UInt8[ndarray, "S S 4"]:
    """The background without the person, and how often each pixel of it was seen; continued where it never was."""
    from fenshen.faces.align import fill_unknown

    pictures, empty = emptied(data, data.indices("train"))
    seen = empty.mean(0)
    middle = middle_of(pictures, empty)
    # Tips of hair are in the place of background in a few pictures.
    filled = fill_unknown(middle, (seen > _SELDOM).astype(np.float32))
    return np.dstack([np.clip(np.rint(filled), 0, 255), np.rint(255 * seen)]).astype(np.uint8)


def emptied(
    data: Dataset, rows: Int[ndarray, "n"]
) -> tuple[UInt8[ndarray, "N S S 3"], Bool[ndarray, "N S S"]]:
    """A few of some pictures, evenly over them, and where none of the person is in them."""
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _LOOKED_AT)).astype(int)]
    pictures = np.array(data.pixels[some])
    return pictures, _empty(_Same(pictures))


class _Same:
    """Pictures that are equal where their content is, so that what was found in them is found once."""

    def __init__(self, pictures: UInt8[ndarray, "N S S 3"]) -> None:
        self.pictures, self.digest = pictures, hashlib.sha256(pictures.tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=1)
def _empty(shown: _Same) -> Bool[ndarray, "N S S"]:
    """Where none of the person is: a third of a second a picture."""
    import cv2

    matte = Matte()
    around = np.ones((2 * (shown.pictures.shape[1] // _EDGE) + 1,) * 2, np.uint8)
    persons = (matte.cut(picture)[..., 3] >= 255 * _PERSON for picture in shown.pictures)
    empty = np.stack([cv2.dilate(one.astype(np.uint8), around) == 0 for one in persons])
    empty.flags.writeable = False
    return empty


def middle_of(pictures: UInt8[ndarray, "N S S 3"], empty: Bool[ndarray, "N S S"]) -> Float[ndarray, "S S 3"]:
    """The median of every pixel among the pictures where it is empty; black where it never is."""
    hidden = np.broadcast_to(~empty[..., None], pictures.shape)
    found = np.ma.median(np.ma.array(pictures, mask=hidden), axis=0)  # type: ignore[no-untyped-call]
    return np.asarray(found.filled(0), np.float32)


def whole_frame(data: Dataset, row: int) -> Whole | None:
    """The frame of its film from which a portrait was cut, and where; None where it is not found there any more.

    Args:
        data: portraits by one steady crop for each film.
    """
    import cv2

    from fenshen.doubles.filmed import as_exposed

    source, at = (data.records[name][row].as_py() for name in ("source", "timestamp"))
    found = next(video.frames(source, start=max(at - _MOMENT, 0.0)), None)
    if found is None:
        return None
    square = crop_of(data, source)
    picture = as_exposed(found.picture, square, data.pixels[row])
    factor = min(LONGEST / max(picture.shape[:2]), 1.0)
    # Films want even sides.
    height, width = (2 * int(factor * side / 2) for side in picture.shape[:2])
    if factor < 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return Whole(np.ascontiguousarray(picture[:height, :width]), *(float(factor * value) for value in square))


def crop_of(data: Dataset, source: str) -> Float[ndarray, "3"]:
    """Left, top and side of a film's steady crop, in the film's pixels, from where landmarks lie in both."""
    rows = np.flatnonzero(np.array(data.records["source"].to_pylist()) == source)
    some = data.records.take(rows)
    portrait = np.array(some["landmarks"].to_pylist(), float).reshape(len(rows), -1, 3)[..., :2]
    film = np.array(some["box"].to_pylist(), float).reshape(-1, 2, 2)
    within = np.stack([portrait.min(1), portrait.max(1)], axis=1)  # the box, in the portrait's sides
    far, extent = (boxes - boxes.mean((0, 1)) for boxes in (film, within))
    side = (far * extent).sum() / max((extent**2).sum(), 1e-12)
    # Landmarks count from the middle of the first pixel, sides of a portrait from its corner.
    corner = film.mean((0, 1)) + 0.5 - side * within.mean((0, 1))
    return np.array([*corner, side])


def _shapes(
    data: Dataset, rows: ndarray
) -> tuple[Float[ndarray, "N D"], Float[ndarray, "N 3"], Int[ndarray, "n"]]:
    """How faces' points lie, whatever their place and size, and how open eyes and lips are, in face heights.

    Returns:
        Both for every row, and which of them are sharp.
    """
    assert data.controls is not None
    points, controls = contour_points(data)[rows], data.controls[rows]
    sharp = np.array(data.records["sharpness"].to_pylist(), dtype=float)[rows]
    x, y, scale = (controls[:, control_space.INDEX[name], None] for name in control_space.PLACEMENT)
    centre = np.stack([control_space.CENTRE[0] + x, control_space.CENTRE[1] + y], axis=-1)
    upright = (points - centre) / (control_space.FACE_HEIGHT * 2**scale)[..., None]
    gaps = []
    for upper, lower in landmarks.OPENINGS:
        one, other = (upright[:, CONTOUR_POINTS.index(i)] for i in (upper, lower))
        gaps.append(np.linalg.norm(one - other, axis=1))
    shapes = upright.reshape(len(points), -1) / np.sqrt(points.shape[1])
    return shapes, np.stack(gaps, 1), np.flatnonzero(sharp >= np.quantile(sharp, 1 - _SHARP))


def _unusual(shapes: Float[ndarray, "N D"], among: ndarray) -> Float[ndarray, "n"]:
    """How far some pictures are from the median of all."""
    return np.abs(shapes[among] - np.median(shapes, axis=0)).sum(1)


def _far_apart(shapes: Float[ndarray, "N D"], among: ndarray, count: int) -> list[int]:
    """The most usual picture, then always the one farthest from all chosen before it (Gonzalez 1985)."""
    chosen = [int(among[_unusual(shapes, among).argmin()])]
    far = np.linalg.norm(shapes - shapes[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(among[far[among].argmax()]))
        far = np.minimum(far, np.linalg.norm(shapes - shapes[chosen[-1]], axis=1))
    return chosen
