"""Grey pictures of 16 bits from a folder: ``greys:FOLDER``, or ``greys:-160..240:FOLDER`` for a window of values.

They are brought to squares of one size in floating point and to 16 bits once, over the range of all pictures or the
window; a model's card says what these 16 bits stand for, so that what it draws is written in the unit of the files.
"""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from fenshen import cache, files, greys
from fenshen.data import KINDS, FormulaCard
from fenshen.dataset import Split
from fenshen.errors import FenshenError, UsageError
from fenshen.greys import GREYS, Greys, Levels

SIDES = (32, 128)  # px: smallest side of a picture that is of use, and largest of what is trained on
_SUFFIXES = (".png", ".tif", ".tiff", ".dcm", ".dicom", ".ima")
_WINDOW = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?):(.+)", re.DOTALL)
_VERSION = 1  # of what the cache holds


class Measured(NamedTuple):
    """Pictures in the unit of their files."""

    values: Float32[ndarray, "N S S"]
    levels: Levels
    held_out: Bool[ndarray, "N"]


class GreyPictures(ABC):
    """Grey pictures as training data, kept in the cache.

    Args:
        name: how a user names them.
        licence: terms of their use, when known.
    """

    medium = GREYS
    recipe = "grey"
    controls = None

    def __init__(self, name: str, licence: str | None) -> None:
        self.path, self._licence = Path(name), licence

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes with the pictures."""

    @abstractmethod
    def _measured(self) -> Measured:
        """All pictures, read or drawn."""

    @cached_property
    def _kept(self) -> dict[str, ndarray]:
        def make() -> dict[str, ndarray]:
            values, levels, held_out = self._measured()
            return {"greys": levels.greys(values), "levels": np.array(levels), "held_out": held_out}

        name = hashlib.sha256(self.fingerprint.encode()).hexdigest()[:24]
        return cache.arrays("greys", f"{name}-{_VERSION}", make)

    @property
    def samples(self) -> Greys:
        """All pictures."""
        return self._kept["greys"]

    @cached_property
    def pixels(self) -> UInt8[ndarray, "N S S 3"]:
        """All pictures as a network sees them that knows 8 bits and three colours."""
        return greys.seen(self.samples)

    @cached_property
    def card(self) -> FormulaCard:
        """What a model's card takes over."""
        levels = Levels(*self._kept["levels"].tolist())
        return FormulaCard([str(self.path)], self.samples.shape[1], self._licence, levels=levels)

    @property
    def shape(self) -> dict[str, int]:
        """What a recipe must agree with."""
        return {"size": self.card.size}

    def __len__(self) -> int:
        return len(self.samples)

    def indices(self, split: Split) -> np.ndarray:
        """Positions of one split's pictures."""
        return np.flatnonzero(self._kept["held_out"] == (split == "held_out"))


@KINDS.register("greys")
class GreyFolder(GreyPictures):
    """The PNG, TIFF and DICOM files of a folder and those below it; other files are passed over.

    About a tenth is held out: where there are folders of them, such as one for each patient, whole folders.

    Args:
        name: of the folder, after a window if values outside it do not count.

    Raises:
        UsageError: no such folder, or a window without width.
        FenshenError: it holds no such files.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"greys:{name}", None)
        found = _WINDOW.fullmatch(name)
        self._window = Levels(float(found[1]), float(found[2])) if found else None
        if self._window and self._window.low >= self._window.high:
            raise UsageError("greys.no_window", window=name)
        self._folder = Path(found[3] if found else name).expanduser()
        if not self._folder.is_dir():
            raise UsageError("greys.no_folder", path=self._folder)
        self._files = sorted(_files(self._folder))
        if not self._files:
            raise FenshenError("greys.empty", path=self._folder, suffixes=", ".join(_SUFFIXES))

    @cached_property
    def fingerprint(self) -> str:
        """Of the files, their names and the window."""
        digest = hashlib.sha256(repr(self._window).encode())
        for file in self._files:
            digest.update(f"{file.relative_to(self._folder)}\0".encode())
            digest.update(hashlib.sha256(_bytes(file)).digest())
        return digest.hexdigest()

    def _measured(self) -> Measured:
        from fenshen.preparation.splits import Origin, split

        pages, origins = list[Float32[ndarray, "_ _"]](), list[Origin]()
        for file in self._files:
            name = file.relative_to(self._folder)
            subject = name.parts[0] if len(name.parts) > 1 else None
            found = greys.read(_bytes(file), str(file))
            for number, page in enumerate(found):
                side = min(page.shape)
                if side < SIDES[0]:
                    raise FenshenError("greys.too_small", path=file, side=side, least=SIDES[0])
                pages.append(_square(page, min(side, SIDES[1])))
                origins.append(Origin(str(name), subject, number if len(found) > 1 else None))
        size = 1 << (min(map(len, pages)).bit_length() - 1)
        values = np.stack([_square(page, size) for page in pages])
        levels = self._window or Levels(float(values.min()), float(values.max()))
        if levels.low >= levels.high:
            raise FenshenError("greys.flat", path=self.path)
        return Measured(values, levels, np.array(split(origins)) == "held_out")


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES:
                yield Path(place, name)


def _bytes(file: Path) -> bytes:
    with files.reading_errors(file):
        return file.read_bytes()


def _square(page: Float32[ndarray, "H W"], side: int) -> Float32[ndarray, "side side"]:
    """The middle square, at one size."""
    import cv2

    short = min(page.shape)
    top, left = (page.shape[0] - short) // 2, (page.shape[1] - short) // 2
    square = np.ascontiguousarray(page[top : top + short, left : left + short])
    return square if short == side else cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
