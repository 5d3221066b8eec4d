"""What training needs of its data: a prepared dataset, or samples that are drawn by a formula.

One module a kind of the latter; each registers what opens it, by the word before the colon: ``points:ring8``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy import ndarray

from fenshen.dataset import Dataset
from fenshen.greys import Levels
from fenshen.media import Medium
from fenshen.registry import Registry


@runtime_checkable
class Facts(Protocol):
    """What a model's card takes over from its data."""

    @property
    def origin(self) -> list[str]: ...

    @property
    def size(self) -> int: ...

    @property
    def licence(self) -> str | None: ...

    @property
    def consent(self) -> str | None: ...

    @property
    def vocabulary(self) -> Sequence[str]: ...

    @property
    def levels(self) -> Levels | None: ...


@runtime_checkable
class TrainingData(Protocol):
    """Samples of some medium, the same whenever it is opened.

    Attributes:
        medium: what the samples are.
        path: how a user names it.
        fingerprint: changes with the samples.
        samples: all of them, the first axis counting.
        recipe: name of the recipe that is taken where the user names none.
        shape: keys of a recipe that must be the data's own.
    """

    medium: Medium
    path: Path

    @property
    def fingerprint(self) -> str: ...

    @property
    def samples(self) -> ndarray: ...

    @property
    def card(self) -> Facts: ...

    @property
    def recipe(self) -> str: ...

    @property
    def shape(self) -> dict[str, int]: ...

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray: ...


@runtime_checkable
class PictureData(TrainingData, Protocol):
    """Pictures of one size, to be looked at.

    Attributes:
        pixels: as a network sees them that knows 8 bits and three colours; uint8 [N, H, W, 3].
        controls: of every picture, or None where some picture has none.
    """

    @property
    def pixels(self) -> ndarray: ...

    @property
    def controls(self) -> ndarray | None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class FormulaCard:
    """What is known about samples that no dataset holds; those that a formula draws are nobody's, and free.

    Attributes:
        origin: how a user names them.
        size: of a network for them.
        licence: terms of their use, when known.
        vocabulary: of texts, what their numbers stand for.
        levels: of grey pictures, what their 16 bits stand for.
    """

    origin: list[str]
    size: int
    licence: str | None = "CC0-1.0"
    vocabulary: tuple[str, ...] = ()
    levels: Levels | None = None
    consent: None = None


KINDS: Registry[Callable[[str], TrainingData]] = Registry("data", "fenshen.data")


def open_data(data: Dataset | Path | str) -> TrainingData:
    """A dataset's folder, or samples of a kind such as ``points:ring8``, opened.

    Raises:
        UsageError: there are no such samples.
        FenshenError: there is no such dataset.
    """
    if isinstance(data, Dataset):
        return data
    kind, colon, name = str(data).partition(":")
    return KINDS[kind](name) if colon and kind in KINDS else Dataset(data)
