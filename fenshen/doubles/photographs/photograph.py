"""A photograph with the surface of a fitted head under it, cut into person and background; on disk as ``.npz``."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import files, portraits
from fenshen.controls import INDEX
from fenshen.doubles.casting import colours, regions
from fenshen.doubles.photographs import layers, surface
from fenshen.doubles.photographs.surface import Fragments, Outline
from fenshen.faces.align import align, inside
from fenshen.humans.camera import Camera
from fenshen.humans.human import Human, parse
from fenshen.humans.render import render

_MARGIN = 0.25  # sides around a portrait that may move into it
_COLOURS_SIDE = 256  # pixels of the portraits in which colours are compared
# Metres behind what the photograph shows: up to the first a point is visible, and it is hidden from their sum on.
_TOLERANCE, _FADE = 0.003, 0.004


@dataclass(frozen=True, eq=False)
class Photograph:
    """A portrait and the surface under it. The names of the attributes are those in the file.

    The portrait has twice the side of the pictures that are made of it, and around it a margin that may move into it.

    Attributes:
        human: the fitted human, without hair.
        controls, camera: as fitted.
        moved: offsets of the vertices at rest that bring the surface onto the measured landmarks.
        person: the portrait with its margin, times ``share``; sRGB up to 255.
        share: how much of each pixel is the person, 0 to 1.
        behind: the background.
        places: where the portrait shows each vertex, in sides of the portrait.
        depths: distance of each vertex from the camera, in metres.
        facing: see :func:`surface.vertex_facing`.
        shown: depth and part of the surface in each pixel, at twice the resolution.
        reach: radii of the head's outline, see :class:`surface.Outline`.
        gains: brightness of the photograph over the rendering, on skin and on the whites of the eyes.
    """

    human: Human
    controls: Float[ndarray, "58"]
    camera: Camera
    moved: Float[ndarray, "V 3"]
    person: Float[ndarray, "W W 3"]
    share: Float[ndarray, "W W"]
    behind: Float[ndarray, "S S 3"]
    places: Float[ndarray, "V 2"]
    depths: Float[ndarray, "V"]
    facing: Float[ndarray, "V"]
    shown: Float[ndarray, "T T 2"]
    reach: Float[ndarray, "360"]
    gains: Float[ndarray, "2 3"]

    def locate(self, points: Fragments) -> tuple[Float[ndarray, "N 2"], Float[ndarray, "N"]]:
        """Where the portrait has some points of the surface, and how well it shows them.

        Returns:
            Places in sides, and the visibility of each: the cosine of the viewing angle, 0 if the point is hidden.
        """
        places = points.mix(self.places)
        there = np.clip((places * len(self.shown)).astype(int), 0, len(self.shown) - 1)
        depth, part = np.moveaxis(self.shown[there[:, 1], there[:, 0]], -1, 0)
        hidden = (points.mix(self.depths) - depth - _TOLERANCE) / _FADE
        visible = np.clip(1 - hidden, 0, 1) * (part == points.part)
        return places, visible * np.clip(points.mix(self.facing), 0, 1)

    @property
    def size(self) -> int:
        """Side of the pictures that are made, in pixels."""
        return self.side // 2

    @property
    def side(self) -> int:
        """Side of the portrait without its margin, in pixels."""
        return len(self.behind)

    @property
    def portrait(self) -> Float[ndarray, "S S 3"]:
        """The portrait as photographed, without its margin."""
        return self.over_background(self.person[_inner(self.side)], self.portrait_share)

    @property
    def portrait_share(self) -> Float[ndarray, "S S"]:
        """``share`` without its margin."""
        return self.share[_inner(self.side)]

    def over_background(
        self, person: Float[ndarray, "S S 3"], share: Float[ndarray, "S S"]
    ) -> Float[ndarray, "S S 3"]:
        """The portrait with another person, given like ``person`` and ``share``."""
        return person + (1 - share[..., None]) * self.behind

    @property
    def pose(self) -> Float[ndarray, "2"]:
        """Yaw and pitch, in radians."""
        return self.controls[[INDEX["yaw"], INDEX["pitch"]]]

    def matched_to(self, first: Photograph) -> Photograph:
        """This photograph in the exposure and before the background of another one of the same person."""
        factor = np.clip(first.gains[0] / self.gains[0], 0.5, 2).astype(np.float32)
        return replace(self, person=self.person * factor, gains=self.gains * factor, behind=first.behind)

    @property
    def outline(self) -> Outline:
        """The head's outline."""
        return Outline(self.reach, *surface.head_placement(self.controls))

    def mirrored(self) -> Photograph:
        """The photograph with the two halves of the head exchanged: each shows the other."""
        other = surface.mirror_vertices()
        return replace(self, places=self.places[other], depths=self.depths[other], facing=self.facing[other])

    def person_at(
        self, x: Float[ndarray, "T T"], y: Float[ndarray, "T T"]
    ) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"]]:
        """``person`` and ``share``, sampled at places of the portrait in sides."""
        import cv2

        u, v = ((self.side * (at + _MARGIN) - 0.5).astype(np.float32) for at in (x, y))
        person = cv2.remap(self.person, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.remap(self.share, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return person, share


def save(photo: Photograph, path: Path) -> None:
    """Write a photograph.

    Raises:
        FenshenError: it cannot be written.
    """
    values = {field.name: getattr(photo, field.name) for field in fields(Photograph)}
    values["human"] = photo.human.model_dump_json()
    values["camera"] = np.array(astuple(photo.camera))
    with files.writing(path) as part:
        np.savez(part, **values)


def load(path: Path) -> Photograph:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        values = dict(archive)
    human = parse(str(values.pop("human")))
    camera = Camera(*map(float, values.pop("camera")))
    return Photograph(human=human, camera=camera, **values)


def fit_photograph(
    human: Human,
    controls: Float[ndarray, "58"],
    camera: Camera,
    points: Float[ndarray, "478 2"],
    picture: UInt8[ndarray, "H W 3"],
    matrix: Float[ndarray, "2 3"],
    size: int = 128,
) -> Photograph:
    """Lay the surface of a fitted head under a photograph.

    Args:
        human, controls, camera: as :func:`fenshen.doubles.casting.cast.cast` fitted them.
        points: measured landmarks, in sides of the portrait.
        picture: the whole photograph.
        size: side of the pictures that will be made, in pixels.
        matrix: from the photograph's pixels to those of a portrait with twice that side.
    """
    side, margin = 2 * size, round(2 * size * _MARGIN)
    human = surface.without_hair(human)
    moved = surface.landmark_offsets(human, controls, camera, points)
    wide = matrix + np.array([[0, 0, margin], [0, 0, margin]])
    portrait = align(picture, wide, side + 2 * margin)
    inner = _inner(side)
    human, gains = _with_photo_colours(human, controls, camera, moved, portrait[inner])
    frame = render(human, controls, camera, side, mesh=True, moved=moved)
    seen = Fragments.of(frame)
    cut = layers.split(portrait, _head_mask(seen), inside(wide, len(portrait), picture.shape), side)
    moved = moved + surface.outline_offsets(frame, cut.share[inner])
    frame = render(human, controls, camera, side, mesh=True, moved=moved)
    seen, depths = Fragments.of(frame), surface.vertex_depths(frame)
    return Photograph(
        human=human,
        controls=controls,
        camera=camera,
        moved=moved,
        person=cut.person,
        share=cut.share,
        behind=cut.behind[inner],
        places=frame.view.project(frame.vertices)[:, :2],
        depths=depths,
        facing=surface.vertex_facing(frame),
        shown=seen.spread(np.column_stack([seen.mix(depths), seen.part])),
        reach=Outline.of(seen, controls).radii,
        gains=gains,
    )


def _with_photo_colours(
    human: Human,
    controls: Float[ndarray, "58"],
    camera: Camera,
    moved: Float[ndarray, "V 3"],
    portrait: UInt8[ndarray, "S S 3"],
) -> tuple[Human, Float[ndarray, "2 3"]]:
    """The human with the photograph's irises, and the gains on skin and on the whites of the eyes."""
    portrait = portraits.resize(portrait, _COLOURS_SIDE)
    frame = render(human, controls, camera, _COLOURS_SIDE, moved=moved)
    points = frame.landmarks[:, :2]
    skin = points[list(regions.SKIN_PATCHES)]
    whites = np.array([points[list(pair)].mean(0) for pair in colours.WHITES])
    images = [image.astype(np.float32) for image in (portrait, frame.picture)]
    gains = []
    for places in (skin, whites):
        seen, drawn = (np.median(regions.patch_colours(image, places), axis=0) for image in images)
        gains.append(np.clip((seen + 2) / (drawn + 2), 0.1, 3))
    seen, drawn = (colours.iris_colour(image, points) for image in images)
    iris = colours.colour(human.eyes.iris * (seen + 2) / (drawn + 2) / gains[1])
    return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": iris})}), np.array(gains)


def _head_mask(seen: Fragments) -> Bool[ndarray, "W W"]:
    """Which pixels of a portrait with its margin show the head."""
    head = halved(seen.spread(seen.with_head.astype(np.float32))) > 0.5
    return np.pad(head, round(len(head) * _MARGIN))


def _inner(side: int) -> tuple[slice, slice]:
    """The portrait in its margin."""
    margin = round(side * _MARGIN)
    return slice(margin, -margin), slice(margin, -margin)


def halved(picture: Any) -> Any:
    """A picture at half its resolution."""
    import cv2

    return cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA)
