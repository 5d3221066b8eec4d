"""What generators that translate are given, and what they should make of it; and the kinds of such data for pictures.

``pairs:A:B`` are two datasets of the same pictures in two forms, matched by the names of their files; ``unpaired:A:B``
two datasets that have nothing to do with one another; ``damaged:A`` one dataset, damaged anew in every batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import ClassVar

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray

from fenshen.data import KINDS, Facts, TrainingData
from fenshen.data.damage import CHANNELS, DAMAGES, encoded
from fenshen.dataset import Batches, Dataset, SourceLabels, Split
from fenshen.errors import FenshenError, UsageError
from fenshen.media import PICTURES, Medium

Picture = UInt8[ndarray, "H W 3"]
_STREAM = 2  # of random numbers, beside the two of Batches


class Translations(ABC):
    """Training data of a generator that translates.

    Attributes:
        path: how a user names it.
        samples: what should be made, the first axis counting.
        card: what is known of it.
        fingerprint: changes with the samples.
        shape: what a recipe must agree with.
        paired: whether what is made has a right answer.
    """

    medium: Medium
    recipe: ClassVar[str]
    paired: ClassVar[bool] = True
    path: Path

    @property
    @abstractmethod
    def samples(self) -> ndarray: ...

    @property
    @abstractmethod
    def card(self) -> Facts: ...

    @property
    @abstractmethod
    def fingerprint(self) -> str: ...

    @property
    @abstractmethod
    def shape(self) -> dict[str, int]: ...

    @abstractmethod
    def indices(self, split: Split) -> np.ndarray:
        """Positions of one split's samples."""

    @abstractmethod
    def pair(
        self, row: int, numbers: np.random.Generator, size: int
    ) -> tuple[Shaped[ndarray, "*S C"], Shaped[ndarray, "*S K"]]:
        """A source, and the sample of row ``row`` that should be made of it, or is like what should be."""

    def pairs(
        self, rows: np.ndarray, seed: tuple[int, ...], size: int
    ) -> tuple[Shaped[ndarray, "N *S C"], Shaped[ndarray, "N *S K"]]:
        """Sources and targets of some rows, by the random numbers of each row's place."""
        made = [self.pair(int(row), np.random.default_rng((*seed, i)), size) for i, row in enumerate(rows)]
        return np.stack([source for source, _ in made]), np.stack([target for _, target in made])


class Targeted(Translations):
    """Samples that are known, and sources that are made of them.

    Args:
        name: how a user names it.
        target: pictures, or samples of another medium, as they should become.
    """

    medium: Medium = PICTURES
    channels: ClassVar[int] = 3
    largest: ClassVar[int] = 128  # side in pixels of the networks that are taken by default

    def __init__(self, name: str, target: TrainingData) -> None:
        self.path, self.target = Path(name), target

    @abstractmethod
    def pair(self, row: int, numbers: np.random.Generator, size: int) -> tuple[ndarray, ndarray]: ...

    @property
    def samples(self) -> Shaped[ndarray, "N *S"]:
        """The samples as they should become."""
        return self.target.samples

    @property
    def card(self) -> Facts:
        """What is known of them."""
        return self.target.card

    @property
    def fingerprint(self) -> str:
        """Changes with the samples."""
        return self.target.fingerprint

    @property
    def shape(self) -> dict[str, int]:
        """What a recipe must agree with; its size may be smaller."""
        return {"size": min(self.card.size, self.largest), "sources": self.channels}

    def indices(self, split: Split) -> np.ndarray:
        """Positions of one split's samples."""
        return self.target.indices(split)


@dataclass(frozen=True)
class TranslatedBatches(Batches):
    """Batches of a translation's targets, with their sources as labels.

    Args:
        data: what makes the pairs.
        size: of the network: side of the pictures in pixels, steps of sequences, frames of sounds.
    """

    data: Translations = field(kw_only=True)
    size: int = field(kw_only=True)

    def at(self, step: int, part: slice = slice(None)) -> tuple[Shaped[ndarray, "B *S"], SourceLabels]:
        rows, flips = self.chosen(step)
        made = [
            self.data.pair(int(rows[i]), np.random.default_rng((self.seed, _STREAM, step, i)), self.size)
            for i in range(self.batch_size)[part]
        ]
        mirrored = flips[part] if self.mirror else np.zeros(len(made), bool)
        turned = [
            tuple(x[:, ::-1] if flip else x for x in pair) for pair, flip in zip(made, mirrored, strict=True)
        ]
        targets = np.stack([target for _, target in turned])
        return targets, SourceLabels(None, np.stack([source for source, _ in turned]))


@KINDS.register("damaged")
class Damaged(Targeted):
    """Whole pictures, damaged at random: half of the time a piece of one at its full size.

    Args:
        name: a dataset; before it, joined by ``+`` and with a colon after them, the damages if not all.

    Raises:
        FenshenError: there is no such dataset.
    """

    channels = CHANNELS
    recipe = "restore-128"

    def __init__(self, name: str) -> None:
        words, _, rest = name.partition(":")
        chosen = words.split("+")
        if not set(chosen) <= set(DAMAGES):
            chosen, rest = list(DAMAGES), name
        super().__init__(f"damaged:{name}", Dataset(rest))
        self.damages = [DAMAGES[word] for word in chosen]

    @property
    def fingerprint(self) -> str:
        return "+".join(damage.name for damage in self.damages) + self.target.fingerprint

    def pair(
        self, row: int, numbers: np.random.Generator, size: int
    ) -> tuple[UInt8[ndarray, "S S C"], Picture]:
        picture = _piece(self.samples[row], size, numbers)
        damage = self.damages[numbers.integers(len(self.damages))]
        damaged, mask = damage.apply(picture, numbers)
        return encoded(damaged, damage.name, mask), picture


@KINDS.register("pairs")
class Pairs(Targeted):
    """Pictures in two forms, matched by the names of their files: ``pairs:SOURCES:TARGETS``.

    Raises:
        FenshenError: there is no such dataset, or too few pictures have the same name in both.
    """

    recipe = "redraw-64"

    def __init__(self, name: str) -> None:
        self.source, target = _both(name)
        super().__init__(f"pairs:{name}", target)
        there = {key: row for row, key in enumerate(_names(self.source))}
        self._source_rows = np.array([there.get(key, -1) for key in _names(target)])
        if not (self._source_rows >= 0).any():
            raise FenshenError("translations.no_pairs", one=self.source.path, other=target.path)

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint + self.target.fingerprint

    def indices(self, split: Split) -> np.ndarray:
        rows = super().indices(split)
        return rows[self._source_rows[rows] >= 0]

    def pair(self, row: int, numbers: np.random.Generator, size: int) -> tuple[Picture, Picture]:
        source = self.source.pixels[self._source_rows[row]]
        return _resized(source, size), _resized(self.samples[row], size)


@KINDS.register("unpaired")
class Unpaired(Targeted):
    """Two kinds of pictures, of which none belongs to any other: ``unpaired:SOURCES:TARGETS``.

    Raises:
        FenshenError: there is no such dataset.
    """

    recipe = "unpaired-64"
    paired = False

    def __init__(self, name: str) -> None:
        self.source, target = _both(name)
        super().__init__(f"unpaired:{name}", target)

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint + self.target.fingerprint

    @cached_property
    def _splits(self) -> dict[Split, np.ndarray]:
        held_out, train = self.source.indices("held_out"), self.source.indices("train")
        return {"train": train, "held_out": held_out if len(held_out) else train}

    @cached_property
    def _held_out(self) -> frozenset[int]:
        return frozenset(self.target.indices("held_out").tolist())

    def pair(self, row: int, numbers: np.random.Generator, size: int) -> tuple[Picture, Picture]:
        rows = self._splits["held_out" if row in self._held_out else "train"]
        source = self.source.pixels[rows[numbers.integers(len(rows))]]
        return _resized(source, size), _resized(self.samples[row], size)


def _both(name: str) -> tuple[Dataset, Dataset]:
    one, _, other = name.partition(":")
    if not (one and other):
        raise UsageError("translations.two", name=name)
    return Dataset(one), Dataset(other)


def _names(data: Dataset) -> list[tuple[str, float | None]]:
    """What each picture is called, without its folder and ending; of drawn ones, their number."""
    sources = data.records["source"].to_pylist()
    stems = [name.rpartition("#")[2] if "#" in name else PurePath(name).stem for name in sources]
    return list(zip(stems, data.records["timestamp"].to_pylist(), strict=True))


def _piece(picture: Picture, size: int, numbers: np.random.Generator) -> Picture:
    """All of a picture at a smaller size, or a piece of it at its own."""
    if len(picture) == size or numbers.random() < 0.5:
        return _resized(picture, size)
    top, left = numbers.integers(len(picture) - size + 1, size=2)
    return picture[top : top + size, left : left + size]


def _resized(picture: Picture, size: int) -> Picture:
    import cv2

    if len(picture) == size:
        return picture
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
