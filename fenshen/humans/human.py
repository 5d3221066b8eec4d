"""The description of one synthetic person: a small JSON whose fields all have names and ranges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fenshen import cards, files
from fenshen.errors import FenshenError
from fenshen.messages import message

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Signed = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Colour = tuple[Share, Share, Share]  # sRGB

HairStyle = Literal[
    "bald", "buzz", "crop", "side_part", "quiff", "slick", "curly_short", "afro", "bob", "bob_fringe", "long",
    "long_wavy", "curly_long", "bun",
]  # fmt: skip
BeardStyle = Literal["none", "full", "goatee", "moustache"]
BrowStyle = Literal["soft", "arched", "strong", "straight"]
Collar = Literal["crew", "v", "turtle"]
Pattern = Literal["plain", "stripes"]

HAIR_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)
YOUNGEST, OLDEST = 18, 90
MAX_BYTES = 1 << 20  # of a human's JSON

# MakeHuman's local changes of head and face, each from -1 to 1; one name covers both sides of a pair.
LOCAL_SHAPES: tuple[str, ...] = tuple(
    json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(_Part):
    """Age, build, and where between MakeHuman's corner shapes a head lies."""

    age: float = Field(ge=YOUNGEST, le=OLDEST, allow_inf_nan=False, description="years")
    gender: Share = Field(description="0 masculine, 1 feminine")
    muscle: Share = 0.5
    weight: Share = 0.5
    african: Share = Field(
        1 / 3, description="share of MakeHuman's corner shape of this name; no skin colour"
    )
    asian: Share = Field(1 / 3, description="likewise")
    caucasian: Share = Field(1 / 3, description="likewise")


class Skin(_Part):
    """Colour and marks of the skin."""

    tone: Share = Field(description="0 lightest, 1 darkest")
    undertone: Signed = Field(0.0, description="-1 cool, 1 warm")
    blush: Share = 0.2
    freckles: Share = 0.0
    stubble: Share = 0.0
    lips: Colour = Field((0.69, 0.23, 0.28), description="of the lipstick")
    lipstick: Share = Field(0.0, description="0 none, 1 opaque")


class Eyes(_Part):
    """Iris and lashes."""

    iris: Colour
    lashes: Share = Field(0.5, description="length and density")


class Brows(_Part):
    """Eyebrows."""

    style: BrowStyle = "soft"
    colour: Colour


class Hair(_Part):
    """Hair made of strands."""

    style: HairStyle
    strands: int = Field(0, ge=0, le=1, description="which of the style's two growths")
    root: Colour
    tip: Colour


class Beard(_Part):
    """A beard made of strands; stubble belongs to the skin."""

    style: BeardStyle = "none"
    colour: Colour = (0.2, 0.15, 0.1)


class Glasses(_Part):
    """A frame without tint."""

    roundness: float = Field(2.5, ge=2, le=5, allow_inf_nan=False, description="2 round, 5 square")
    colour: Colour = (0.06, 0.06, 0.06)


class Clothes(_Part):
    """The visible part of a shirt."""

    collar: Collar = "crew"
    pattern: Pattern = "plain"
    colour: Colour
    second: Colour = Field(description="of stripes and seam")


class Background(_Part):
    """A backdrop that darkens towards its edges."""

    centre: Colour
    edge: Colour


class Light(_Part):
    """A soft key light, ambient light from the backdrop, and a rim light."""

    azimuth: float = Field(
        default=-0.5, ge=-1.4, le=1.4, allow_inf_nan=False, description="radians; > 0 right"
    )
    elevation: float = Field(default=0.5, ge=0, le=1.2, allow_inf_nan=False, description="radians")
    warmth: Signed = 0.0
    strength: float = Field(default=1.0, ge=0.5, le=1.3, allow_inf_nan=False)
    rim: Share = 0.3


class Human(_Part):
    """One synthetic person, their clothes, and the scene.

    Raises:
        pydantic.ValidationError: a value is out of range, unknown or not a number; :func:`parse` and
            :func:`read` report it in a sentence that names the field.
    """

    version: Literal[1] = 1
    body: Body
    shape: dict[str, Signed] = Field(default_factory=dict, description="of LOCAL_SHAPES; left out is 0")
    skin: Skin
    eyes: Eyes
    brows: Brows
    hair: Hair
    beard: Beard = Beard()
    glasses: Glasses | None = None
    clothes: Clothes
    background: Background
    light: Light = Light()

    @field_validator("shape")
    @classmethod
    def _known(cls, shape: dict[str, float]) -> dict[str, float]:
        for name in shape:
            if name not in LOCAL_SHAPES:
                raise ValueError(message("humans.unknown_shape", name=name))
        return shape


def parse(values: Mapping[str, Any] | str | bytes, source: str | Path = "human") -> Human:
    """Parse a human from a mapping or JSON text.

    Args:
        source: its name in error messages.

    Raises:
        FenshenError: it does not describe a valid human; the message names the field.
    """
    try:
        if isinstance(values, (str, bytes)):
            with suppress(ValueError):  # that it is no JSON is said below
                cards.check(json.loads(values), source, 1)
            return Human.model_validate_json(values)
        cards.check(values, source, 1)
        return Human.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or message("humans.whole")
        raise FenshenError("humans.impossible", source=source, field=field, why=_why(first)) from error


def _why(error: Any) -> str:
    """What is wrong with a field, in the language in use."""
    kind, value, limits = error["type"], error.get("input"), error.get("ctx", {})
    shown = (
        repr(value) if isinstance(value, (str, int, float, bool)) or value is None else type(value).__name__
    )
    if kind in ("greater_than_equal", "less_than_equal"):
        limit = limits.get("ge", limits.get("le"))
        return message(
            "humans.too_low" if "ge" in limits else "humans.too_high", value=shown, limit=f"{limit:g}"
        )
    if kind == "literal_error":
        return message("humans.not_one_of", value=shown, allowed=limits["expected"])
    if kind == "finite_number":
        return message("humans.not_finite", value=shown)
    if kind in ("missing", "extra_forbidden"):
        return message(f"humans.{kind}")
    return str(error["msg"])


def read(path: str | Path) -> Human:
    """The human that a JSON file describes.

    Raises:
        FenshenError: the file cannot be read or does not describe a valid human.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FenshenError("humans.unreadable", path=path, why=f"{path.stat().st_size:,} bytes")
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise FenshenError("humans.unreadable", path=path, why=error.strerror or error) from error


def write(human: Human, path: str | Path) -> None:
    """Write a human as JSON.

    Raises:
        FenshenError: the file cannot be written.
    """
    files.write_text(path, human.model_dump_json(indent=2) + "\n")
