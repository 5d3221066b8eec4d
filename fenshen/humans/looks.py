"""Shader uniforms from a human's description: colours, light, clothes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.humans.camera import Camera
from fenshen.humans.human import Clothes, Human

# From lightest to darkest, sRGB.
_TONES = np.array(
    [
        [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        for code in (
            "e9bd9d", "e2b18c", "d9a37b", "cf9469", "c08356", "a96f47", "8c5a39", "70452b", "573625", "43291d",
        )
    ]
)  # fmt: skip
# Height, slope, depth of the V and thickness of a collar, in metres on the template.
_COLLARS = {
    "crew": (0.592, 0.34, 0.0, 0.007),
    "v": (0.594, 0.34, 0.05, 0.007),
    "turtle": (0.622, 0.45, 0.0, 0.009),
}
_SCALP = {
    "bald": 0.10,
    "buzz": 0.75,
}  # how strongly the hair colours the skin below it; 1 for all other styles


def skin_colour(tone: float, undertone: float) -> Float[ndarray, "3"]:
    """The sRGB colour of a skin tone; the undertone shifts it towards yellow (1) or pink (-1)."""
    at = tone * (len(_TONES) - 1)
    colour = np.array([np.interp(at, range(len(_TONES)), _TONES[:, i]) for i in range(3)])
    return np.clip(colour * (1 + undertone * np.array([0.0, 0.012, -0.045])), 0, 1)


def bare_lip_colour(skin: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """The sRGB colour of bare lips for this skin colour."""
    return skin * (0.86, 0.63, 0.61) + (0.02, 0.0, 0.01)


def person(human: Human) -> dict[str, Any]:
    """Uniforms for skin, eyes and clothes."""
    skin = skin_colour(human.skin.tone, human.skin.undertone)
    bare = bare_lip_colour(skin)
    lips = bare + (np.array(human.skin.lips) - bare) * human.skin.lipstick
    feminine = human.body.gender > 0.5
    stubble = max(human.skin.stubble, 0.35 if human.beard.style in ("full", "goatee") else 0.0)
    clothes = human.clothes
    return {
        "skin": skin,
        "lip_col": lips,
        "blush_col": np.clip(skin * (1.04, 0.74, 0.72), 0, 1),
        "iris": np.array(human.eyes.iris),
        "scalp_col": np.array(human.hair.root) * 0.8,
        "cloth_col": np.array(clothes.colour),
        "cloth_col2": np.array(clothes.second),
        "marks": (human.skin.blush, stubble, human.skin.freckles, _SCALP.get(human.hair.style, 1.0)),
        "lid_and_stripes": (1.0 if feminine else 0.3, 1.0 if clothes.pattern == "stripes" else 0.0),
        "collar": collar(clothes),
    }


def collar(clothes: Clothes) -> tuple[float, float, float, float]:
    """Height, slope, depth of the V and thickness of the cloth."""
    return _COLLARS[clothes.collar]


def light(human: Human, camera: Camera) -> dict[str, Any]:
    """Uniforms for the lights, which turn with the camera, as the backdrop does."""
    lamp = human.light
    at = lamp.azimuth + camera.azimuth
    side = math.copysign(1.0, lamp.azimuth)
    centre, edge = np.array(human.background.centre), np.array(human.background.edge)
    around = 0.25 * (centre + edge) + 0.22
    floor = 0.42 * around + (0.05, 0.03, 0.02)
    sky = np.stack([0.8 * around, 0.8 * around, 0.55 * around, 0.9 * around, 1.15 * around, floor]) * 0.75
    fill = camera.azimuth - side * 1.0
    back = camera.rotation.T @ _unit(np.array([-side * 0.8, 0.35, -0.7]))
    return {
        "key_dir": _direction(at, lamp.elevation),
        "key_col": 1.35 * lamp.strength * np.array([1 + 0.08 * lamp.warmth, 1.0, 1 - 0.10 * lamp.warmth]),
        "fill_dir": _direction(fill, 0.1),
        "fill_col": around * 0.45,
        "rim_dir": back,
        "rim_col": np.full(3, lamp.rim),
        "ambient_col": sky,
        "centre_col": centre,
        "edge_col": edge,
        "bright": (0.2 * math.sin(lamp.azimuth), 0.2),
    }


def _direction(azimuth: float, elevation: float) -> Float[ndarray, "3"]:
    c = math.cos(elevation)
    return np.array([math.sin(azimuth) * c, -math.cos(azimuth) * c, math.sin(elevation)])


def _unit(vector: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    return vector / np.linalg.norm(vector)
