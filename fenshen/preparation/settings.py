"""The options of ``prepare`` that decide what a portrait looks like and which are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fenshen import portraits
from fenshen.errors import UsageError

Crop = Literal["face", "clip", "none"]
SIZES = (32, 64, 128, 256, 512, 1024)
# Of the portrait's side. A face is about half as high as its portrait, so it is enlarged by a quarter at most.
LEAST_FACE = 0.4


@dataclass(frozen=True)
class Settings:
    """Checked options; see :func:`fenshen.preparation.prepare.prepare` for what they mean.

    Attributes:
        min_face: pixels; 0 accepts any face.
        ground: RGB, 0 to 255.
    """

    size: int
    crop: Crop = "face"
    fit: portraits.Fit = "crop"
    all_faces: bool = False
    one_person: bool = False
    every: int | None = None
    fps: float | None = None
    min_face: int = 0
    ground: portraits.Colour = (255, 255, 255)

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: the first option that is wrong, and what it may be.
        """
        check("--size", self.size, self.size in SIZES, ", ".join(map(str, SIZES)))
        check("--crop", self.crop, self.crop in get_args(Crop), ", ".join(get_args(Crop)))
        check("--fit", self.fit, self.fit in get_args(portraits.Fit), ", ".join(get_args(portraits.Fit)))
        check("--every", self.every, self.every is None or self.every >= 1, ">= 1")
        check("--fps", self.fps, self.fps is None or 0 < self.fps <= 1000, "> 0, <= 1000")
        if self.every is not None and self.fps is not None:
            raise UsageError("prepare.every_or_fps")
        if self.all_faces and self.one_person:
            raise UsageError("prepare.all_or_one")
        if self.all_faces and self.crop == "clip":
            raise UsageError("prepare.all_or_clip")


def least_face(size: int, given: int | None) -> int:
    """Pixels that a face must be high: what was given, else what the size needs.

    Raises:
        UsageError: less than 1 was given.
    """
    check("--min-face", given, given is None or given >= 1, ">= 1")
    return round(size * LEAST_FACE) if given is None else given


def colour(name: str) -> portraits.Colour:
    """A CSS name or ``#rrggbb`` as RGB.

    Raises:
        UsageError: it is neither.
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise UsageError("prepare.unknown_colour", colour=name) from error
    return red, green, blue


def check(option: str, value: object, good: bool, allowed: str) -> None:
    """Refuse the value of an option unless it is good."""
    if not good:
        raise UsageError("prepare.out_of_range", option=option, value=value, allowed=allowed)
