"""What the films of a double are good for, judged as photographs are: refused, brightened, or noted on its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import dataset, video
from fenshen.controls import FACE_HEIGHT
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError
from fenshen.faces.detect import FaceFinder
from fenshen.faces.judge import TOO_BRIGHT, TOO_DARK, exposure, unlit
from fenshen.messages import message
from fenshen.preparation.refusals import Reason, describe

# Mean luma of faces below which eight bits hold no likeness any more, and the one that dark faces get. As pictures are
# coded by a power of light, a factor on codes is a factor on light: a longer exposure.
_HOPELESS, _BRIGHTENED = 0.012, 0.4
_SHADOW, _DAYLIGHT = 0.2, 0.5  # luma of a face and of what is around it, from which it is lit from behind
_SOFT = 0.5  # sharpness of films that are two pixels of 256 out of focus, or show the face at half the size wanted
_CUT = 0.12  # share of the width or height of a face outside the film's picture from which it is cut off
_MOST = 0.5  # share of the frames from which a fault is the film's, not a moment's
_MEASURED = 8  # frames of a film in which faces are measured beforehand
_ENOUGH = 0.8  # of the film's own resolution: what JPEG and H.264 leave of the rest is hardly a detail
_LOOKS = 16  # frames of a film that are looked at for more faces than one
_ALIKE = 0.05  # so near to 1, a factor of exposures is none: resampling changes means a little
_UNUSED = 0.1  # share of frames that may be left out without a word


def fitting_size(films: Sequence[Path], sizes: Sequence[int]) -> int:
    """The smallest size at which the largest faces of some films lose next to nothing.

    Args:
        sizes: to choose from, ascending.
    """
    heights = []
    with FaceFinder(max_faces=1) as finder:
        for film in films:
            for start in np.linspace(0, 0.9 * video.probe(film).duration, _MEASURED):
                frame = next(video.frames(film, start=float(start)), None)
                heights += [] if frame is None else [face.size for face in finder.find(frame.picture)]
    if not heights:
        return sizes[0]  # preparing says what is wrong with them
    wanted = _ENOUGH * float(np.median(heights)) / FACE_HEIGHT
    return next((size for size in sizes if size >= wanted), sizes[-1])


def judged(data: Dataset, films: Sequence[Path]) -> tuple[Dataset, list[str]]:
    """Refuse films that cannot become a double; brighten dark ones; say what is doubtful about the rest.

    Args:
        data: portraits of the films.

    Returns:
        The dataset to use, and a sentence for each finding.

    Raises:
        FenshenError: most faces are cut off by the picture's edge, or almost black.
    """
    light, sharp = (np.array(data.records[name].to_pylist(), float) for name in ("exposure", "sharpness"))
    covered, aside = (np.array(data.records[name].to_pylist(), bool) for name in ("occluded", "extreme_pose"))
    cut = _cut_off(data, films)
    if cut.mean() > _MOST:
        raise FenshenError("double.cut_off", share=round(100 * cut.mean()))
    if np.median(light) < _HOPELESS:
        raise FenshenError("double.black", percent=round(100 * float(np.median(light)), 1))
    notes = _unused(data)
    backlit = np.median(light) < _SHADOW and _around(data) > _DAYLIGHT
    if backlit or np.median(light) < TOO_DARK:
        notes.append(message("double.backlit" if backlit else "double.brightened"))
        data = _brightened(data, float(np.median(light)))
    elif np.median(light) > TOO_BRIGHT:
        notes.append(message("double.too_bright"))
    if np.median(sharp) < _SOFT:
        notes.append(message("double.blurred"))
    found = {"double.sometimes_cut": cut, "double.covered": covered & ~cut, "double.aside": aside}
    found["double.others"] = _accompanied(films)
    least = {"double.sometimes_cut": _UNUSED, "double.others": _UNUSED}
    for key, where in found.items():
        if where.mean() > least.get(key, _MOST):
            notes.append(message(key, share=round(100 * where.mean())))
    return data, notes


def unusable(films: Sequence[Path], error: FenshenError) -> FenshenError:
    """What to say where preparing films failed: why not one frame of theirs is of use, else the same."""
    if error.key != "prepare.nothing_kept":
        return error
    found = next(filter(None, map(unlit, films)), None)
    return found or FenshenError("double.none_usable", why=error.values["why"])


def _cut_off(data: Dataset, films: Sequence[Path]) -> Bool[ndarray, "N"]:
    """Which faces reach out of their film's picture."""
    sizes = {}
    for film in films:
        seen = video.probe(film)
        sizes[str(film)] = (seen.width, seen.height)
    usual = next(iter(sizes.values()))
    boxes = np.array([box or [0, 0, 1, 1] for box in data.records["box"].to_pylist()], float)
    edges = np.array([sizes.get(source, usual) for source in data.records["source"].to_pylist()], float)
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = np.maximum(-low, 0) + np.maximum(high - edges, 0)
    return np.asarray((outside > _CUT * (high - low)).any(1))


def _accompanied(films: Sequence[Path]) -> Bool[ndarray, "N"]:
    """Which of some frames show a second face about as large as the first."""
    from fenshen.preparation.faces import RIVAL

    second = []
    with FaceFinder() as finder:
        for film in films:
            every = max(video.probe(film).duration / _LOOKS, 0.1)
            for frame in islice(video.frames(film, fps=1 / every), _LOOKS):
                found = finder.find(frame.picture)
                # A face lying on its side may be found twice in one place.
                second.append(
                    any(
                        face.size > RIVAL * found[0].size
                        and np.abs((face.box - found[0].box).reshape(2, 2).mean(0)).max() > found[0].size / 2
                        for face in found[1:]
                    )
                )
    return np.array(second)


def _unused(data: Dataset) -> list[str]:
    """How many frames were left out, and why."""
    unused = Counter(map(Reason, data.rejected["reason"].to_pylist()))
    total = unused.total() + len(data)
    if unused.total() <= _UNUSED * total:
        return []
    return [message("double.unused", count=unused.total(), total=total, reasons=describe(unused))]


def _around(data: Dataset) -> float:
    """Mean luma along the upper edges of the pictures, where the background is."""
    some = data.pixels[:: max(1, len(data) // 64)]
    edge = max(1, some.shape[1] // 8)
    return float(np.mean([exposure(picture[:edge]) for picture in some]))


def _brightened(data: Dataset, light: float) -> Dataset:
    """The dataset with its pictures exposed longer: one factor on linear light for all of them, that faces need."""
    table = exposing(_BRIGHTENED / max(light, 1e-9))
    pictures = (table[picture] for picture in data.pixels)
    return dataset.write(data.path, data.card, pictures, data.records, data.rejected)


def exposing(factor: float) -> UInt8[ndarray, "256"]:
    """Levels of a picture exposed longer: a factor on codes."""
    return np.round(np.minimum(factor * np.arange(256), 255)).astype(np.uint8)


def as_exposed(
    picture: UInt8[ndarray, "H W 3"], square: Float[ndarray, "3"], portrait: UInt8[ndarray, "S S 3"]
) -> UInt8[ndarray, "H W 3"]:
    """A frame of a film exposed as the portrait that was made of it.

    Args:
        square: left, top and side of what the portrait shows.
    """
    left, top, side = square
    # The middle of the square: beyond the frame's edges, portraits are continued.
    rows, columns = (slice(max(round(low + side / 4), 0), round(low + 3 * side / 4)) for low in (top, left))
    margin = len(portrait) // 4
    ours = np.median(portrait[margin:-margin, margin:-margin])
    factor = float(ours / max(np.median(picture[rows, columns]), 1))
    return picture if abs(factor - 1) < _ALIKE else exposing(factor)[picture]
