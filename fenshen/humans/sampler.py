"""Sampling people and facial movement: a fair cast.

Age, gender, skin tone and head shape are sampled independently, the first three uniformly: no corner of
MakeHuman's shape space predicts anything else about a person. Hair depends loosely on skin tone; every
texture and colour can occur with every tone.
"""

from __future__ import annotations

import colorsys
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls
from fenshen.humans.camera import Camera
from fenshen.humans.human import (
    LOCAL_SHAPES,
    Background,
    Beard,
    BeardStyle,
    Body,
    Brows,
    BrowStyle,
    Clothes,
    Collar,
    Colour,
    Eyes,
    Glasses,
    Hair,
    HairStyle,
    Human,
    Light,
    Pattern,
    Skin,
)

_OLDEST = 85.0
_HAIR = {
    "black": ("17120f", "3a2c24"), "dark": ("2a1b13", "543726"), "brown": ("4a2f1d", "7a5232"),
    "chestnut": ("6b452a", "9c6d43"), "fair": ("8f6b40", "c9a56b"), "blond": ("b8965c", "e3c78e"),
    "red": ("7c3317", "b8592b"), "grey": ("4c4a49", "8d8a88"), "white": ("a6a39f", "dcd9d4"),
}  # fmt: skip
_ON_DARK = {
    "black": 0.6,
    "dark": 0.27,
    "brown": 0.07,
    "chestnut": 0.02,
    "red": 0.02,
    "fair": 0.01,
    "blond": 0.01,
}
_ON_LIGHT = {
    "black": 0.2,
    "dark": 0.22,
    "brown": 0.2,
    "chestnut": 0.15,
    "fair": 0.1,
    "blond": 0.08,
    "red": 0.05,
}
_IRIS = ("4a2c17", "6b4423", "8a6a3a", "6f8a4f", "5a8f8f", "5f8fc0", "7f9bb0")
_CLOTH = (
    "e4e2dc", "2b2f3a", "30475e", "7a2e2e", "3d6b4f", "c9a227", "d98880", "5b4b8a", "88a0b8", "e07b39", "1f6f78",
    "9b9b9b", "3b2f2f", "b5536c",
)  # fmt: skip
_GROUND = (
    "cfd8dc", "b0c4de", "f0d9b5", "d7ccc8", "c8e6c9", "ffd6cc", "d1c4e9", "90a4ae", "546e7a", "37474f", "e8d5b7",
    "a3c1ad", "f7cac9", "6d8299", "fceabb",
)  # fmt: skip
_FRAMES = ("101012", "3a2414", "7a1f2b", "2c3e6b", "8a6a2c")
_LIPS = ("b03a48", "b8325c", "a23b3b", "c46060", "8e2a3a")

_MASCULINE: dict[HairStyle, float] = {
    "buzz": 2, "crop": 3, "side_part": 2, "quiff": 2, "slick": 1, "curly_short": 1.5, "afro": 1, "bald": 1,
    "long": 0.6, "bun": 0.4,
}  # fmt: skip
_FEMININE: dict[HairStyle, float] = {
    "bob": 1.3, "bob_fringe": 1, "long": 2, "long_wavy": 2, "bun": 2, "curly_long": 1.3, "curly_short": 1, "afro": 1,
    "side_part": 0.7, "crop": 0.4, "buzz": 0.2,
}  # fmt: skip
_TIGHT = ("afro", "curly_short", "curly_long", "buzz")  # likelier on darker skin, possible on all
_BROWS: dict[bool, dict[BrowStyle, float]] = {
    False: {"soft": 1, "strong": 1.2, "straight": 1},
    True: {"soft": 1, "arched": 1.4, "straight": 0.8},
}

# Factors for local shapes whose full spread would make odd faces.
_NARROWER = {
    "mouth-upperlip-middle-up": 0.3, "mouth-lowerlip-middle-up": 0.3, "mouth-upperlip-ext-up": 0.3,
    "mouth-lowerlip-ext-up": 0.3, "mouth-angles-up": 0.3, "eye-push1-out": 0.5, "eye-push2-out": 0.5,
    "neck-scale-vert-incr": 0.5, "head-scale-vert-incr": 0.6, "nose-scale-vert-incr": 0.6,
    "eyebrows-angle-up": 0.3, "eyebrows-trans-up": 0.3, "head-back-scale-depth-incr": 0.5, "eye-trans-out": 0.5,
}  # fmt: skip
# Means of local shapes other than 0: MakeHuman's eyes are small and its faces stern.
_MIDDLE = {
    "eye-scale-incr": 0.3, "eye-height2-incr": 0.12, "mouth-angles-up": 0.12,
    "ear-scale-incr": -0.1, "ear-wing-incr": -0.15, "head-fat-incr": 0.03,
}  # fmt: skip
_SPREAD, _FURTHEST = 0.2, 0.5
# Movements that occur alone more often than others: how often, and how far.
_STRAY = {
    "jawOpen": (0.25, 1.0),
    "browInnerUp": (0.15, 1.0),
    "mouthPucker": (0.05, 0.9),
    "mouthClose": (0.01, 0.4),
}


def sample(seed: int) -> Human:
    """The human for ``seed`` (0 or more); the same on every machine."""
    draw = np.random.default_rng((0x48, seed))
    feminine = bool(draw.random() < 0.5)
    age = float(draw.uniform(18, _OLDEST))
    tone = float(draw.random())
    lean = float(draw.beta(1.2, 6))
    corners = draw.dirichlet([0.55] * 3)
    style = _style(draw, feminine, tone)
    root, tip = _hair_colours(draw, tone, age)
    bearded = not feminine and age > 20 and draw.random() < 0.5
    beard = _choose(draw, {"full": 0.4, "goatee": 0.2, "moustache": 0.1, "none": 0.3}) if bearded else "none"
    brow = _BROWS[feminine]
    iris = _IRIS[draw.integers(2 if draw.random() < 0.3 + 0.7 * tone else len(_IRIS))]
    first, second = draw.choice(len(_CLOTH), 2, replace=False)
    return Human(
        body=Body(
            age=round(age, 1),
            gender=round(1 - lean if feminine else lean, 3),
            muscle=round(float(draw.uniform(0.35, 0.75)), 3),
            weight=round(float(np.clip(draw.normal(0.47, 0.13), 0.2, 0.85)), 3),
            african=round(float(corners[0]), 3),
            asian=round(float(corners[1]), 3),
            caucasian=round(float(corners[2]), 3),
        ),
        shape=_shape(draw, age),
        skin=Skin(
            tone=round(tone, 3),
            undertone=round(float(np.clip(draw.normal(0, 0.4), -1, 1)), 3),
            blush=round(float(draw.uniform(0.1, 0.4)), 3),
            freckles=round(float(draw.uniform(0.4, 1)) if draw.random() < 0.25 * (1 - tone) else 0.0, 3),
            stubble=round(_stubble(draw, feminine, bearded and beard == "none"), 3),
            lips=_colour(_LIPS[draw.integers(len(_LIPS))]),
            lipstick=round(float(draw.uniform(0.3, 0.9)) if feminine and draw.random() < 0.4 else 0.0, 3),
        ),
        eyes=Eyes(
            iris=_varied(draw, iris, 0.1),
            lashes=round(float(draw.uniform(0.45, 1) if feminine else draw.uniform(0.1, 0.5)), 3),
        ),
        brows=Brows(style=_choose(draw, brow), colour=_scaled(root, 0.75)),
        hair=Hair(style=style, strands=int(draw.integers(2)), root=root, tip=tip),
        beard=Beard(style=_as_beard(beard), colour=_scaled(root, 0.9)),
        glasses=_glasses(draw),
        clothes=Clothes(
            collar=_collar(draw),
            pattern=_pattern(draw),
            colour=_colour(_CLOTH[first]),
            second=_colour(_CLOTH[second]) if draw.random() < 0.4 else _scaled(_colour(_CLOTH[first]), 0.8),
        ),
        background=_background(draw),
        light=_light(draw),
    )


def sample_controls(seed: int, frame: int = 0) -> Float[ndarray, "58"]:
    """Random controls for frame ``frame`` of human ``seed``: expression, gaze, pose and position."""
    draw = np.random.default_rng((0x43, seed, frame))
    table = _expressions()
    chosen = table[_choose(draw, {name: row["share"] for name, row in table.items()})]["controls"]
    strength = draw.uniform(0.6, 1.2)
    values: dict[str, float] = {}
    for name, value in chosen.items():
        values[name] = float(np.clip(value * strength * draw.uniform(0.85, 1.15), 0, 1))
    _stray_movements(draw, values)
    values["yaw"] = float(np.clip(draw.normal(0, 0.26), -0.7, 0.7))
    values["pitch"] = float(np.clip(draw.normal(0, 0.3), -0.6, 0.6))
    values["roll"] = float(np.clip(draw.normal(0, 0.1), -0.35, 0.35))
    # Eyes make up for about half of the head's turn.
    aside = draw.normal((-0.9 * values["yaw"], -1.1 * values["pitch"]), (0.35, 0.4))
    values |= gaze(*(float(x) for x in np.clip(aside, -1, 1)))
    values["x"], values["y"] = (float(v) for v in np.clip(draw.normal(0, 0.015, 2), -0.05, 0.05))
    values["scale"] = float(np.clip(draw.normal(0, 0.05), -0.15, 0.15))
    return controls.vector(values)


def sample_camera(seed: int, frame: int = 0) -> Camera:
    """A random camera for frame ``frame`` of human ``seed``: roughly in front, at varying distance."""
    draw = np.random.default_rng((0x63, seed, frame))
    azimuth, elevation = np.clip(draw.normal((0, 0.03), (0.15, 0.06)), -0.5, 0.5)
    return Camera(float(azimuth), float(elevation), float(draw.uniform(1.0, 1.6)))


def gaze(right: float, up: float) -> dict[str, float]:
    """Controls for eyes that look to the viewer's right (``right``) and up (``up``), each from -1 to 1.

    ARKit's left and right are the subject's own: looking to the viewer's right turns the left eye out and
    the right eye in.
    """
    across, down = abs(right), abs(up)
    out, inward = ("Left", "Right") if right > 0 else ("Right", "Left")
    vertical = "Up" if up > 0 else "Down"
    return {
        f"eyeLookOut{out}": across,
        f"eyeLookIn{inward}": across,
        f"eyeLook{vertical}Left": down,
        f"eyeLook{vertical}Right": down,
    }


def expression(name: str, strength: float = 1.0) -> Float[ndarray, "58"]:
    """The controls of a named expression."""
    values = {key: min(1.0, value * strength) for key, value in _expressions()[name]["controls"].items()}
    return controls.vector(values)


def expressions() -> tuple[str, ...]:
    """The names that :func:`expression` knows."""
    return tuple(_expressions())


@cache
def _expressions() -> dict[str, dict[str, Any]]:
    return json.loads(Path(__file__).with_name("expressions.json").read_text(encoding="utf-8"))


def _stray_movements(draw: np.random.Generator, values: dict[str, float]) -> None:
    """Blinks, and single actions on top of an expression, so that every control also occurs alone."""
    if draw.random() < 0.25:
        both = float(draw.uniform(0.4, 1))
        for side in ("Left", "Right"):
            values[f"eyeBlink{side}"] = both
    elif draw.random() < 0.05:
        values[f"eyeBlink{draw.choice(['Left', 'Right'])}"] = float(draw.uniform(0.5, 1))
    for name in controls.BLENDSHAPES:
        chance, most = _STRAY.get(name, (0.03, 0.6))
        if not name.startswith("eyeLook") and draw.random() < chance:
            values[name] = float(max(values.get(name, 0), draw.uniform(0, most)))


def _choose(draw: np.random.Generator, shares: Any) -> Any:
    weights = np.array(list(shares.values()), dtype=float)
    return list(shares)[draw.choice(len(weights), p=weights / weights.sum())]


def _style(draw: np.random.Generator, feminine: bool, tone: float) -> HairStyle:
    shares = dict(_FEMININE if feminine else _MASCULINE)
    for name in _TIGHT:
        if name in shares:
            shares[name] *= 0.35 + 1.9 * tone
    return _choose(draw, shares)


def _hair_colours(draw: np.random.Generator, tone: float, age: float) -> tuple[Colour, Colour]:
    grey = np.interp(age, [35, 55, 70, 90], [0.01, 0.25, 0.7, 0.9])
    if draw.random() < grey:
        name = "white" if draw.random() < np.interp(age, [55, 85], [0.2, 0.7]) else "grey"
    else:
        name = _choose(draw, _ON_DARK if draw.random() < tone else _ON_LIGHT)
    if draw.random() < 0.02:  # dyed
        vivid = colorsys.hsv_to_rgb(draw.random(), 0.5, 0.7)
        return _scaled(_rounded(vivid), 0.6), _rounded(vivid)
    factor = float(draw.uniform(0.85, 1.15))
    root, tip = _HAIR[name]
    return _scaled(_colour(root), factor), _scaled(_colour(tip), factor)


def _stubble(draw: np.random.Generator, feminine: bool, unshaven: bool) -> float:
    if feminine:
        return 0.0
    return float(draw.uniform(0.45, 0.8) if unshaven else draw.uniform(0, 0.25))


def _shape(draw: np.random.Generator, age: float) -> dict[str, float]:
    shape = {}
    for name in LOCAL_SHAPES:
        value = draw.normal(0, _SPREAD * _NARROWER.get(name, 1.0))
        if name.startswith("ear-"):
            value *= 0.6
        if name.startswith("mouth-") and "volume" in name:
            value = 0.8 * abs(value)
        if name == "head-age-incr":
            value = 0.25 * value + (age - 45) / 90
        shape[name] = round(float(np.clip(value + _MIDDLE.get(name, 0), -_FURTHEST, _FURTHEST)), 3)
    return shape


def _glasses(draw: np.random.Generator) -> Glasses | None:
    if draw.random() >= 0.15:
        return None
    frame = _colour(_FRAMES[draw.integers(len(_FRAMES))])
    return Glasses(roundness=round(float(draw.uniform(2, 4.5)), 2), colour=frame)


def _as_beard(name: str) -> BeardStyle:
    return name  # type: ignore[return-value]


def _collar(draw: np.random.Generator) -> Collar:
    return _choose(draw, {"crew": 2, "v": 1, "turtle": 1})


def _pattern(draw: np.random.Generator) -> Pattern:
    return _choose(draw, {"plain": 3, "stripes": 1})


def _background(draw: np.random.Generator) -> Background:
    ground = _colour(_GROUND[draw.integers(len(_GROUND))])
    return Background(centre=_scaled(ground, 1.05), edge=_scaled(ground, float(draw.uniform(0.55, 0.9))))


def _light(draw: np.random.Generator) -> Light:
    return Light(
        azimuth=round(float(draw.uniform(-1.1, 1.1)), 3),
        elevation=round(float(draw.uniform(0.25, 0.9)), 3),
        warmth=round(float(draw.uniform(-1, 1)), 3),
        strength=round(float(draw.uniform(0.75, 1.15)), 3),
        rim=round(float(draw.uniform(0, 0.8)), 3),
    )


def _colour(code: str) -> Colour:
    return _rounded([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def _scaled(colour: Colour, factor: float) -> Colour:
    return _rounded([value * factor for value in colour])


def _varied(draw: np.random.Generator, code: str, spread: float) -> Colour:
    return _scaled(_colour(code), float(draw.uniform(1 - spread, 1 + spread)))


def _rounded(values: Any) -> Colour:
    red, green, blue = (round(float(np.clip(value, 0, 1)), 3) for value in values)
    return red, green, blue
