"""A human as a row of numbers with names: what the base model is told about who is in the picture.

Entries are about 0 for an average person and about 1 away for a distinctive one. Styles are one-hot. The two random
growths of each hair style count as separate styles, so that code, camera and controls determine every strand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.humans.camera import Camera
from fenshen.humans.human import (
    HAIR_STYLES,
    LOCAL_SHAPES,
    BeardStyle,
    BrowStyle,
    Collar,
    Colour,
    Glasses,
    Human,
)
from fenshen.humans.sampler import sample

_MIDDLE_AGE, _AGES = 52.0, 20.0  # years
_SHAPES = 0.2  # spread of local shapes
Entry = tuple[str, float]


def encode(human: Human, camera: Camera | None = None) -> Float[ndarray, "K"]:
    """The code of a human seen by a camera, by default from the front."""
    return np.array([value for _, value in _entries(human, camera or Camera())], dtype=np.float32)


def encode_records(humans: Sequence[str], cameras: Sequence[Sequence[float]]) -> Float[ndarray, "N K"]:
    """The codes of a dataset's humans, from the JSON that ``prepare`` writes.

    Raises:
        FenshenError: a row holds no possible human.
    """
    from fenshen.humans.human import parse

    rows = [encode(parse(human), Camera(*camera)) for human, camera in zip(humans, cameras, strict=True)]
    return np.stack(rows)


@cache
def names() -> tuple[str, ...]:
    """The name of each entry of a code, such as ``body.age`` or ``hair.style.afro.1``."""
    return tuple(name for name, _ in _entries(sample(0), Camera()))


def _entries(human: Human, camera: Camera) -> Iterator[Entry]:
    yield from _body(human)
    yield from _face(human)
    yield from _hair(human)
    glasses = human.glasses or Glasses(colour=(0.5, 0.5, 0.5), roundness=3.0)
    yield "glasses", float(human.glasses is not None)
    yield "glasses.roundness", glasses.roundness - 3
    yield from _colour("glasses.colour", glasses.colour)
    clothes = human.clothes
    yield from _choice("clothes.collar", clothes.collar, get_args(Collar))
    yield "clothes.stripes", float(clothes.pattern == "stripes")
    yield from _colour("clothes.colour", clothes.colour)
    yield from _colour("clothes.second", clothes.second)
    yield from _colour("background.centre", human.background.centre)
    yield from _colour("background.edge", human.background.edge)
    light = human.light
    yield "light.azimuth", light.azimuth / 0.7
    yield "light.elevation", (light.elevation - 0.55) / 0.2
    yield "light.warmth", light.warmth / 0.6
    yield "light.strength", (light.strength - 0.95) / 0.15
    yield "light.rim", (light.rim - 0.4) / 0.25
    yield "camera.azimuth", camera.azimuth / 0.15
    yield "camera.elevation", (camera.elevation - 0.03) / 0.06
    yield "camera.nearness", (1 / camera.distance - 0.78) / 0.12


def _body(human: Human) -> Iterator[Entry]:
    body = human.body
    yield "body.age", (body.age - _MIDDLE_AGE) / _AGES
    yield "body.gender", 2 * body.gender - 1
    yield "body.muscle", (body.muscle - 0.55) / 0.15
    yield "body.weight", (body.weight - 0.47) / 0.15
    for name in ("african", "asian", "caucasian"):
        yield f"body.{name}", 2 * getattr(body, name) - 2 / 3
    for name in LOCAL_SHAPES:
        yield f"shape.{name}", human.shape.get(name, 0.0) / _SHAPES


def _face(human: Human) -> Iterator[Entry]:
    skin, eyes, brows = human.skin, human.eyes, human.brows
    yield "skin.tone", 3 * (skin.tone - 0.5)
    yield "skin.undertone", skin.undertone / 0.4
    yield "skin.blush", (skin.blush - 0.25) / 0.1
    yield "skin.freckles", 2 * skin.freckles
    yield "skin.stubble", 3 * skin.stubble
    yield "skin.lipstick", 2 * skin.lipstick
    for name, value in _colour("skin.lips", skin.lips):
        yield name, value * skin.lipstick  # irrelevant where there is none
    yield from _colour("eyes.iris", eyes.iris)
    yield "eyes.lashes", 3 * (eyes.lashes - 0.5)
    yield from _choice("brows.style", brows.style, get_args(BrowStyle))
    yield from _colour("brows.colour", brows.colour)


def _hair(human: Human) -> Iterator[Entry]:
    hair, beard = human.hair, human.beard
    growths = [f"{style}.{strands}" for style in HAIR_STYLES for strands in (0, 1)]
    yield from _choice("hair.style", f"{hair.style}.{hair.strands}", growths)
    yield from _colour("hair.root", hair.root)
    yield from _colour("hair.tip", hair.tip)
    yield from _choice("beard.style", beard.style, get_args(BeardStyle))
    yield from _colour("beard.colour", beard.colour)


def _choice(name: str, chosen: str, among: Sequence[str]) -> Iterator[Entry]:
    for one in among:
        yield f"{name}.{one}", float(one == chosen)


def _colour(name: str, colour: Colour) -> Iterator[Entry]:
    for channel, value in zip("rgb", colour, strict=True):
        yield f"{name}.{channel}", 3 * (value - 0.5)
