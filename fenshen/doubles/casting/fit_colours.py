"""Colours from the pixels: skin and light first, then everything that the light falls on.

What a photograph shows is colour times light times exposure. Skin, light and exposure are found together, by
drawing the fitted head and comparing patches of bare skin and the white of the eyes: where the sampler's
lights do not explain the brightness, the exposure does. All other colours are then multiplied by how much
the photograph is brighter than the drawing, a few times over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.doubles.casting.fit_regions import PATCHES, Regions, patches, to_lab
from fenshen.doubles.casting.fit_shape import bounded_step
from fenshen.humans.camera import Camera
from fenshen.humans.human import Background, Colour, Human
from fenshen.humans.looks import skin_colour
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

SIDE = 128  # of the drawings that are compared
# What is fitted: expected value and spread as the sampler draws them, and between what they may lie.
_LIGHT = {
    "tone": (0.5, 0.35, 0.0, 1.0),
    "undertone": (0.0, 0.4, -1.0, 1.0),
    "azimuth": (0.0, 0.6, -1.2, 1.2),
    "elevation": (0.55, 0.18, 0.1, 1.0),
    "warmth": (0.0, 0.5, -1.0, 1.0),
    "strength": (0.95, 0.1, 0.6, 1.25),
    "exposure": (0.0, 0.25, -1.2, 0.6),  # logarithm of a factor on sRGB
    "red": (0.0, 0.04, -0.25, 0.25),  # likewise, of one channel against the green
    "blue": (0.0, 0.06, -0.35, 0.35),
}
_STEPS = np.array([0.04, 0.2, 0.15, 0.1, 0.2, 0.05, 0.02, 0.02, 0.02])
_ERROR = np.array([5.0, 2.5, 2.5])  # of a patch of skin, in CIELAB
_WHITE_ERROR = 12.0  # of the white of an eye, in L
_BROWN = (0.2, 0.13, 0.09)  # of irises that are not seen: most are
# The white of an eye lies between the iris and a corner: two of the right eye, two of the left.
WHITES = (
    (IRIS_OUTER.right, EYE_OUTER.right),
    (IRIS_INNER.right, EYE_INNER.right),
    (IRIS_OUTER.left, EYE_OUTER.left),
    (IRIS_INNER.left, EYE_INNER.left),
)
_TONES = (0.1, 0.3, 0.5, 0.7, 0.9)
_ROUNDS = 3
_SURE = 0.7
Picture = UInt8[ndarray, "S S 3"]


@dataclass(frozen=True, eq=False)
class View:
    """How a photograph shows a person: expression and pose, camera, and the measured landmarks in sides."""

    controls: Float[ndarray, "58"]
    camera: Camera
    points: Float[ndarray, "478 2"]

    def draw(self, human: Human, size: int = SIDE) -> Frame:
        """The person, as in the photograph."""
        return render(human, self.controls, self.camera, size)


def light(human: Human, view: View, picture: Picture) -> tuple[Human, Float[ndarray, "3"]]:
    """Fit skin tone, light and exposure.

    Args:
        picture: the portrait at SIDE.

    Returns:
        The human, and the factors on red, green and blue by which the photograph is brighter than the human.
    """
    names = list(_LIGHT)
    mean, spread, low, high = np.array(list(_LIGHT.values())).T
    wanted = _seen(picture, view.points)
    errors = np.concatenate([np.tile(_ERROR, len(PATCHES)), [_WHITE_ERROR] * _open_eyes(view)])

    def off(x: Float[ndarray, "N"]) -> Float[ndarray, "R"]:
        frame = view.draw(_lit(human, dict(zip(names, x, strict=True))))
        shown = np.clip(frame.picture * np.exp(_gains(x)), 0, 255).astype(np.uint8)
        found = _seen(shown, frame.landmarks[:, :2])
        return np.concatenate([(found - wanted)[: len(errors)] / errors, (x - mean) / spread])

    values = min(_starts(human, view, picture, mean, names), key=lambda x: float(off(x) @ off(x)))
    before = off(values)
    for _ in range(_ROUNDS):
        rows = [
            (off(values + step) - before) / step.sum()
            for step in np.diag(np.where(values > mean, -1, 1) * _STEPS)
        ]
        step = bounded_step(np.array(rows).T, before, low - values, high - values)
        after = off(values + step)
        if after @ after > before @ before:
            step, after = step / 3, off(values + step / 3)
        if after @ after >= before @ before:
            break
        values, before = values + step, after
    return _lit(human, dict(zip(names, values, strict=True))), np.exp(_gains(values))


def _gains(x: Float[ndarray, "N"]) -> Float[ndarray, "3"]:
    exposure, red, blue = x[-3:]
    return np.array([exposure + red, exposure, exposure + blue])


def _lit(human: Human, values: dict[str, float]) -> Human:
    skin = {name: round(float(np.clip(values[name], *_LIGHT[name][2:])), 3) for name in ("tone", "undertone")}
    lamp = {
        name: round(float(np.clip(values[name], *_LIGHT[name][2:])), 3)
        for name in ("azimuth", "elevation", "warmth", "strength")
    }
    return human.model_copy(
        update={
            "skin": human.skin.model_copy(update=skin),
            "light": human.light.model_copy(update=lamp),
        }
    )


def _seen(picture: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "R"]:
    """Colours of skin in CIELAB, then the lightness of each eye's white."""
    lab = to_lab(picture)
    whites = patches(lab, np.array([points[list(pair)].mean(0) for pair in WHITES]))[:, 0]
    return np.concatenate([patches(lab, points[list(PATCHES)]).ravel(), [max(whites[:2]), max(whites[2:])]])


def _open_eyes(view: View) -> int:
    """How many whites to compare: both eyes' or none."""
    shut = max(view.controls[control_space.INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right"))
    return 2 if shut < 0.5 else 0


def _starts(
    human: Human, view: View, picture: Picture, mean: Float[ndarray, "N"], names: list[str]
) -> Iterator[Float[ndarray, "N"]]:
    """First guesses: every skin tone, in the exposure that makes the photograph as bright as the drawing."""
    seen = patches(picture.astype(np.float32), view.points[list(PATCHES)]).mean(1)
    for tone in _TONES:
        values = mean.copy()
        values[0] = tone
        frame = view.draw(_lit(human, dict(zip(names, values, strict=True))))
        drawn = patches(frame.picture.astype(np.float32), frame.landmarks[list(PATCHES), :2]).mean(1)
        values[names.index("exposure")] = np.log((np.median(seen) + 2) / (np.median(drawn) + 2))
        yield values


def background(human: Human, regions: Regions, picture: Picture) -> Human:
    """The backdrop's two colours, by least squares over the pixels behind the person."""
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
    for _ in range(5):  # reweighted: what stands in front of a wall is not its colour
        root = np.sqrt(weights)[:, None]
        # Edge and centre of one wall differ little.
        rows_ = np.vstack([design * root, 0.1 * np.sqrt(len(seen)) * np.array([[0.75, -1.0]])])
        both = np.linalg.lstsq(rows_, np.vstack([seen * root, np.zeros((1, 3))]), rcond=None)[0]
        weights = 1 / (1 + (np.abs(seen - design @ both).max(1) / 0.08) ** 2)
    centre, edge = (colour(c) for c in both)
    return human.model_copy(update={"background": Background(centre=centre, edge=edge)})


def colour(values: Any) -> Colour:
    """Three numbers as a colour."""
    red, green, blue = (round(float(np.clip(v, 0.01, 1)), 3) for v in values)
    return red, green, blue


def materials(human: Human, view: View, regions: Regions, picture: Picture, rounds: int = 3) -> Human:
    """Hair, brows, beard, lips and clothes."""
    for _ in range(rounds):
        human = _once(human, view.draw(human), view, regions, picture)
    return human


def _once(human: Human, frame: Frame, view: View, regions: Regions, picture: Picture) -> Human:
    """Multiply each colour by what its pixels in the photograph are brighter than in the drawing."""
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
    ratio = _ratios(frame.picture, shown["hair"][0], picture, shown["hair"][1] & (rows < chin), (25, 75))
    if ratio is not None:
        root, tip = human.hair.root * ratio[0], human.hair.tip * ratio[1]
        update["hair"] = human.hair.model_copy(
            update={"root": colour(root), "tip": colour(np.maximum(tip, root))}
        )
    ratio = _ratios(frame.picture, shown["cloth"][0], picture, shown["cloth"][1], (50,))
    if ratio is not None:
        cloth = colour(human.clothes.colour * ratio[0])
        update["clothes"] = human.clothes.model_copy(
            update={"colour": cloth, "second": colour(np.array(cloth) * 0.85)}
        )
    brow = _brow_ratio(frame, view, picture)
    update["brows"] = human.brows.model_copy(update={"colour": colour(human.brows.colour * brow)})
    return human.model_copy(update=update)


def _ratios(
    drawn: Picture,
    there: Bool[ndarray, "S S"],
    seen: Picture,
    here: Bool[ndarray, "S S"],
    at: tuple[int, ...],
) -> Float[ndarray, "N 3"] | None:
    """Photograph over drawing at some percentiles of lightness; None where either shows too little."""
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
    def dark(image: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
        places = [
            points[list(upper)] * (1 - t) + points[list(lower)] * t
            for upper, lower in zip(BROW_UPPER, BROW_LOWER, strict=True)
            for t in (0.25, 0.5, 0.75)
        ]
        spots = patches(image.astype(np.float32), np.concatenate(places))
        return spots[np.argsort(spots.mean(1))][: len(spots) // 2].mean(0)

    return np.clip(
        (dark(picture, view.points) + 4) / (dark(frame.picture, frame.landmarks[:, :2]) + 4), 0.4, 2
    )


# The middle of the upper and of the lower lip lies between the middle points of its two edges.
_LIPS = (
    *zip(UPPER_LIP_OUTSIDE[4:7], UPPER_LIP_INSIDE[4:7], strict=True),
    *zip(LOWER_LIP_OUTSIDE[4:7], LOWER_LIP_INSIDE[4:7], strict=True),
)
_BARE, _OFFSET = (
    np.array([0.86, 0.63, 0.61]),
    np.array([0.02, 0.0, 0.01]),
)  # lips of a skin, as looks.py draws
_LEAST_LIPSTICK = 0.09  # difference from bare lips that is nobody's lipstick


def _lips(human: Human, frame: Frame, view: View, picture: Picture) -> Human:
    def middle(image: Picture, points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
        spots = np.array([points[list(pair)].mean(0) for pair in _LIPS])
        return np.median(patches(image.astype(np.float32), spots), axis=0)

    bare = skin_colour(human.skin.tone, human.skin.undertone) * _BARE + _OFFSET
    worn = bare + (np.array(human.skin.lips) - bare) * human.skin.lipstick
    ratio = (middle(picture, view.points) + 3) / (middle(frame.picture, frame.landmarks[:, :2]) + 3)
    needed = np.clip(worn * np.clip(ratio, 0.5, 2), 0, 1)
    far = float(np.linalg.norm(needed - bare))
    strength = float(np.clip((far - _LEAST_LIPSTICK) / 0.25 + 0.2, 0, 0.9)) if far > _LEAST_LIPSTICK else 0.0
    lips = bare + (needed - bare) / max(strength, 0.2)
    skin = {"lipstick": round(strength, 3), "lips": colour(lips)}
    return human.model_copy(update={"skin": human.skin.model_copy(update=skin)})


def details(human: Human, view: View, portrait: UInt8[ndarray, "T T 3"]) -> Human:
    """Lips and eyes, in a drawing as large as the portrait."""
    frame = view.draw(human, len(portrait))
    human = _lips(human, frame, view, portrait)
    if not _open_eyes(view):
        return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": _BROWN})})
    seen, drawn = (
        ring(image.astype(np.float32), points)
        for image, points in ((portrait, view.points), (frame.picture, frame.landmarks[:, :2]))
    )
    found = human.eyes.iris * np.clip((seen + 6) / (drawn + 6), 0.3, 3)
    return human.model_copy(update={"eyes": human.eyes.model_copy(update={"iris": colour(found)})})


def ring(image: Float[ndarray, "T T 3"], points: Float[ndarray, "478 2"]) -> Float[ndarray, "3"]:
    """Median colour of the lower half of both irises, between pupil and edge."""
    spots = []
    for iris in IRIS:
        centre, edge = points[iris[0]], points[list(iris[1:])]
        radius = np.linalg.norm(edge - centre, axis=1).mean()
        for angle in np.radians([0, 25, 50, 75, 105, 130, 155, 180]):
            spots.append(centre + 0.62 * radius * np.array([np.cos(angle), np.sin(angle)]))
    places = np.clip(np.round(np.array(spots) * len(image) - 0.5).astype(int), 0, len(image) - 1)
    return np.median(image[places[:, 1], places[:, 0]], axis=0)
