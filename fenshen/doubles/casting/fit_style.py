"""Hair, beard, glasses and brows: whichever of a fixed number of drawings is most like the photograph.

One choice at a time, the largest first. A drawing is compared by where it has hair, skin and cloth, by colours
at several sizes, and by the feature maps of a network that was trained to name things. What stands behind the
person is replaced by the fitted backdrop first, and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.casting import fit_colours
from fenshen.doubles.casting.fit_colours import View
from fenshen.doubles.casting.fit_regions import Regions, to_lab
from fenshen.humans.human import HAIR_STYLES, Beard, BeardStyle, BrowStyle, Glasses, Human
from fenshen.humans.render import Frame, Kind
from fenshen.landmarks import CHEEK, CHEEKBONE_BACK, CHIN, EYE_OUTER, HAIRLINE, JAW_BACK, NOSE_BASE

_BALD = 0.5  # share of the scalp above which it counts as bare
_SIZES = (1, 4, 16)  # of the pixels that colours are compared in
_IN_WORDS = 8.0  # CIELAB differences that count as much as a whole unit of the feature maps' distance
_ELSEWHERE = 0.1  # likewise, the share of pixels that are of another kind
_NECK = 0.92  # below, collars differ and hair hardly does
_DOUBT = 0.04  # by this share a beard or glasses must be more like the photograph than none
_STUBBLE = 0.6
_BEARDS: tuple[BeardStyle, ...] = get_args(BeardStyle)
_BROWS: tuple[BrowStyle, ...] = get_args(BrowStyle)
_ROUNDNESSES = (2.0, 2.5, 4.0)
_FRAME = (0.08, 0.07, 0.07)
# Landmarks around what is compared.
_BEARD_AREA = (NOSE_BASE, CHIN, *JAW_BACK)
_GLASSES_AREA = (*HAIRLINE, *CHEEKBONE_BACK, *CHEEK)
_BROW_AREA = (*HAIRLINE, *EYE_OUTER)
Picture = UInt8[ndarray, "S S 3"]
Box = tuple[slice, slice]


def choose(human: Human, view: View, regions: Regions, picture: Picture) -> Human:
    """The most similar styles, 40 drawings in all.

    Args:
        picture: the portrait in the drawing's exposure.
    """
    human = _hair(human, view, regions, picture)
    human = fit_colours.materials(human, view, regions, picture, rounds=1)
    human = _beard(human, view, picture)
    human = _glasses(human, view, picture)
    return _brows(human, view, picture)


def _hair(human: Human, view: View, regions: Regions, picture: Picture) -> Human:
    if regions.bare > _BALD:
        return _with(human, "hair", style="bald")
    options = [_with(human, "hair", style=s, strands=n) for s in HAIR_STYLES if s != "bald" for n in (0, 1)]
    frames = [view.draw(option) for option in options]
    clean = _without_background(picture, regions, frames)
    rows = np.mgrid[: len(picture), : len(picture)][0] / len(picture)
    wrong = np.array([1 - _agreement(frame, regions)[rows < _NECK].mean() for frame in frames])
    unlike = _unlike(clean, [frame.picture for frame in frames])
    return options[int(np.argmin(wrong / _ELSEWHERE + unlike))]


def _beard(human: Human, view: View, picture: Picture) -> Human:
    """None, stubble, or one of the styles, in the colour of the photograph's chin where that is a beard's."""
    shaven = _with(human, "beard", style="none")
    shaven = _with(shaven, "skin", stubble=0.0)
    full = _with(human, "beard", style="full", colour=human.brows.colour)
    coloured = _beard_coloured(full, view.draw(full), view, picture)
    options = [shaven, _with(shaven, "skin", stubble=_STUBBLE)]
    options += [
        human.model_copy(update={"beard": Beard(style=style, colour=coloured)})
        for style in _BEARDS
        if style != "none"
    ]
    return _most_like(options, view, picture, _box(view, _BEARD_AREA, 0.05))


def _beard_coloured(human: Human, frame: Frame, view: View, picture: Picture) -> Any:
    below = np.mgrid[: len(picture), : len(picture)][0] / len(picture) > view.points[NOSE_BASE, 1]
    inside = np.zeros(below.shape, dtype=bool)
    inside[_box(view, _BEARD_AREA, 0.0)] = True
    beard = (frame.kinds == Kind.HAIR) & below & inside
    if beard.sum() < 20:
        return human.beard.colour
    ratio = (np.median(picture[beard], axis=0) + 2) / (np.median(frame.picture[beard], axis=0) + 2)
    return fit_colours.colour(human.beard.colour * np.clip(ratio, 0.6, 2.5))


def _glasses(human: Human, view: View, picture: Picture) -> Human:
    options = [human.model_copy(update={"glasses": None})]
    options += [
        human.model_copy(update={"glasses": Glasses(roundness=roundness, colour=_FRAME)})
        for roundness in _ROUNDNESSES
    ]
    return _most_like(options, view, picture, _box(view, _GLASSES_AREA, 0.03))


def _brows(human: Human, view: View, picture: Picture) -> Human:
    options = [_with(human, "brows", style=style) for style in _BROWS]
    return _most_like(options, view, picture, _box(view, _BROW_AREA, 0.02), doubt=0.0)


def _most_like(
    options: Sequence[Human], view: View, picture: Picture, box: Box, doubt: float = _DOUBT
) -> Human:
    """The option most like the photograph inside a box; the first unless another is clearly more so."""
    unlike = _unlike(picture[box], [view.draw(option).picture[box] for option in options])
    unlike[1:] *= 1 + doubt
    return options[int(np.argmin(unlike))]


def _unlike(
    picture: UInt8[ndarray, "H W 3"], drawn: Sequence[UInt8[ndarray, "H W 3"]]
) -> Float[ndarray, "N"]:
    """How different drawings are from a photograph of the same size: colours, then features."""
    import cv2

    def smaller(lab: Float[ndarray, "H W 3"], by: int) -> Float[ndarray, "h w 3"]:
        height, width = (max(1, n // by) for n in lab.shape[:2])
        return cv2.resize(lab, (width, height), interpolation=cv2.INTER_AREA)

    seen = to_lab(picture)
    colours = [
        np.mean([np.abs(smaller(seen, by) - smaller(to_lab(d), by)).mean() for by in _SIZES]) for d in drawn
    ]
    return np.array(colours) / _IN_WORDS + _features_apart(picture, drawn)


def _features_apart(
    picture: UInt8[ndarray, "H W 3"], drawn: Sequence[UInt8[ndarray, "H W 3"]]
) -> Float[ndarray, "N"]:
    """Mean squared distance of normalised feature maps, summed over their sizes (R. Zhang et al., "The
    Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, eq. 1, with all weights 1)."""
    import torch
    import torch.nn.functional as F

    with torch.inference_mode():
        pictures = torch.from_numpy(np.stack([picture, *drawn])).permute(0, 3, 1, 2).float() / 127.5 - 1
        size = max(128, *pictures.shape[2:])
        pictures = F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False)
        apart = np.zeros(len(drawn))
        for features in _network()(pictures):
            unit = F.normalize(features, dim=1)
            apart += (unit[1:] - unit[:1]).square().sum(1).mean((1, 2)).numpy()
    return apart


@cache
def _network() -> Any:
    from fenshen.networks.efficientnet import EfficientNetLite0

    return EfficientNetLite0().eval()


def _agreement(frame: Frame, regions: Regions) -> Float[ndarray, "S S"]:
    """Of every pixel, how likely it is of the drawing's kind in the photograph."""
    kinds = np.ones(frame.kinds.shape, dtype=np.int64)  # faces and all that is on them
    for i, kind in enumerate((Kind.BACKGROUND, Kind.SKIN, Kind.HAIR, Kind.CLOTH)):
        kinds[frame.kinds == kind] = i
    return np.take_along_axis(regions.shares, kinds[..., None], 2)[..., 0]


def _without_background(picture: Picture, regions: Regions, frames: Sequence[Frame]) -> Picture:
    """The photograph before the drawings' backdrop, as far as any of them shows it."""
    total, count = np.zeros(picture.shape), np.zeros(picture.shape[:2])
    for frame in frames:
        seen = frame.kinds == Kind.BACKGROUND
        total[seen] += frame.picture[seen]
        count += seen
    if not count.any():
        return picture
    backdrop = total / np.maximum(count, 1)[..., None]
    backdrop[count == 0] = backdrop[count > 0].mean(0)
    share = regions.shares[..., :1]
    return np.clip(share * backdrop + (1 - share) * picture, 0, 255).astype(np.uint8)


def _box(view: View, landmarks: Sequence[int], margin: float) -> Box:
    """Rows and columns of a drawing around some landmarks."""
    points = view.points[list(landmarks)]
    low = np.floor((points.min(0) - margin) * fit_colours.SIDE).astype(int)
    high = np.ceil((points.max(0) + margin) * fit_colours.SIDE).astype(int)
    low, high = (np.clip(edge, 0, fit_colours.SIDE) for edge in (low, high))
    return slice(low[1], max(high[1], low[1] + 8)), slice(low[0], max(high[0], low[0] + 8))


def _with(human: Human, part: str, **values: Any) -> Human:
    return human.model_copy(update={part: getattr(human, part).model_copy(update=values)})
