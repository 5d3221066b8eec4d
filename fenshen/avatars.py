"""Illustrated avatars, drawn on the spot: a dataset that needs no camera and nobody's permission.

The drawings are DiceBear styles (vector parts combined by a seed), rasterised by resvg. The styles' artists
put some under CC0 and some under CC BY 4.0; :data:`STYLES` says which, and whom to credit.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.errors import UsageError

_BACKGROUND = (
    "f6c6c2", "f8d7b0", "fbe8a6", "d5e8b0", "aedcc0", "a5dcdc", "a9cdee", "b4b8ee", "d0b6ea",
    "eeb9dc", "efe6da", "d3dbe3", "f2a48f", "f5c25f", "7fc4a3", "6fb6d8", "8f97e0",
)  # fmt: skip
_SKIN = ("ffe3d0", "fbd2b4", "f3bf99", "e3a67c", "cf8d62", "b97950", "9c6240", "82502f", "6b4029")
_HAIR = (
    "1d1a20", "2f2324", "4a2f27", "6b4226", "8d5a34", "b07a45", "d3a35c", "ecd08c", "a13d22",
    "cf5f2e", "8b8c94", "d9d9de", "3d4f9f", "2f8f8b", "c2548a", "7b4fb0",
)  # fmt: skip
# Lorelei has twice as many smiles as frowns, and frowns with every pair of brows; a friendlier mix.
_SMILES = {f"happy{i:02}": 3 for i in range(1, 19)} | {f"sad{i:02}": 1 for i in range(1, 10)}
_EXPRESSIONS = [
    "awe", "blank", "calm", "cheeky", "cute", "driven", "eatingHappy",
    "explaining", "eyesClosed", "lovingGrin1", "lovingGrin2", "old", "serious", "smile",
    "smileBig", "smileLOL", "smileTeethGap", "solemn", "suspicious",
]  # fmt: skip
_INK = ("1f2a44", "22403a", "4b2447", "5a2a22", "2b2b33", "5b3a1c", "1d4e6b")


@dataclass(frozen=True)
class Style:
    """One style of drawing: its terms, its credit, and how Fenshen draws it.

    Args:
        licence: SPDX identifier.
        credit: work and artist, to be named wherever the licence asks for it.
        options: DiceBear options on top of the style's own: palettes, framing, parts left out.
    """

    licence: str
    credit: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def terms(self) -> str:
        """Licence and credit in one line, for a dataset's card."""
        return f"{self.licence} ({self.credit})"


def _colours(names: Iterable[str], palette: Iterable[str]) -> dict[str, list[str]]:
    return {f"{name}Color": list(palette) for name in names}


DEFAULT = "lorelei"
STYLES: Mapping[str, Style] = {
    "lorelei": Style(
        "CC0-1.0",
        "Lorelei by Lisa Wischofsky",
        _colours(["skin"], _SKIN)
        | _colours(["hair"], _HAIR)
        | _colours(["glasses", "earrings"], ["23314f", "7a2e2e", "1f5a4d", "5d3a8a"])
        | _colours(["mouth"], ["7a1f2c", "5e1622"])
        | _colours(["hairAccessories"], ["e0567a", "f2b134", "ffffff"])
        | {"scale": 1.2, "mouthVariant": _SMILES},
    ),
    "notionists": Style(
        "CC0-1.0",
        "Notionists by Zoish",
        _colours(["ink"], _INK) | {"gestureProbability": 0},
    ),
    "open-peeps": Style(
        "CC0-1.0",
        "Open Peeps by Pablo Stanley",
        _colours(["skin"], _SKIN) | {"maskProbability": 0, "expressionVariant": _EXPRESSIONS},
    ),
    "pixel-art": Style("CC0-1.0", "Pixel Art by DiceBear", _colours(["skin"], _SKIN)),
    "voxel-art": Style(
        "CC0-1.0", "Voxel Art by DiceBear", {"animationVariant": "none", "scale": 1.35, "translateY": 14}
    ),
    "adventurer": Style("CC-BY-4.0", "Adventurer by Lisa Wischofsky", {"scale": 1.15}),
    "big-ears": Style("CC-BY-4.0", "Face Generator by The Visual Team"),
    "big-smile": Style("CC-BY-4.0", "Custom Avatar by Ashley Seo"),
    "micah": Style("CC-BY-4.0", "Avatar Illustration System by Micah Lanier"),
    "miniavs": Style("CC-BY-4.0", "Miniavs by Webpixels"),
    # Few parts that always lie in one place: what a small GAN learns in two minutes.
    "personas": Style(
        "CC-BY-4.0",
        "Personas by Draftbit",
        _colours(["skin"], _SKIN)
        | _colours(["hair", "facialHair"], _HAIR[:11])
        | _colours(["background"], _BACKGROUND[2:8])
        | {
            "scale": 1.15,
            "eyesVariant": {"open": 6, "happy": 2, "glasses": 3},
            "mouthVariant": {"smile": 4, "bigSmile": 3, "lips": 2},
            "noseVariant": ["mediumRound", "smallRound"],
            "clothesVariant": ["rounded", "small", "squared"],
            "hairVariant": [
                "bald",
                "beanie",
                "bobBangs",
                "bobCut",
                "buzzcut",
                "curly",
                "curlyHighTop",
                "extraLong",
                "fade",
                "long",
                "shortCombover",
                "sideShave",
                "straightBun",
            ],
        },
    ),
    "toon-head": Style("CC-BY-4.0", "ToonHead by Johan Melin"),
}


def style(name: str) -> Style:
    """The style called ``name``.

    Raises:
        UsageError: there is no such style; the message names the nearest.
    """
    if name not in STYLES:
        nearest = difflib.get_close_matches(name, STYLES, n=1, cutoff=0.0)[0]
        raise UsageError("avatars.unknown_style", style=name, nearest=nearest, styles=", ".join(STYLES))
    return STYLES[name]


def draw(name: str, seed: int | str, size: int) -> UInt8[ndarray, "size size 3"]:
    """Draw the avatar of a seed. The same arguments give the same picture on every machine.

    Args:
        name: a key of :data:`STYLES`.
        seed: any number or text; each gives another face.
        size: side in pixels.

    Raises:
        UsageError: an unknown style.
    """
    import resvg_py
    from dicebear.renderer import Renderer
    from dicebear.resolver import Resolver
    from PIL import Image

    style(name)
    definition, options = _definition(name)
    options.chosen = str(seed)
    svg = Renderer(definition, Resolver(definition, options)).render()
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as picture:
        return np.asarray(picture.convert("RGB"))


@cache
def _definition(name: str) -> tuple[Any, Any]:
    """A style's definition and our options for it, without a seed.

    DiceBear's one-call ``Avatar`` checks the options against a JSON schema at every drawing, which takes
    twice as long as the drawing itself; here they are checked once.
    """
    from dicebear import Style as Definition
    from dicebear.options import Options

    class Seeded(Options):  # type: ignore[misc]
        chosen = ""

        def seed(self) -> str:
            return self.chosen

    source = (files("dicebear_styles") / f"{name}.json").read_text(encoding="utf-8")
    return Definition.from_json(source), Seeded({"backgroundColor": list(_BACKGROUND), **style(name).options})
