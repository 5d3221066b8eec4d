"""What training needs of its data: a prepared dataset, or points of a known mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy import ndarray

from fenshen import points
from fenshen.dataset import Dataset
from fenshen.media import Medium


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


@runtime_checkable
class TrainingData(Protocol):
    """Samples of some medium, the same whenever it is opened.

    Attributes:
        medium: what the samples are.
        path: how a user names it.
        fingerprint: changes with the samples.
        samples: all of them, the first axis counting.
        recipe: name of the recipe that is taken where the user names none.
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

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray: ...


def open_data(data: Dataset | Path | str) -> TrainingData:
    """A dataset's folder, or ``points:NAME``, opened.

    Raises:
        FenshenError: there is nothing of the kind.
    """
    if isinstance(data, Dataset):
        return data
    name = str(data)
    return (
        points.Points(name.removeprefix(points.PREFIX)) if name.startswith(points.PREFIX) else Dataset(data)
    )
