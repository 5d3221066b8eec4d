"""A person's own pictures that a double moves, with their labels, and the empty background; on disk a small folder.

Pictures are JPEG files at the size of the source; ``keyframes.json`` holds controls and contour points, and names the
files. The plate, the background without the person, is a picture with an alpha channel: how often each pixel was empty.
Those of a film can have one whole frame of it, into which the crop that they show can be put back.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from fenshen import cards
from fenshen import controls as control_space
from fenshen.errors import FenshenError
from fenshen.networks.contours import CONTOUR_POINTS

SCHEMA_VERSION = 1
FOLDER, CARD = "keyframes", "keyframes.json"
MOST, LARGEST = 12, 1024  # keyframes, and pixels of a side
LONGEST = 1920  # pixels of a whole frame's longer side
MOST_BYTES = 2**21  # of a picture
_PLATE, _WHOLE = "plate.png", "whole.jpg"
_QUALITIES = (95, 88, 75, 50)  # of JPEG, the first with which a picture is small enough
_Controls = Annotated[list[float], Field(min_length=control_space.COUNT, max_length=control_space.COUNT)]


class _Keyframe(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    controls: _Controls
    points: Annotated[
        list[tuple[float, float]], Field(min_length=len(CONTOUR_POINTS), max_length=len(CONTOUR_POINTS))
    ]


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    keyframes: Annotated[list[_Keyframe], Field(min_length=1, max_length=MOST)]
    made: Annotated[int, Field(ge=0, lt=MOST)] = 0
    square: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Whole:
    """One whole frame of a film, in which keyframes are the crop of a square.

    Attributes:
        picture: the frame, upright.
        left, top, side: of the square, in the frame's pixels from its upper left corner; it may reach beyond the edges.
    """

    picture: UInt8[ndarray, "H W 3"]
    left: float
    top: float
    side: float

    def __post_init__(self) -> None:
        height, width = self.picture.shape[:2]
        if (
            not np.isfinite(self.square).all()
            or self.side < 1
            or not (-self.side < self.left < width and -self.side < self.top < height)
        ):
            raise ValueError(f"the square {self.square} is not in a frame of {width} x {height}")

    @property
    def square(self) -> tuple[float, float, float]:
        """Left, top and side of the square."""
        return self.left, self.top, self.side


@dataclass(frozen=True, eq=False)
class Keyframes:
    """Pictures of one size, and what is known about them.

    Attributes:
        pictures: the keyframes, RGB.
        controls: of each.
        points: contour points of each, x right and y down in sides.
        plate: the background without the person; alpha says how often each pixel was empty.
        whole: the film's frame of the first keyframe; None where there is no film, or its background moved.
        made: how many, the last ones, show what was not filmed: the first picture, moved by a fitted head.
    """

    pictures: UInt8[ndarray, "K S S 3"]
    controls: Float[ndarray, "K 58"]
    points: Float[ndarray, "K P 2"]
    plate: UInt8[ndarray, "S S 4"]
    whole: Whole | None = None
    made: int = 0

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.pictures.shape[1]

    def resized(self, size: int) -> Keyframes:
        """The same at another size."""
        import cv2

        if size == self.size:
            return self
        how = cv2.INTER_AREA if size < self.size else cv2.INTER_CUBIC
        *pictures, plate = (
            cv2.resize(picture, (size, size), interpolation=how) for picture in (*self.pictures, self.plate)
        )
        return replace(self, pictures=np.stack(pictures), plate=plate)

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        kept = [
            _Keyframe(controls=values.tolist(), points=places.tolist())
            for values, places in zip(self.controls, self.points, strict=True)
        ]
        pictures = {f"{i}.jpg": _encoded(picture) for i, picture in enumerate(self.pictures)}
        whole = self.whole
        if whole is not None:
            pictures[_WHOLE] = _encoded(whole.picture)
        card = _Card(keyframes=kept, made=self.made, square=None if whole is None else whole.square)
        return {CARD: card.model_dump_json(indent=1).encode(), **pictures, _PLATE: _encoded(self.plate)}

    def write(self, folder: Path) -> None:
        """Write the files into a folder, which the caller moves to its place."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    @classmethod
    def read(cls, folder: Path) -> Keyframes:
        """Read what :meth:`write` wrote.

        Raises:
            FenshenError: a file is missing, damaged, or not what it should be.
        """
        try:
            card = cards.read(_Card, (folder / CARD).read_bytes(), folder, SCHEMA_VERSION)
            pictures = [_decoded(folder / f"{i}.jpg", "RGB") for i in range(len(card.keyframes))]
            plate = _decoded(folder / _PLATE, "RGBA")
            whole = (
                None
                if card.square is None
                else Whole(_decoded(folder / _WHOLE, "RGB", square=False), *card.square)
            )
            if len({picture.shape[:2] for picture in (*pictures, plate)}) > 1:
                raise ValueError("keyframes of different sizes")
            controls = np.array([one.controls for one in card.keyframes], dtype=np.float32)
            control_space.check(controls)
            if card.made >= len(controls):
                raise ValueError("no keyframe was filmed")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            why = " ".join(str(error).split())[:200]
            raise FenshenError("double.damaged", path=folder, file=FOLDER, why=why) from error
        points = np.array([one.points for one in card.keyframes], dtype=np.float32)
        return cls(np.stack(pictures), controls, points, plate, whole, card.made)


def file_names() -> dict[str, int]:
    """All names that a folder may hold, and how large each file may be."""
    pictures = (_WHOLE, *(f"{i}.jpg" for i in range(MOST)))
    return {CARD: 2**20, _PLATE: 2 * MOST_BYTES, **dict.fromkeys(pictures, MOST_BYTES)}


def _encoded(picture: UInt8[ndarray, "H W C"]) -> bytes:
    content, image = b"", Image.fromarray(picture)
    if image.mode == "RGBA":
        image.save(file := io.BytesIO(), "PNG", optimize=True)
        return file.getvalue()
    for quality in _QUALITIES:
        image.save(file := io.BytesIO(), "JPEG", quality=quality, subsampling=0)
        content = file.getvalue()
        if len(content) <= MOST_BYTES:
            break
    return content


def _decoded(file: Path, mode: str, *, square: bool = True) -> UInt8[ndarray, "H W C"]:
    with Image.open(file, formats=("JPEG", "PNG")) as image:
        most = LARGEST if square else LONGEST
        odd = square and image.width != image.height
        if image.mode != mode or odd or min(image.size) < 32 or max(image.size) > most:
            raise ValueError(f"{file.name}: {image.mode}, {image.width} x {image.height}")
        return np.array(image)
