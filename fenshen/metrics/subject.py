"""What is evaluated: a model's pictures, or any others, to try the measures on known answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.dataset import Dataset
from fenshen.drawing import draw, request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.model import CARD, Model

FEWEST = 8  # pictures, below which no figure means anything
_CHUNK = 32  # pictures drawn between two looks at the progress bar


@dataclass(frozen=True)
class Subject:
    """The pictures to be judged and what is known about them.

    Args:
        name: what to call them in the report.
        kind: drawn by a model, a dataset's, or lying in a folder.
        count: how many there will be; of a folder at most, for unreadable files are passed over.
        size: their side in pixels.
        draw: makes them, chunk by chunk, uint8 [n, H, W, 3]; the chunks of 1024 px would not fit in memory
        at once. about: for the report: family, resolution, step, digest and licence of a model. run: the
        run they come from, for its curves.
    """

    name: str
    kind: Literal["model", "dataset", "pictures"]
    count: int
    size: int
    draw: Callable[[], Iterator[UInt8[ndarray, "N H W 3"]]]
    about: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None


def find(
    source: Model | Dataset | Path | str, against: Dataset, *, count: int, seed: int, device: Any
) -> Subject:
    """What ``source`` means: a model, checkpoint or run; a dataset; a folder of pictures.

    Args:
        against: the dataset of real pictures; if ``source`` is the same one, its training pictures are
        judged. count: pictures wanted. seed: the first seed of a model's pictures; which ones are taken of
        more pictures than wanted.

    Raises:
        FenshenError: it is none of these, or holds fewer than 8 pictures.
    """
    if isinstance(source, Model):
        return _of_model(source, source.path, against, count, seed)
    if isinstance(source, Dataset):
        return _of_dataset(source, against, count, seed)
    path = Path(source)
    if not path.exists():
        raise UsageError("evaluate.missing", path=path)
    if (path / "dataset.json").is_file():
        return _of_dataset(Dataset(path), against, count, seed)
    if (path / CARD).is_file() or (path / "checkpoints").is_dir():
        return _of_model(Model.load(path, device), path, against, count, seed)
    return _of_folder(path, against.card.size, count, seed)


def _of_model(model: Model, path: Path, against: Dataset, count: int, seed: int) -> Subject:
    def drawn() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for start in range(0, count, _CHUNK):
            yield _sample(model, list(range(seed + start, seed + min(start + _CHUNK, count))), against)

    card = model.card
    about = {
        "family": card.family,
        "recipe": card.recipe,
        "step": card.step,
        "pictures_seen": card.pictures_seen,
        "licence": card.licence,
        "digest": model.digest,
    }
    run = path if (path / "log.jsonl").is_file() else None
    return Subject(_name(path), "model", count, card.resolution, drawn, about, run)


def _sample(model: Model, seeds: list[int], against: Dataset) -> UInt8[ndarray, "N H W 3"]:
    """Pictures of some seeds; a conditional model that was not told who is told controls of the dataset."""
    wishes = [request_of_seed(model, seed) for seed in seeds]
    if model.card.told == "noise" and model.card.network.conditional and against.controls is not None:
        rows = [np.random.default_rng(seed).integers(len(against)) for seed in seeds]
        wishes = [replace(w, controls=against.controls[row]) for w, row in zip(wishes, rows, strict=True)]
    return draw(model, wishes)


def _of_dataset(data: Dataset, against: Dataset, count: int, seed: int) -> Subject:
    same = data.path.resolve() == against.path.resolve()
    rows = some(data.indices("train") if same else np.arange(len(data)), count, seed)
    check_enough(len(rows), data.path.name)

    def draw() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for start in range(0, len(rows), _CHUNK):
            yield np.asarray(data.pixels[rows[start : start + _CHUNK]])

    about = {"licence": data.card.licence}
    return Subject(_name(data.path), "dataset", len(rows), data.card.size, draw, about)


def _of_folder(path: Path, size: int, count: int, seed: int) -> Subject:
    files = sorted(_pictures_in(path))
    files = [files[i] for i in some(np.arange(len(files)), count, seed)]
    check_enough(len(files), path.name)

    def draw() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for file in files:
            with suppress(portraits.PictureError):
                yield portraits.resize(portraits.read(file, at_least=2 * size), size)[None]

    return Subject(_name(path), "pictures", len(files), size, draw)


def _pictures_in(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in portraits.SUFFIXES and not name.startswith("."):
                yield Path(folder, name)


def some(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of the rows, drawn by seed, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def check_enough(count: int, name: str) -> None:
    """Refuse what is too little to say anything about.

    Raises:
        FenshenError: ``name`` has fewer than 8 pictures.
    """
    if count < FEWEST:
        raise FenshenError("evaluate.too_few", name=name, count=count, least=FEWEST)


def _name(path: Path) -> str:
    return path.name or path.resolve().name
