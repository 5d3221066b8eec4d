"""Hair, beard, glasses and brows: each style is rendered, and the one most similar to the photograph is chosen.

One choice at a time, the largest first. A rendering is compared by where it has hair, skin and cloth, by colours at
several resolutions, and by the feature maps of an ImageNet classifier. The photograph's background is first replaced by
the fitted backdrop, so it does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.casting.colours import SIDE, View, colour, fit_materials
from fenshen.doubles.casting.regions import Regions, to_lab
from fenshen.humans.human import HAIR_STYLES, Beard, BeardStyle, BrowStyle, Colour, Glasses, Human
from fenshen.humans.render import Frame, Kind
from fenshen.landmarks import CHEEK, CHEEKBONE_BACK, CHIN, EYE_OUTER, HAIRLINE, JAW_BACK, NOSE_BASE

_BALD_FROM = 0.5  # share of the scalp that is bare, above which a head counts as bald
_HAIR_FROM = 0.5  # share of what is just above the scalp that is not background, above which it is hair
_SIZES = (1, 4, 16)  # factors by which pictures are reduced before their colours are compared
_PER_FEATURE_DISTANCE = 8.0  # a CIELAB difference that counts as much as a feature distance of 1
_PER_WRONG_PIXEL = 0.1  # the share of pixels of another class that counts as much as a feature distance of 1
_NECK = 0.92  # sides from the top: below, collars differ and hair hardly does
_HANDICAP = 0.04  # a beard or glasses must be more similar than none by this share
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


def choose_styles(human: Human, view: View, regions: Regions, picture: Picture) -> Human:
    """The human with the styles most similar to the photograph's; about 40 renderings in all.

    Args:
        picture: the portrait at SIDE, in the rendering's exposure.
    """
    human = _with_best_hair(human, view, regions, picture)
    human = fit_materials(human, view, regions, picture, rounds=1)
    human = _with_best_beard(human, view, picture)
    human = _with_best_glasses(human, view, picture)
    return _with_best_brows(human, view, picture)


def _with_best_hair(human: Human, view: View, regions: Regions, picture: Picture) -> Human:
    # Hair may have the colour of skin, but it stands out from the head.
    if regions.bare > _BALD_FROM and regions.beyond < _HAIR_FROM:
        return _changed(human, "hair", style="bald")
    styles = [style for style in HAIR_STYLES if style != "bald"]
    options = [_changed(human, "hair", style=style, strands=n) for style in styles for n in (0, 1)]
    frames = [view.draw(option) for option in options]
    clean = _on_backdrop(picture, regions, frames)
    rows = np.mgrid[: len(picture), : len(picture)][0] / len(picture)
    wrong = np.array([1 - _agreement(frame, regions)[rows < _NECK].mean() for frame in frames])
    differences = _differences(clean, [frame.picture for frame in frames])
    return options[int(np.argmin(wrong / _PER_WRONG_PIXEL + differences))]


def _with_best_beard(human: Human, view: View, picture: Picture) -> Human:
    """No beard, stubble or one of the beard styles, in the colour that the photograph has there."""
    shaven = _changed(human, "beard", style="none")
    shaven = _changed(shaven, "skin", stubble=0.0)
    full = _changed(human, "beard", style="full", colour=human.brows.colour)
    beard_colour = _beard_colour(full, view.draw(full), view, picture)
    options = [shaven, _changed(shaven, "skin", stubble=_STUBBLE)]
    options += [
        human.model_copy(update={"beard": Beard(style=style, colour=beard_colour)})
        for style in _BEARDS
        if style != "none"
    ]
    return _most_similar(options, view, picture, _box_around(view, _BEARD_AREA, 0.05))


def _beard_colour(human: Human, frame: Frame, view: View, picture: Picture) -> Colour:
    """The colour of a rendered full beard, corrected by the photograph's colours at the same pixels."""
    below = np.mgrid[: len(picture), : len(picture)][0] / len(picture) > view.points[NOSE_BASE, 1]
    inside = np.zeros(below.shape, dtype=bool)
    inside[_box_around(view, _BEARD_AREA, 0.0)] = True
    beard = (frame.kinds == Kind.HAIR) & below & inside
    if beard.sum() < 20:
        return human.beard.colour
    ratio = (np.median(picture[beard], axis=0) + 2) / (np.median(frame.picture[beard], axis=0) + 2)
    return colour(human.beard.colour * np.clip(ratio, 0.6, 2.5))


def _with_best_glasses(human: Human, view: View, picture: Picture) -> Human:
    options = [human.model_copy(update={"glasses": None})]
    options += [
        human.model_copy(update={"glasses": Glasses(roundness=roundness, colour=_FRAME)})
        for roundness in _ROUNDNESSES
    ]
    return _most_similar(options, view, picture, _box_around(view, _GLASSES_AREA, 0.03))


def _with_best_brows(human: Human, view: View, picture: Picture) -> Human:
    options = [_changed(human, "brows", style=style) for style in _BROWS]
    return _most_similar(options, view, picture, _box_around(view, _BROW_AREA, 0.02), handicap=0.0)


def _most_similar(
    options: Sequence[Human], view: View, picture: Picture, box: Box, handicap: float = _HANDICAP
) -> Human:
    """The option most similar to the photograph inside a box; the first, unless another is clearly better."""
    differences = _differences(picture[box], [view.draw(option).picture[box] for option in options])
    differences[1:] *= 1 + handicap
    return options[int(np.argmin(differences))]


def _differences(
    picture: UInt8[ndarray, "H W 3"], drawn: Sequence[UInt8[ndarray, "H W 3"]]
) -> Float[ndarray, "N"]:
    """How much each rendering differs from a photograph of the same size, in colours and features."""
    import cv2

    def smaller(lab: Float[ndarray, "H W 3"], by: int) -> Float[ndarray, "h w 3"]:
        height, width = (max(1, n // by) for n in lab.shape[:2])
        return cv2.resize(lab, (width, height), interpolation=cv2.INTER_AREA)

    seen = to_lab(picture)
    colours = [
        np.mean([np.abs(smaller(seen, by) - smaller(to_lab(d), by)).mean() for by in _SIZES]) for d in drawn
    ]
    return np.array(colours) / _PER_FEATURE_DISTANCE + _feature_distances(picture, drawn)


def _feature_distances(
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
        for features in _feature_network()(pictures):
            unit = F.normalize(features, dim=1)
            apart += (unit[1:] - unit[:1]).square().sum(1).mean((1, 2)).numpy()
    return apart


@cache
def _feature_network() -> Any:
    from fenshen.networks.efficientnet import EfficientNetLite0

    return EfficientNetLite0().eval()


def _agreement(frame: Frame, regions: Regions) -> Float[ndarray, "S S"]:
    """For each pixel, the probability that the photograph has the rendering's class there."""
    kinds = np.ones(frame.kinds.shape, dtype=np.int64)  # faces and all that is on them
    for i, kind in enumerate((Kind.BACKGROUND, Kind.SKIN, Kind.HAIR, Kind.CLOTH)):
        kinds[frame.kinds == kind] = i
    return np.take_along_axis(regions.shares, kinds[..., None], 2)[..., 0]


def _on_backdrop(picture: Picture, regions: Regions, frames: Sequence[Frame]) -> Picture:
    """The photograph with its background replaced by that of the renderings, averaged where several show it."""
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


def _box_around(view: View, landmarks: Sequence[int], margin: float) -> Box:
    """Rows and columns of a rendering around some landmarks, with a margin in sides of the picture."""
    points = view.points[list(landmarks)]
    low = np.floor((points.min(0) - margin) * SIDE).astype(int)
    high = np.ceil((points.max(0) + margin) * SIDE).astype(int)
    low, high = (np.clip(edge, 0, SIDE) for edge in (low, high))
    return slice(low[1], max(high[1], low[1] + 8)), slice(low[0], max(high[0], low[0] + 8))


def _changed(human: Human, part: str, **values: Any) -> Human:
    """The human with some values of one part replaced."""
    return human.model_copy(update={part: getattr(human, part).model_copy(update=values)})
