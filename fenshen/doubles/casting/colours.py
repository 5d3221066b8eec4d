"""Colours from the pixels: skin and light first, then everything else.

A photograph shows colour times light times exposure. Skin tone, light and exposure are fitted together: the fitted head
is rendered and compared with the photograph at patches of bare skin and the whites of the eyes. The prior on the light
keeps it usual; whatever brightness it does not explain is exposure. All other colours are then multiplied by the ratio
of photograph to rendering, and this is repeated a few times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.doubles.casting.regions import SKIN_PATCHES, Regions, patch_colours, to_lab
from fenshen.doubles.casting.shape import bounded_step
from fenshen.humans.camera import Camera
from fenshen.humans.human import Background, Colour, Human
from fenshen.humans.looks import bare_lip_colour, skin_colour
from fenshen.humans.render import Frame, Kind, render
from fenshen.landmarks import (
    BROW_LOWER,
    BROW_UPPER,
    CHIN,
    EYE_INNER,
    EYE_OUTER,
    IRIS,
    IRIS_INNER,
    IRIS_OUTER,
    LOWER_LIP_INSIDE,
    LOWER_LIP_OUTSIDE,
    UPPER_LIP_INSIDE,
    UPPER_LIP_OUTSIDE,
)

SIDE = 128  # pixels of the renderings that are compared
# Unknowns of the light: expected value and spread as the sampler draws them, least and most.
_UNKNOWNS = {
    "tone": (0.5, 0.35, 0.0, 1.0),
    "undertone": (0.0, 0.4, -1.0, 1.0),
    "azimuth": (0.0, 0.6, -1.2, 1.2),
    "elevation": (0.55, 0.18, 0.1, 1.0),
    "warmth": (0.0, 0.5, -1.0, 1.0),
    "strength": (0.95, 0.1, 0.6, 1.25),
    "exposure": (0.0, 0.25, -1.2, 0.6),  # logarithm of a factor on sRGB
    "red": (0.0, 0.04, -0.25, 0.25),  # the same of one channel, relative to green
    "blue": (0.0, 0.06, -0.35, 0.35),
}
# Of the finite differences, in the order of the unknowns.
_STEPS = np.array([0.04, 0.2, 0.15, 0.1, 0.2, 0.05, 0.02, 0.02, 0.02])
_SKIN_ERROR = np.array([5.0, 2.5, 2.5])  # standard error of a patch, CIELAB
_WHITE_ERROR = 12.0  # standard error of the white of an eye, L of CIELAB
_BROWN = (0.2, 0.13, 0.09)  # of irises behind shut lids: most are brown
# The white of an eye lies between the iris and a corner: two of the right eye, two of the left.
WHITES = (
    (IRIS_OUTER.right, EYE_OUTER.right),
    (IRIS_INNER.right, EYE_INNER.right),
    (IRIS_OUTER.left, EYE_OUTER.left),
    (IRIS_INNER.left, EYE_INNER.left),
)
_TONES = (0.1, 0.3, 0.5, 0.7, 0.9)  # skin tones to start from
_ROUNDS = 3
_SURE = 0.7  # probability from which a pixel counts as of its class
Picture = UInt8[ndarray, "S S 3"]


@dataclass(frozen=True, eq=False)
class View:
    """Expression and pose, camera, and measured landmarks (in sides of the portrait) of a photograph."""

    controls: Float[ndarray, "58"]
    camera: Camera
    points: Float[ndarray, "478 2"]

    def draw(self, human: Human, size: int = SIDE) -> Frame:
        """The human rendered with the photograph's pose, expression and camera."""
        return render(human, self.controls, self.camera, size)


def fit_light(human: Human, view: View, picture: Picture) -> tuple[Human, Float[ndarray, "3"]]:
    """Fit skin tone, light and exposure.

    Args:
        picture: the portrait at SIDE.

    Returns:
        The human, and how many times brighter than its rendering the photograph is, in red, green and blue.
    """
    mean, spread, low, high = np.array(list(_UNKNOWNS.values())).T
    wanted = _skin_and_whites(picture, view.points)
    errors = np.concatenate(
        [np.tile(_SKIN_ERROR, len(SKIN_PATCHES)), [_WHITE_ERROR] * (2 if _eyes_open(view) else 0)]
    )

    def residuals(x: Float[ndarray, "N"]) -> Float[ndarray, "R"]:
        frame = view.draw(_with_light(human, x))
        shown = np.clip(frame.picture * np.exp(_log_gains(x)), 0, 255).astype(np.uint8)
        found = _skin_and_whites(shown, frame.landmarks[:, :2])
        return np.concatenate([(found - wanted)[: len(errors)] / errors, (x - mean) / spread])

    def sum_of_squares(x: Float[ndarray, "N"]) -> float:
        found = residuals(x)
        return float(found @ found)

    values = min(_first_guesses(human, view, picture, mean), key=sum_of_squares)
    before = residuals(values)
    for _ in range(_ROUNDS):
        towards_mean = np.where(values > mean, -1, 1) * _STEPS  # these stay within the limits
        columns = [(residuals(values + step) - before) / step.sum() for step in np.diag(towards_mean)]
        step = bounded_step(np.array(columns).T, before, low - values, high - values)
        after = residuals(values + step)
        if after @ after > before @ before:
            step = step / 3
            after = residuals(values + step)
        if after @ after >= before @ before:
            break
        values, before = values + step, after
    return _with_light(human, values), np.exp(_log_gains(values))


def _log_gains(x: Float[ndarray, "N"]) -> Float[ndarray, "3"]:
    """Logarithms of the factors on red, green and blue that the unknowns stand for."""
    exposure, red, blue = x[-3:]
    return np.array([exposure + red, exposure, exposure + blue])


def _with_light(human: Human, x: Float[ndarray, "N"]) -> Human:
    """The human with the skin tone and light that the unknowns stand for."""
    values = {}
    for value, (name, (_, _, low, high)) in zip(x, _UNKNOWNS.items(), strict=True):
        values[name] = round(float(np.clip(value, low, high)), 3)
    skin = {name: values[name] for name in ("tone", "undertone")}
    lamp = {name: values[name] for name in ("azimuth", "elevation", "warmth", "strength")}
    return human.model_copy(
        update={
            "skin": human.skin.model_copy(update=skin),
            "light": human.light.model_copy(update=lamp),
        }
    )


def _skin_and_whites(picture: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "R"]:
    """Colours of the skin patches in CIELAB, then the lightness of the white of each eye."""
    lab = to_lab(picture)
    skin = patch_colours(lab, points[list(SKIN_PATCHES)])
    whites = patch_colours(lab, np.array([points[list(pair)].mean(0) for pair in WHITES]))[:, 0]
    return np.concatenate([skin.ravel(), [max(whites[:2]), max(whites[2:])]])  # the lighter side of each eye


def _eyes_open(view: View) -> bool:
    """Whether both eyes are open."""
    shut = max(view.controls[control_space.INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right"))
    return bool(shut < 0.5)


def _first_guesses(
    human: Human, view: View, picture: Picture, mean: Float[ndarray, "N"]
) -> Iterator[Float[ndarray, "N"]]:
    """First guesses: some skin tones, each with the exposure that makes the rendering as bright as the photograph."""
    names = list(_UNKNOWNS)
    seen = patch_colours(picture.astype(np.float32), view.points[list(SKIN_PATCHES)]).mean(1)
    for tone in _TONES:
        values = mean.copy()
        values[names.index("tone")] = tone
        frame = view.draw(_with_light(human, values))
        points = frame.landmarks[list(SKIN_PATCHES), :2]
        drawn = patch_colours(frame.picture.astype(np.float32), points).mean(1)
        values[names.index("exposure")] = np.log((np.median(seen) + 2) / (np.median(drawn) + 2))
        yield values


def fit_background(human: Human, regions: Regions, picture: Picture) -> Human:
    """The human with the backdrop's two colours, by robust least squares over the background pixels."""
    size = len(picture)
    rows, columns = (np.mgrid[:size, :size] + 0.5) / size
    place = np.stack([2 * columns - 1, 1 - 2 * rows], -1) - (0.2 * np.sin(human.light.azimuth), 0.2)
    t = np.clip(np.linalg.norm(0.8 * place, axis=2) / 1.7, 0, 1)
    share = t * t * (3 - 2 * t)  # GLSL's smoothstep
    behind = regions.shares[..., 0] > _SURE
    if behind.sum() < 50:
        return human
    design = np.column_stack([1 - share[behind], share[behind]])
    seen = picture[behind] / 255
    weights = np.ones(len(seen))
    # The last row is a prior: the edge of a wall has about three quarters of its centre's brightness.
    prior = 0.1 * np.sqrt(len(seen)) * np.array([[0.75, -1.0]])
    for _ in range(5):  # reweighted, to ignore what stands in front of the wall
        root = np.sqrt(weights)[:, None]
        left = np.vstack([design * root, prior])
        right = np.vstack([seen * root, np.zeros((1, 3))])
        both = np.linalg.lstsq(left, right, rcond=None)[0]
        weights = 1 / (1 + (np.abs(seen - design @ both).max(1) / 0.08) ** 2)
    centre, edge = (colour(c) for c in both)
    return human.model_copy(update={"background": Background(centre=centre, edge=edge)})


def colour(values: Any) -> Colour:
    """Three numbers as a human's colour, rounded and within its range."""
    red, green, blue = (round(float(np.clip(v, 0.01, 1)), 3) for v in values)
    return red, green, blue


def fit_materials(human: Human, view: View, regions: Regions, picture: Picture, rounds: int = 3) -> Human:
    """The human with the photograph's colours of hair, brows and clothes."""
    for _ in range(rounds):
        human = _with_matched_colours(human, view.draw(human), view, regions, picture)
    return human


def _with_matched_colours(
    human: Human, frame: Frame, view: View, regions: Regions, picture: Picture
) -> Human:
    """Multiply each colour by the ratio of its pixels in the photograph to those in the rendering."""
    chin = frame.landmarks[CHIN, 1]
    rows = np.mgrid[:SIDE, :SIDE][0] / SIDE
    hair = frame.kinds == Kind.HAIR
    shown = {
        "hair": (hair & (rows < chin), (regions.kinds == Kind.HAIR) & (regions.shares[..., 2] > _SURE)),
        "cloth": (
            frame.kinds == Kind.CLOTH,
            (regions.kinds == Kind.CLOTH) & (regions.shares[..., 3] > _SURE),
        ),
    }
    update: dict[str, Any] = {}
    ratio = _brightness_ratios(
        frame.picture, shown["hair"][0], picture, shown["hair"][1] & (rows < chin), (25, 75)
    )
    if ratio is not None:
        root, tip = human.hair.root * ratio[0], human.hair.tip * ratio[1]
        update["hair"] = human.hair.model_copy(
            update={"root": colour(root), "tip": colour(np.maximum(tip, root))}
        )
    ratio = _brightness_ratios(frame.picture, shown["cloth"][0], picture, shown["cloth"][1], (50,))
    if ratio is not None:
        cloth = colour(human.clothes.colour * ratio[0])
        update["clothes"] = human.clothes.model_copy(
            update={"colour": cloth, "second": colour(np.array(cloth) * 0.85)}
        )
    brow = _brow_ratio(frame, view, picture)
    update["brows"] = human.brows.model_copy(update={"colour": colour(human.brows.colour * brow)})
    return human.model_copy(update=update)


def _brightness_ratios(
    drawn: Picture,
    there: Bool[ndarray, "S S"],
    seen: Picture,
    here: Bool[ndarray, "S S"],
    at: tuple[int, ...],
) -> Float[ndarray, "N 3"] | None:
    """Photograph over rendering at some percentiles of lightness; None if either has too few pixels.

    Args:
        there: the pixels of the rendering that count.
        here: the pixels of the photograph that count.
        at: percentiles.
    """
    if min(there.sum(), here.sum()) < 30:
        return None
    found = []
    for pixels in (seen[here], drawn[there]):
        order = pixels[np.argsort(pixels.mean(1))].astype(np.float64)
        around = max(1, len(order) // 8)
        middles = [len(order) * p // 100 for p in at]
        found.append([order[max(0, m - around) : m + around].mean(0) for m in middles])
    return np.clip((np.array(found[0]) + 2) / (np.array(found[1]) + 2), 0.2, 4)


def _brow_ratio(frame: Frame, view: View, picture: Picture) -> Float[ndarray, "3"]:
    """Photograph over rendering, in the darker half of the brows: the lighter one is skin between the hairs."""

    def brow_colour(image: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
        places = [
            points[list(upper)] * (1 - t) + points[list(lower)] * t
            for upper, lower in zip(BROW_UPPER, BROW_LOWER, strict=True)
            for t in (0.25, 0.5, 0.75)
        ]
        spots = patch_colours(image.astype(np.float32), np.concatenate(places))
        return spots[np.argsort(spots.mean(1))][: len(spots) // 2].mean(0)

    return np.clip(
        (brow_colour(picture, view.points) + 4) / (brow_colour(frame.picture, frame.landmarks[:, :2]) + 4),
        0.4,
        2,
    )


# Places on the lips: halfway between the outer and the inner edge, around their middle.
_LIPS = (
    *zip(UPPER_LIP_OUTSIDE[4:7], UPPER_LIP_INSIDE[4:7], strict=True),
    *zip(LOWER_LIP_OUTSIDE[4:7], LOWER_LIP_INSIDE[4:7], strict=True),
)
_LEAST_LIPSTICK = 0.09  # sRGB distance from bare lips below which there is no lipstick


def _with_lip_colour(human: Human, frame: Frame, view: View, picture: Picture) -> Human:
    """The human with lipstick as far as the photograph's lips differ from bare ones."""

    def lip_colour(image: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
        spots = np.array([points[list(pair)].mean(0) for pair in _LIPS])
        return np.median(patch_colours(image.astype(np.float32), spots), axis=0)

    bare = bare_lip_colour(skin_colour(human.skin.tone, human.skin.undertone))
    worn = bare + (np.array(human.skin.lips) - bare) * human.skin.lipstick
    # How much lipstick, and of what colour, would turn the drawn lips into those of the photograph.
    ratio = (lip_colour(picture, view.points) + 3) / (lip_colour(frame.picture, frame.landmarks[:, :2]) + 3)
    needed = np.clip(worn * np.clip(ratio, 0.5, 2), 0, 1)
    far = float(np.linalg.norm(needed - bare))
    strength = float(np.clip((far - _LEAST_LIPSTICK) / 0.25 + 0.2, 0, 0.9)) if far > _LEAST_LIPSTICK else 0.0
    lips = bare + (needed - bare) / max(strength, 0.2)
    skin = {"lipstick": round(strength, 3), "lips": colour(lips)}
    return human.model_copy(update={"skin": human.skin.model_copy(update=skin)})


def fit_lips_and_irises(human: Human, view: View, portrait: UInt8[ndarray, "T T 3"]) -> Human:
    """The human with the photograph's colours of lips and irises, compared at the portrait's full size."""
    frame = view.draw(human, len(portrait))
    human = _with_lip_colour(human, frame, view, portrait)
    if not _eyes_open(view):
        return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": _BROWN})})
    seen = iris_colour(portrait.astype(np.float32), view.points)
    drawn = iris_colour(frame.picture.astype(np.float32), frame.landmarks[:, :2])
    found = human.eyes.iris * np.clip((seen + 6) / (drawn + 6), 0.3, 3)
    return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": colour(found)})})


def iris_colour(image: Float[ndarray, "T T 3"], points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
    """Median colour of the lower half of both irises, between pupil and edge."""
    spots = []
    for iris in IRIS:
        centre, edge = points[iris[0]], points[list(iris[1:])]
        radius = np.linalg.norm(edge - centre, axis=1).mean()
        for angle in np.radians([0, 25, 50, 75, 105, 130, 155, 180]):
            spots.append(centre + 0.62 * radius * np.array([np.cos(angle), np.sin(angle)]))
    places = np.clip(np.round(np.array(spots) * len(image) - 0.5).astype(int), 0, len(image) - 1)
    return np.median(image[places[:, 1], places[:, 0]], axis=0)
