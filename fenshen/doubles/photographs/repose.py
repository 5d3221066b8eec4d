"""A photograph in another pose and expression: a fitted head carries its pixels there.

The surface of the head says where each point of the person goes. Between the points that it knows, and beyond its edge
where the hair is, the movement is continued smoothly, so the photograph is bent and not torn; the person is laid over
the background, which stays. A point that the photograph hides comes from another photograph, or from the same point of
the face's other half, relit to match. What opens and closes (eyeballs, lids, the inside of the mouth) is rendered, in
the photograph's exposure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.photographs import surface
from fenshen.doubles.photographs.photograph import Photograph, halved
from fenshen.doubles.photographs.surface import Fragments, Outline
from fenshen.faces.align import fill_unknown
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, SKIN, TEETH, TONGUE
from fenshen.humans.render import Frame, render
from fenshen.landmarks import CHIN, JAW_ANGLE

_GRAZING, _SQUARE = 0.05, 0.15  # visibility up to which a place is unreliable, and from which it is certain
_LENT_FROM, _LENT_WHOLLY = 0.2, 0.5  # by how much better another photograph must show skin to lend it
_GRADUAL = 0.03  # window over which movement changes outside of the face, in sides
_COARSER = 4
_WHOLLY = 0.95  # share of a pixel from which its colour is the person's own
# Widths of what is photographed over what is drawn, up to which it is made smooth, and from which it is sharp.
_STRETCHED = (0.25, 0.5)
_HAIRLINE = (-0.01, 0.005)  # metres above it, up to and from which there is skin or hair
_JAW = 100  # degrees to both sides from below
_SIDES_EDGE = 0.01  # over which one becomes the other, in sides
_INWARDS = 0.015  # what lies behind the outline is taken from this far inside it, in sides
_LIGHT, _NEAR_LIGHT = 0.031, 0.02  # windows over which light is compared, in sides
_UNFOLDED = (
    0.1,
    0.35,
)  # by how much squarer skin of lids and lips is now seen, from which and by which it is drawn
_SOFT = 0.0015  # of the edges of what is drawn, in sides


def repose(
    photo: Photograph, controls: Float[ndarray, "58"], others: Sequence[Photograph] = ()
) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph in another pose and expression, and the rendering that it follows.

    Args:
        others: photographs of the same person, to show what this one hides.
    """
    frame = render(photo.human, controls, photo.camera, photo.size, mesh=True, moved=photo.moved)
    points = Fragments.of(frame)
    places, visibility = photo.locate(points)
    places, tucked = _tucked_in(photo, points, places)
    known = np.maximum(_ramp(visibility, _GRAZING, _SQUARE), tucked)
    x, y = _source_places(photo, points, places, known, frame)
    person, share = photo.person_at(x, y)
    best = visibility
    for lender in (*others, photo.mirrored()):
        person, share, best = _with_lent_skin(lender, points, visibility, best, person, share)
    person, share = _with_smooth_sides(points, best, person, share, frame)
    person, share = _with_filled_neck(photo, points, visibility, person, share)
    picture = photo.over_background(person, share)
    return _as_uint8(_with_drawn_openings(photo, points, visibility, picture, frame)), frame


def unmoved(photo: Photograph) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph as it is, and the rendering of the surface under it."""
    frame = render(photo.human, photo.controls, photo.camera, photo.size, moved=photo.moved)
    return _as_uint8(halved(photo.portrait)), frame


def _as_uint8(picture: Float[ndarray, "S S 3"]) -> UInt8[ndarray, "S S 3"]:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _tucked_in(
    photo: Photograph, points: Fragments, places: Float[ndarray, "N 2"]
) -> tuple[Float[ndarray, "N 2"], Float[ndarray, "N"]]:
    """Above the jaw, what faces away lies behind the head's outline; it gets the colours just inside the outline.

    Returns:
        The places, where needed moved inside the outline, and how much each point faces away, 0 to 1.
    """
    away = _ramp(-points.mix(photo.facing), -0.1, 0) * (1 - _ramp(points.openable, 0, 0.3))
    tucked = away * (1 - _below_jaw(photo, points, places))
    inwards = photo.outline.centre - places
    inwards *= _INWARDS / np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), 1e-6)
    return places + (tucked * points.on_head)[:, None] * inwards, tucked


def _below_jaw(photo: Photograph, points: Fragments, places: Float[ndarray, "N 2"]) -> Float[ndarray, "N"]:
    """How much each point belongs to the lower edge of the jaw, or to what is below it, 0 to 1."""
    degrees, _ = photo.outline.to_polar(places)
    return np.where(
        points.on_head,
        1 - _ramp(surface.degrees_from_below(degrees), 50, 70),
        ~points.with_head,
    )


def _source_places(
    photo: Photograph,
    points: Fragments,
    places: Float[ndarray, "N 2"],
    known: Float[ndarray, "N"],
    frame: Frame,
) -> tuple[Float[ndarray, "T T"], Float[ndarray, "T T"]]:
    """Where each pixel comes from, in sides of the portrait.

    Beside the head, what is above the jaw moves with the head's outline, and what is below the chin with the shoulders.

    Args:
        places: of the surface's points in the portrait.
        known: how reliable each of them is, 0 to 1.
    """
    import cv2

    head = points.with_head
    movement = points.spread(np.column_stack([places - points.places, np.zeros(len(places))]))
    solid = points.on_head
    with_head = fill_unknown(movement, points.spread(known * solid))[..., :2]
    with_body = fill_unknown(movement, points.spread(known * ~head))[..., :2]
    rows, columns = _middles(points.side)
    beside = _beside(Outline.of(points, frame.controls), photo.outline, points.side)
    with_head = np.where(points.spread(solid)[..., None] > 0, with_head, beside)
    jaw, chin = frame.landmarks[list(JAW_ANGLE), 1].min(), frame.landmarks[CHIN, 1]
    below = _ramp(rows, jaw, chin)
    below[points.rows, points.columns] = ~head
    moved = with_head + below[..., None] * (with_body - with_head)
    # Head, neck, hair and shoulders do not quite agree where they meet: nothing tears if the change is spread a little.
    sure = cv2.blur(points.spread(known * solid), _window(_GRADUAL, points.side))[..., None]
    x, y = np.moveaxis(sure * moved + (1 - sure) * cv2.blur(moved, _window(_GRADUAL, points.side)), -1, 0)
    return columns + x, rows + y


def _beside(outline: Outline, photographed: Outline, side: int) -> Float[ndarray, "T T 2"]:
    """How what is beside a head moves with its outline, in sides."""
    import cv2

    rows, columns = _middles(side // _COARSER)  # it changes slowly from place to place
    there = np.stack([columns, rows], axis=-1)
    return cv2.resize(outline.matching_places(photographed, there) - there, (side, side))


def _middles(side: int) -> tuple[Float[ndarray, "side side"], Float[ndarray, "side side"]]:
    """Row and column of every pixel, in sides."""
    rows, columns = (np.mgrid[:side, :side].astype(np.float32) + 0.5) / side
    return rows, columns


def _with_lent_skin(
    lender: Photograph,
    points: Fragments,
    visibility: Float[ndarray, "N"],
    best: Float[ndarray, "N"],
    person: Float[ndarray, "T T 3"],
    share: Float[ndarray, "T T"],
) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"], Float[ndarray, "N"]]:
    """Skin that another photograph shows better, relit to match its surroundings.

    Args:
        visibility: in the photograph that is moved.
        best: the best visibility so far.

    Returns:
        The person, their share of each pixel, and the best visibility now.
    """
    import cv2

    places, lender_visibility = lender.locate(points)
    better = _ramp(lender_visibility - best, _LENT_FROM, _LENT_WHOLLY) * (1 - _ramp(points.openable, 0, 0.3))
    better = better * ~points.on_ears
    if not better.any():
        return person, share, best
    other, _ = lender.person_at(*np.moveaxis(points.spread(places), -1, 0))
    both = points.spread((np.minimum(visibility, lender_visibility) > 0.4).astype(np.float32))
    window = _window(_LIGHT, points.side)
    light = (cv2.blur(person, window) + 4) / (cv2.blur(other, window) + 4)
    light = cv2.blur(fill_unknown(light, both), window)
    lent = points.spread(better)
    person = person + lent[..., None] * (other * light - person)
    return person, share + lent * (1 - share), best + better * (lender_visibility - best)


def _with_smooth_sides(
    points: Fragments,
    best: Float[ndarray, "N"],
    person: Float[ndarray, "T T 3"],
    share: Float[ndarray, "T T"],
    frame: Frame,
) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"]]:
    """Sides of the face that no photograph shows squarely, in the colours around them: stretched, they are stripes.

    Hair looks better stretched.

    Args:
        best: how well the photographs show each point.
    """
    import cv2

    now = points.mix(surface.vertex_facing(frame))
    width = best / np.maximum(now, _SQUARE)  # of what is photographed, over that of what is drawn now
    sides = points.on_head * (now > _SQUARE) * (1 - _ramp(points.openable, 0, 0.3))
    skin = 1 - _ramp(points.above_hairline, *_HAIRLINE)
    stretched = sides * skin * (1 - _ramp(width, *_STRETCHED)) * ~points.on_ears
    sure = points.spread((points.on_head * _ramp(width, *_STRETCHED)).astype(np.float32))
    colours = fill_unknown(person, sure * (share > _WHOLLY))
    window = _window(_SIDES_EDGE, points.side)
    smooth = cv2.blur(points.spread(stretched.astype(np.float32)), window)
    # A jaw that turns comes to where the photograph shows what is behind it.
    degrees, _ = Outline.of(points, frame.controls).to_polar(points.places)
    jaw = points.on_head & (surface.degrees_from_below(degrees) < _JAW)
    inside = cv2.erode(points.spread(jaw.astype(np.float32)), np.ones(window, np.uint8))
    smooth = np.maximum(smooth, inside * (1 - share))
    return person + smooth[..., None] * (colours - person), share + smooth * (1 - share)


def _with_filled_neck(
    photo: Photograph,
    points: Fragments,
    visibility: Float[ndarray, "N"],
    person: Float[ndarray, "T T 3"],
    share: Float[ndarray, "T T"],
) -> tuple[Float[ndarray, "T T 3"], Float[ndarray, "T T"]]:
    """The hidden parts of the neck and of the jaw's lower edge, filled with the colours around them."""
    below = _below_jaw(photo, points, points.mix(photo.places))
    turned = points.mix(photo.facing)
    behind = _ramp(turned - visibility, _GRAZING, _SQUARE) * _ramp(turned, _SQUARE, 2 * _SQUARE)
    away = points.on_head * (1 - _ramp(visibility, 0, _GRAZING))
    # The real neck may be narrower than the mesh's: where there is background, it stays.
    hidden = share * points.spread(below * np.maximum(behind, away) * (points.part == SKIN))
    shown = points.spread(((below > 0) & (visibility > _SQUARE)).astype(np.float32))
    colours = fill_unknown(person, shown * (share > _WHOLLY))
    return person + hidden[..., None] * (colours - person), share + hidden * (1 - share)


def _with_drawn_openings(
    photo: Photograph,
    points: Fragments,
    visibility: Float[ndarray, "N"],
    picture: Float[ndarray, "T T 3"],
    frame: Frame,
) -> Float[ndarray, "S S 3"]:
    """The picture at half its size, in which what has opened (lids, mouth) is taken from the rendering."""
    import cv2

    unfolded = _ramp(points.mix(surface.vertex_facing(frame)) - visibility, *_UNFOLDED)
    hidden = np.maximum(1 - _ramp(visibility, 0.03, 0.2), unfolded)
    shows_openings = _ramp(points.openable, 0.15, 0.5) * hidden
    edge = _SOFT * points.side
    opened = _ramp(cv2.GaussianBlur(points.spread(shows_openings), (0, 0), edge), 0.1, 0.8)[..., None]
    skin = points.part == SKIN
    small, drawn = halved(picture), frame.picture.astype(np.float32)
    sure = halved(points.spread(skin * (visibility > 0.3)) * (1 - opened[..., 0])) ** 2
    around = fill_unknown(cv2.blur((small + 4) / (drawn + 4), _window(_NEAR_LIGHT, len(small))), sure)
    gains = {
        SKIN: around,
        EYE_LEFT: photo.gains[1],
        EYE_RIGHT: photo.gains[1],
        TEETH: photo.gains[0],
        TONGUE: photo.gains[0],
    }
    kinds = halved(points.spread(np.column_stack([points.part == part for part in gains])))
    shares = kinds / np.maximum(kinds.sum(2, keepdims=True), 1e-6)
    gain = sum(shares[..., k, None] * gains[part] for k, part in enumerate(gains))
    return halved(picture * (1 - opened)) + halved(opened[..., 0])[..., None] * drawn * gain


def _window(share: float, side: int) -> tuple[int, int]:
    """A square with an odd number of pixels in the middle of the picture: that share of its side."""
    pixels = 2 * round(share * side / 2) + 1
    return pixels, pixels


def _ramp(values: Any, low: float, high: float) -> Any:
    """From 0 at ``low`` to 1 at ``high``."""
    return np.clip((values - low) / (high - low), 0, 1)
