"""The photograph itself, moved: a fitted head carries it into other poses and expressions.

The surface of the head says where every point of the person goes. Between what it says, and beyond its edge where the
hair is, the movement is carried on smoothly, so that the photograph is bent and not torn; the person is laid over what
was behind, which stays. A point that the photograph hides comes from another photograph, or from the same point of the
face's other half, in the light of this one. What opens and closes (eyeballs, lids, the inside of the mouth) is drawn,
as bright as the photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import files
from fenshen.controls import INDEX
from fenshen.doubles.casting import colours, regions
from fenshen.doubles.photographs import layers, surface
from fenshen.doubles.photographs.surface import Fragments, Outline
from fenshen.faces.align import align, inside, pulled
from fenshen.humans.camera import Camera
from fenshen.humans.human import Human, parse
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, SKIN, TEETH, TONGUE
from fenshen.humans.render import Frame, render
from fenshen.landmarks import CHIN, JAW_ANGLE

SIZE = 128  # of what is made
SIDE = 2 * SIZE  # of the portraits that it is made of
MARGIN = SIDE // 4  # pixels around a portrait that may move into it
_TOLERANCE, _DOUBT = (
    0.003,
    0.004,
)  # metres behind what is seen from which on a point is perhaps, and surely, hidden
_HARDLY, _WELL = 0.05, 0.15  # cosines at which a surface turns so far away that its place is unsure, and sure
_BETTER = (
    0.2,
    0.5,
)  # by how much the other half of a face must be seen better to be used, in part and wholly
_INWARDS = 0.015  # sides that what is behind the outline is looked for inside it
_SHADE = 0.6  # of a tongue, over how the drawing has it: it lies far in, and no lamp reaches it


@dataclass(frozen=True, eq=False)
class Photograph:
    """A portrait and the surface that lies under it.

    Attributes:
        human: whose surface it is, without hair.
        controls, camera: as fitted.
        moved: offsets at rest that bring the surface onto the measured landmarks.
        person: the portrait less its part of what is behind, with its margin; sRGB to 255.
        share: of the person in each pixel.
        behind: what the person stands before.
        places: of every vertex, in sides of the portrait.
        depths: of every vertex, in metres before the camera.
        facing: see :func:`surface.facing`.
        shown: depth and part of the surface in each pixel, at twice the resolution.
        reach: of the head's outline, see :class:`surface.Outline`.
        gains: of the photograph over the drawing: on skin, and on the white of the eyes.
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

    def seen(self, points: Fragments) -> tuple[Float[ndarray, "N 2"], Float[ndarray, "N"]]:
        """Where the photograph has these points, and how squarely it shows them: a cosine, 0 where hidden."""
        places = points.mix(self.places)
        there = np.clip((places * len(self.shown)).astype(int), 0, len(self.shown) - 1)
        depth, part = np.moveaxis(self.shown[there[:, 1], there[:, 0]], -1, 0)
        hidden = (points.mix(self.depths) - depth - _TOLERANCE) / _DOUBT
        sight = np.clip(1 - hidden, 0, 1) * (part == points.part)
        return places, sight * np.clip(points.mix(self.facing), 0, 1)

    @property
    def portrait(self) -> Float[ndarray, "S S 3"]:
        """As photographed."""
        inner = slice(MARGIN, -MARGIN)
        return self.before(self.person[inner, inner], self.share[inner, inner])

    def before(
        self, person: Float[ndarray, "S S 3"], share: Float[ndarray, "S S"]
    ) -> Float[ndarray, "S S 3"]:
        """Somebody before what is behind."""
        return person + (1 - share[..., None]) * self.behind

    @property
    def pose(self) -> Float[ndarray, "2"]:
        """Yaw and pitch, in radians."""
        return self.controls[[INDEX["yaw"], INDEX["pitch"]]]

    def matched(self, first: Photograph) -> Photograph:
        """As bright as another photograph of the same person, and before the same."""
        factor = np.clip(first.gains[0] / self.gains[0], 0.5, 2).astype(np.float32)
        return replace(self, person=self.person * factor, gains=self.gains * factor, behind=first.behind)

    @property
    def outline(self) -> Outline:
        """Of the head."""
        return Outline(self.reach, *surface.stance(self.controls))

    def mirrored(self) -> Photograph:
        """With each half of the face where the other is."""
        other = surface.opposite()
        return replace(self, places=self.places[other], depths=self.depths[other], facing=self.facing[other])

    def shot(
        self, x: Float[ndarray, "T T"], y: Float[ndarray, "T T"]
    ) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"]]:
        """The person, and their share, at places of the portrait in sides."""
        import cv2

        u, v = ((SIDE * at - 0.5 + MARGIN).astype(np.float32) for at in (x, y))
        person, share = (
            cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for image in (self.person, self.share)
        )
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
    human, camera = parse(str(values.pop("human"))), Camera(*map(float, values.pop("camera")))
    return Photograph(human=human, camera=camera, **values)


def photograph(
    human: Human,
    controls: Float[ndarray, "58"],
    camera: Camera,
    points: Float[ndarray, "478 2"],
    picture: UInt8[ndarray, "H W 3"],
    matrix: Float[ndarray, "2 3"],
) -> Photograph:
    """Lay a fitted head under a photograph.

    Args:
        points: measured landmarks, in sides of the portrait.
        picture: the whole photograph.
        matrix: cuts a portrait of ``SIDE`` pixels out of it.
    """
    human = surface.bare(human)
    moved = surface.refined(human, controls, camera, points)
    wide, side = matrix + np.array([[0, 0, MARGIN], [0, 0, MARGIN]]), SIDE + 2 * MARGIN
    portrait = align(picture, wide, side)
    inner = slice(MARGIN, -MARGIN)
    human, gains = _as_bright(human, controls, camera, moved, portrait[inner, inner])
    frame = render(human, controls, camera, SIDE, mesh=True, moved=moved)
    seen = Fragments.of(frame)
    cut = layers.cut(portrait, _outline(seen), inside(wide, side, picture.shape), SIDE)
    moved = moved + surface.widened(frame, cut.share[inner, inner])
    frame = render(human, controls, camera, SIDE, mesh=True, moved=moved)
    seen, depths = Fragments.of(frame), surface.depths(frame)
    return Photograph(
        human=human,
        controls=controls,
        camera=camera,
        moved=moved,
        person=cut.person,
        share=cut.share,
        behind=cut.behind[inner, inner],
        places=frame.view.project(frame.vertices)[:, :2],
        depths=depths,
        facing=surface.facing(frame),
        shown=seen.spread(np.column_stack([seen.mix(depths), seen.part])),
        reach=Outline.of(seen, controls).radii,
        gains=gains,
    )


def _as_bright(
    human: Human,
    controls: Float[ndarray, "58"],
    camera: Camera,
    moved: Float[ndarray, "V 3"],
    portrait: UInt8[ndarray, "S S 3"],
) -> tuple[Human, Float[ndarray, "2 3"]]:
    """The person with the photograph's irises, and the gains on skin and on the white of the eyes."""
    frame = render(human, controls, camera, SIDE, moved=moved)
    at = frame.landmarks[:, :2]
    skin = at[list(regions.SKIN_PATCHES)]
    whites = np.array([at[list(pair)].mean(0) for pair in colours.WHITES])
    images = [image.astype(np.float32) for image in (portrait, frame.picture)]
    gains = []
    for places in (skin, whites):
        seen, drawn = (np.median(regions.patch_colours(image, places), axis=0) for image in images)
        gains.append(np.clip((seen + 2) / (drawn + 2), 0.1, 3))
    seen, drawn = (colours.iris_colour(image, at) for image in images)
    iris = colours.colour(human.eyes.iris * (seen + 2) / (drawn + 2) / gains[1])
    return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": iris})}), np.array(gains)


def _outline(seen: Fragments) -> Bool[ndarray, "W W"]:
    """Where the head is in a portrait with its margin."""
    head = _halved(seen.spread((seen.mix(surface.of_head()) > 0.5).astype(np.float32))) > 0.5
    return np.pad(head, MARGIN)


def move(
    photo: Photograph, controls: Float[ndarray, "58"], others: Sequence[Photograph] = ()
) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph with another pose and expression, and the drawing that it follows.

    Args:
        others: photographs of the same person, which lend what this one hides.
    """
    frame = render(photo.human, controls, photo.camera, SIZE, mesh=True, moved=photo.moved)
    points = Fragments.of(frame)
    places, sight = photo.seen(points)
    places, folded = _folded(photo, points, places)
    x, y = _way(photo, points, places, np.maximum(_ramp(sight, _HARDLY, _WELL), folded), frame)
    person, share = photo.shot(x, y)
    best = sight
    for lender in (*others, photo.mirrored()):
        person, share, best = _lent(lender, points, sight, best, person, share)
    person, share = _necked(photo, points, sight, person, share)
    picture = photo.before(person, share)
    opened = _ramp(points.mix(surface.opening()), 0.15, 0.5) * (1 - _ramp(sight, 0.03, 0.2))
    mended = _mended(photo, points, sight, points.spread(opened)[..., None], picture, frame)
    return _rounded(mended), frame


def still(photo: Photograph) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph as it is, and the drawing that lies under it."""
    frame = render(photo.human, photo.controls, photo.camera, SIZE, moved=photo.moved)
    return _rounded(_halved(photo.portrait)), frame


def _rounded(picture: Float[ndarray, "S S 3"]) -> UInt8[ndarray, "S S 3"]:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _folded(
    photo: Photograph, points: Fragments, places: Float[ndarray, "N 2"]
) -> tuple[Float[ndarray, "N 2"], Float[ndarray, "N"]]:
    """What faces away, above the jaw, lies behind the outline: it is shown like what lies before it.

    Returns:
        The places, a little further inside the outline, and which points this goes for.
    """
    away = _ramp(-points.mix(photo.facing), -0.1, 0) * (1 - _ramp(points.mix(surface.opening()), 0, 0.3))
    folded = away * (1 - _below(photo, points, places))
    inwards = photo.outline.centre - places
    inwards *= _INWARDS / np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), 1e-6)
    return places + (folded * surface.solid(points))[:, None] * inwards, folded


def _below(photo: Photograph, points: Fragments, places: Float[ndarray, "N 2"]) -> Float[ndarray, "N"]:
    """How much points belong to the lower edge of the jaw, or to what is below it."""
    degrees, _ = photo.outline.polar(places)
    return np.where(
        surface.solid(points),
        1 - _ramp(surface.from_below(degrees), 50, 70),
        points.mix(surface.of_head()) < 0.5,
    )


def _way(
    photo: Photograph,
    points: Fragments,
    places: Float[ndarray, "N 2"],
    known: Float[ndarray, "N"],
    frame: Frame,
) -> tuple[Float[ndarray, "T T"], Float[ndarray, "T T"]]:
    """Where every pixel comes from, in sides of the portrait.

    Beside the head, what is above the jaw goes with its outline, and what is below the chin with the shoulders.
    """
    head = points.mix(surface.of_head()) > 0.5
    way = points.spread(np.column_stack([places - points.places, np.zeros(len(places))]))
    solid = surface.solid(points)
    with_head, with_body = (pulled(way, points.spread(known * of))[..., :2] for of in (solid, ~head))
    rows, columns = (np.mgrid[: points.side, : points.side] + 0.5) / points.side
    there = np.stack([columns, rows], axis=-1)
    beside = Outline.of(points, frame.controls).beside(photo.outline, there) - there
    with_head = np.where(points.spread(solid)[..., None] > 0, with_head, beside)
    jaw, chin = frame.landmarks[list(JAW_ANGLE), 1].min(), frame.landmarks[CHIN, 1]
    below = _ramp(rows, jaw, chin)
    below[points.rows, points.columns] = ~head
    x, y = np.moveaxis(with_head + below[..., None] * (with_body - with_head), -1, 0)
    return columns + x, rows + y


def _lent(
    lender: Photograph,
    points: Fragments,
    sight: Float[ndarray, "N"],
    best: Float[ndarray, "N"],
    person: Float[ndarray, "T T 3"],
    share: Float[ndarray, "T T"],
) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"], Float[ndarray, "N"]]:
    """Skin that another photograph shows better, as bright as around it.

    Args:
        sight: of the photograph that is moved.
        best: of all so far.
    """
    import cv2

    places, otherwise = lender.seen(points)
    better = _ramp(otherwise - best, *_BETTER) * (1 - _ramp(points.mix(surface.opening()), 0, 0.3))
    better = better * ~surface.ears(points)
    if not better.any():
        return person, share, best
    other, _ = lender.shot(*np.moveaxis(points.spread(places), -1, 0))
    both = points.spread((np.minimum(sight, otherwise) > 0.4).astype(np.float32))
    light = (cv2.blur(person, (9, 9)) + 4) / (cv2.blur(other, (9, 9)) + 4)
    light = cv2.blur(pulled(light, both), (9, 9))
    taken = points.spread(better)
    person = person + taken[..., None] * (other * light - person)
    return person, share + taken * (1 - share), best + better * (otherwise - best)


def _necked(
    photo: Photograph,
    points: Fragments,
    sight: Float[ndarray, "N"],
    person: Float[ndarray, "T T 3"],
    share: Float[ndarray, "T T"],
) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"]]:
    """The neck and the lower edge of the jaw, where they are hidden, in the colours around them."""
    below = _below(photo, points, points.mix(photo.places))
    turned = points.mix(photo.facing)
    behind = _ramp(turned - sight, _HARDLY, _WELL) * _ramp(turned, _WELL, 2 * _WELL)
    away = surface.solid(points) * (1 - _ramp(sight, 0, _HARDLY))
    hidden = points.spread(below * np.maximum(behind, away) * (points.part == SKIN))
    colours = pulled(person, points.spread(((below > 0) & (sight > _WELL)).astype(np.float32)))
    return person + hidden[..., None] * (colours - person), share + hidden * (1 - share)


def _mended(
    photo: Photograph,
    points: Fragments,
    sight: Float[ndarray, "N"],
    opened: Float[ndarray, "T T 1"],
    picture: Float[ndarray, "T T 3"],
    frame: Frame,
) -> Float[ndarray, "S S 3"]:
    """The picture at half its size, with what has ``opened`` from the drawing."""
    import cv2

    skin = points.part == SKIN
    small, drawn = _halved(picture), frame.picture.astype(np.float32)
    sure = _halved(points.spread(skin * (sight > 0.3)) * (1 - opened[..., 0])) ** 2
    around = pulled(cv2.blur((small + 4) / (drawn + 4), (3, 3)), sure)
    gains = {
        SKIN: around,
        EYE_LEFT: photo.gains[1],
        EYE_RIGHT: photo.gains[1],
        TEETH: photo.gains[0],
        TONGUE: _SHADE * photo.gains[0],
    }
    kinds = _halved(points.spread(np.column_stack([points.part == part for part in gains])))
    shares = kinds / np.maximum(kinds.sum(2, keepdims=True), 1e-6)
    gain = sum(shares[..., k, None] * gains[part] for k, part in enumerate(gains))
    return _halved(picture * (1 - opened)) + _halved(opened[..., 0])[..., None] * drawn * gain


def _ramp(values: Any, low: float, high: float) -> Any:
    """From 0 at ``low`` to 1 at ``high``."""
    return np.clip((values - low) / (high - low), 0, 1)


def _halved(picture: Any) -> Any:
    import cv2

    return cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA)
