"""Backgrounds that move, because the camera or something behind the person does: noticed, and made to stand still.

A double moves the person over one still background. Where a film has none, the person is cut out of every frame and
put before the background of one moment, continued where the person stood.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from fenshen import dataset
from fenshen.dataset import Dataset
from fenshen.doubles.filmed import exposing
from fenshen.doubles.keyframes import emptied, far_apart, middle_of
from fenshen.doubles.matte import Matte
from fenshen.faces.align import fill_unknown

_SIDE = 128  # at which pictures are compared: film grain is averaged away
_OFTEN = 0.5  # the share of pictures in which a pixel has to be empty to tell anything
_STILL = 6.0  # levels of 255 that light and noise change a still background's pixel by, at most
_SHARE = 0.05  # of the background's pixels, that have to change more
_SURELY = 2  # opacity of 255 up to which a pixel shows the background alone
_AROUND = (
    28  # the part of the side by which more than the person is filled: a curl that was not cut out would stay
)
_SAME = 0.01  # a factor so near to 1 is none
_ALIKE = 0.3  # logarithm of the largest factor between films of one place
_COMMON = 0.05  # of the picture has to be background in both
_STILLED = "stilled"  # in a dataset's settings: its background once moved


def moves(data: Dataset) -> bool:
    """Whether the background behind somebody changes while they are filmed.

    Another exposure of the whole picture is no movement.
    """
    return bool(data.card.settings.get(_STILLED)) or changing(data) > _SHARE


def changing(data: Dataset) -> float:
    """The share of the background's pixels that change."""
    import cv2

    pictures, empty = emptied(data, data.indices("train"))
    side = min(_SIDE, pictures.shape[1])
    pictures = np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures])
    # A pixel is empty where all that it stands for is.
    empty = np.stack(
        [
            cv2.resize(one.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) > 0.99
            for one in empty
        ]
    )
    told = empty.mean(0) > _OFTEN
    if not told.any():
        return 0.0
    off = pictures[:, told].astype(np.float32) - middle_of(pictures, empty)[told]  # (N, P, 3)
    seen = empty[:, told, None]
    counted = np.maximum(seen.sum(1, keepdims=True), 1)
    off = (off - (off * seen).sum(1, keepdims=True) / counted) * seen
    changed = np.abs(off).mean(2).sum(0) / seen[..., 0].sum(0)
    return float((changed > _STILL).mean())


def stilled(data: Dataset) -> Dataset:
    """The dataset with the person before the background of one moment: that of the first keyframe."""
    import cv2

    moment = np.array(data.pixels[far_apart(data, 1)[0]])
    person = (Matte().cut(moment)[..., 3] > _SURELY).astype(np.float32)
    around = np.ones((len(moment) // _AROUND,) * 2, np.uint8)
    ground = fill_unknown(moment.astype(np.float32), 1 - cv2.dilate(person, around))
    card = data.card.model_copy(update={"settings": {**data.card.settings, _STILLED: True}})
    return dataset.write(data.path, card, _before(data, ground), data.records, data.rejected)


def matched(data: Dataset) -> Dataset:
    """The dataset with all its films in the light of one: a factor brings their backgrounds together.

    A double has one background; were it lighter in some frames, it would flicker with the expressions in them. Colours
    stay as they are: those of a background say little about those of skin.

    Args:
        data: portraits of films whose backgrounds stand still.
    """
    import cv2

    sources, train = np.array(data.records["source"].to_pylist()), data.indices("train")
    if len(set(sources)) == 1:
        return data
    first = sources[far_apart(data, 1)[0]]
    grounds = {name: _ground(data, train[sources[train] == name]) for name in dict.fromkeys(sources[train])}
    gains = {name: _gain(grounds[first], ground) for name, ground in grounds.items()}
    if all(abs(gain - 1) < _SAME for gain in gains.values()):
        return data
    tables = {name: exposing(gain) for name, gain in gains.items()}
    lit = (
        cv2.LUT(np.array(picture), tables.get(source, tables[first]))
        for source, picture in zip(sources, data.pixels, strict=True)
    )
    return dataset.write(data.path, data.card, lit, data.records, data.rejected)


_Ground = tuple[Float[ndarray, "S S 3"], Bool[ndarray, "S S"]]


def _ground(data: Dataset, rows: Int[ndarray, "n"]) -> _Ground:
    """The background of some pictures, and where it is known."""
    pictures, empty = emptied(data, rows)
    return middle_of(pictures, empty), empty.mean(0) > _OFTEN


def _gain(wanted: _Ground, ground: _Ground) -> float:
    """The factor from one background to another; 1 where they have too little in common."""
    both = wanted[1] & ground[1]
    if both.mean() < _COMMON:
        return 1.0
    gain = float(np.median((wanted[0][both].sum(1) + 1) / (ground[0][both].sum(1) + 1)))
    return gain if abs(np.log(gain)) < _ALIKE else 1.0


def _before(data: Dataset, ground: Float[ndarray, "S S 3"]) -> Iterator[UInt8[ndarray, "S S 3"]]:
    matte = Matte(film=True)
    for picture in data.pixels:
        cut = matte.cut(np.array(picture)).astype(np.float32)
        share = cut[..., 3:] / 255
        yield np.rint(share * cut[..., :3] + (1 - share) * ground).astype(np.uint8)
