"""Cutting a person out of a picture: the opacity of each pixel, and its colour without the background.

MediaPipe's selfie segmentation says where the person is, a few pixels roughly. Near its edge everything is worked out
again from the picture: the colours of what is surely the person and surely the ground are spread over the edge, and a
pixel is as opaque as it lies between the two. Where they are alike, or it lies between neither, a guided filter decides
(He, Sun, Tang 2013), which lets the rough edge follow the picture's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray

from fenshen.networks.selfie import SIDE, Selfie

_LOW, _HIGH = 0.2, 0.8  # what the network is less or more sure of is sure
_EDGE = 3  # pixels around what is unsure that are worked out again
_NEAR = (3, 8, 24)  # pixels of half the side, over which sure colours are spread, near ones first
_ENOUGH = 1 / 8  # of the pixels near by have to be sure
# Distances of colours, of 1: so far apart they tell, so far off the line between them they do not.
_APART, _BETWEEN = 0.15, 0.03
_RADIUS, _SMOOTH = 6, 1e-4  # of the guided filter, in pixels of half the side
_OWN = (0.3, 0.95)  # opacity at which a pixel begins to keep its own colour, and at which it has it
# How much of the frame before stays where nothing moves, and what difference is no movement yet.
_CALM, _STILL = 0.6, 0.02

Plane = Float32[ndarray, "H W"]
Colours = Float32[ndarray, "H W 3"]


class Matte:
    """Cuts the person out of picture after picture.

    Args:
        device: where the network computes.
        film: whether pictures follow one another; edges then stay calm where nothing moves.
    """

    def __init__(self, device: torch.device | str = "cpu", *, film: bool = False) -> None:
        self._network = Selfie.load().to(device)
        self._device, self._film = device, film
        self._before: tuple[Colours, Plane] | None = None

    def cut(self, picture: UInt8[ndarray, "S S 3"]) -> UInt8[ndarray, "S S 4"]:
        """The person in RGBA; transparent pixels have the colour of nearby opaque ones, not of the background."""
        exact = picture.astype(np.float32) / 255
        small = _resized(exact, SIDE)
        rough = self._calmed(small, self._rough(small))
        person, ground = _sure(rough), _sure(1 - rough)
        half = _resized(small, SIDE // 2)
        planes = (_spread(half, person), _spread(half, ground), _guided(half, _resized(rough, SIDE // 2)))
        size = len(picture)
        opacity, colours = _matted(
            exact,
            *(_resized(plane, size) for plane in planes),
            *(_resized(sure, size) for sure in (person, ground)),
        )
        return np.rint(255 * np.dstack([colours, opacity])).astype(np.uint8)

    @torch.inference_mode()
    def _rough(self, small: Colours) -> Plane:
        seen = torch.from_numpy(small).to(self._device)[None].permute(0, 3, 1, 2)
        found = self._network(seen.contiguous(memory_format=torch.channels_last))[0, 0].cpu().numpy()
        return np.clip((found - _LOW) / (_HIGH - _LOW), 0, 1)

    def _calmed(self, small: Colours, rough: Plane) -> Plane:
        if not self._film:
            return rough
        if self._before is not None:
            seen, was = self._before
            moved = _mean(np.abs(small - seen).mean(2), 4)
            rough = rough + _CALM * np.exp(-((moved / _STILL) ** 2)) * (was - rough)
        self._before = small, rough
        return rough


def _matted(
    picture: Colours,
    person: Colours,
    ground: Colours,
    guide: Float32[ndarray, "H W 4"],
    inside: Plane,
    outside: Plane,
) -> tuple[Plane, Colours]:
    """Opacity and colours of a picture.

    Args:
        person, ground: the colours of each, spread over the picture.
        guide: opacity as a function of colour near by: three slopes and an offset.
        inside, outside: 1 where surely the person is, or is not.
    """
    import cv2

    edge = (inside < 0.5) & (outside < 0.5)
    seen, ours, theirs, rule = (planes[edge] for planes in (picture, person, ground, guide))  # (N, 3 or 4)
    apart = ours - theirs
    far = (apart**2).sum(1)
    along = np.clip(((seen - theirs) * apart).sum(1) / (far + 1e-4), 0, 1)
    off = ((seen - theirs - along[:, None] * apart) ** 2).sum(1)
    told = far / (far + _APART**2) * _BETWEEN**2 / (off + _BETWEEN**2)
    filtered = np.clip((rule[:, :3] * seen).sum(1) + rule[:, 3], 0, 1)
    opacity = (inside >= 0.5).astype(np.float32)
    opacity[edge] = filtered + told * (along - filtered)
    opacity = np.clip((cv2.GaussianBlur(opacity, (3, 3), 0.6) - 0.04) / 0.92, 0, 1)
    # What shines through is taken off; of what is mostly ground nothing would be left but noise.
    own = opacity[edge, None]
    alone = (seen - (1 - own) * theirs) / np.maximum(own, 0.1)
    kept = np.clip((own - _OWN[0]) / (_OWN[1] - _OWN[0]), 0, 1)
    colours = np.where((inside >= 0.5)[..., None], picture, person)
    colours[edge] = np.clip(ours + kept * (alone - ours), 0, 1)
    return opacity, colours


def _sure(rough: Plane) -> Plane:
    """1 where the opacity is certain, a few pixels away from where it is not."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _EDGE + 1, 2 * _EDGE + 1))
    return cv2.erode((rough > 0.9).astype(np.float32), disc, borderType=cv2.BORDER_REPLICATE)


def _spread(picture: Colours, sure: Plane) -> Colours:
    """The mean colour of certain pixels nearby, or farther away where there are too few."""
    sure = _resized(sure, len(picture))
    weighed = np.dstack([picture * sure[..., None], sure])
    spread, lacking = np.zeros_like(picture), np.ones_like(sure)
    for radius in _NEAR:
        near = _mean(weighed, radius)
        share = lacking * np.minimum(near[..., 3] / _ENOUGH, 1)
        spread += (share / (near[..., 3] + 1e-6))[..., None] * near[..., :3]
        lacking -= share
    everywhere = weighed.mean((0, 1))
    return spread + lacking[..., None] * everywhere[:3] / (everywhere[3] + 1e-6)


def _guided(guide: Colours, rough: Plane) -> Float32[ndarray, "H W 4"]:
    """The rough opacity as a function of colour near each pixel."""
    mean, level = _mean(guide, _RADIUS), _mean(rough, _RADIUS)
    shared = _mean(guide * rough[..., None], _RADIUS) - mean * level[..., None]
    products = np.stack([_mean(guide * guide[..., i, None], _RADIUS) for i in range(3)], axis=-1)
    spread = products - mean[..., None] * mean[..., None, :] + _SMOOTH * np.eye(3, dtype=np.float32)
    slopes = np.linalg.solve(spread, shared[..., None])[..., 0]
    offset = level - (slopes * mean).sum(2)
    return _mean(np.dstack([slopes, offset]), _RADIUS)


def _mean(planes: Any, radius: int) -> Any:
    """Over a square around each pixel."""
    import cv2

    return cv2.blur(planes, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)


def _resized(planes: Any, side: int) -> Any:
    import cv2

    if len(planes) == side:
        return planes
    area = len(planes) > side
    return cv2.resize(planes, (side, side), interpolation=cv2.INTER_AREA if area else cv2.INTER_LINEAR)
