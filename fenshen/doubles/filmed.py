"""What the films of a double are good for, judged as photographs are: refused, brightened, or noted on its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from fenshen import dataset, video
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError
from fenshen.faces.judge import BLURRED, TOO_BRIGHT, TOO_DARK
from fenshen.messages import message
from fenshen.preparation.refusals import Reason, describe

# Mean luma of faces below which eight bits hold no likeness any more, and the mean of the picture that dark ones get.
_HOPELESS, _BRIGHTENED = 0.012, 0.35
_GAMMA = 2.2  # of the pictures, to brighten them in linear light as a longer exposure would have
_CUT = 0.12  # share of the width or height of a face outside the film's picture from which it is cut off
_MOST = 0.5  # share of the frames from which a fault is the film's, not a moment's
_UNUSED = 0.1  # share of frames that may be left out without a word


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
    if np.median(light) < TOO_DARK:
        notes.append(message("double.brightened"))
        data = _brightened(data)
    elif np.median(light) > TOO_BRIGHT:
        notes.append(message("double.too_bright"))
    if np.median(sharp) < BLURRED:
        notes.append(message("double.blurred"))
    found = {"double.sometimes_cut": cut, "double.covered": covered & ~cut, "double.aside": aside}
    least = {"double.sometimes_cut": _UNUSED}
    for key, where in found.items():
        if where.mean() > least.get(key, _MOST):
            notes.append(message(key, share=round(100 * where.mean())))
    return data, notes


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


def _unused(data: Dataset) -> list[str]:
    """How many frames were left out, and why."""
    unused = Counter(map(Reason, data.rejected["reason"].to_pylist()))
    total = unused.total() + len(data)
    if unused.total() <= _UNUSED * total:
        return []
    return [message("double.unused", count=unused.total(), total=total, reasons=describe(unused))]


def _brightened(data: Dataset) -> Dataset:
    """The dataset with its pictures exposed longer: one factor on linear light for all of them."""
    some = np.asarray(data.pixels[:: max(1, len(data) // 64)], float) / 255
    factor = _BRIGHTENED**_GAMMA / max(float(np.mean(some**_GAMMA)), 1e-9)
    table: UInt8[ndarray, "256"] = np.round(
        255 * np.minimum(factor * (np.arange(256) / 255) ** _GAMMA, 1) ** (1 / _GAMMA)
    ).astype(np.uint8)
    pictures = (table[picture] for picture in data.pixels)
    return dataset.write(data.path, data.card, pictures, data.records, data.rejected)
