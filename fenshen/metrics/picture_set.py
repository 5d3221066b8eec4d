"""The pictures to evaluate: drawn by a model, rows of a dataset, or files in a folder."""

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

from fenshen import files, greys, portraits
from fenshen.data import PictureData
from fenshen.dataset import Dataset
from fenshen.drawing import draw, request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.model import CARD, Model, is_shipped
from fenshen.names import readable

FEWEST = 8  # pictures, below which no figure means anything
MOST = 100_000  # twice as many as published scores use
_CHUNK = 32  # pictures drawn between two updates of the progress bar


@dataclass(frozen=True)
class PictureSet:
    """The pictures to evaluate, and what is known about them.

    Args:
        name: shown in the report.
        kind: drawn by a model, from a dataset, or from a folder.
        count: number of pictures; of a folder, at most, since unreadable files are skipped.
        size: their side in pixels.
        draw: yields them chunk by chunk, uint8 [n, H, W, 3]: all at once may not fit in memory.
        about: for the report: family, step, digest, licence and so on of a model.
        run: the run they come from, for its curves.
    """

    name: str
    kind: Literal["model", "dataset", "pictures"]
    count: int
    size: int
    draw: Callable[[], Iterator[UInt8[ndarray, "N H W 3"]]]
    about: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None


def picture_set_of(
    source: Model | Dataset | Path | str, against: PictureData, *, count: int, seed: int, device: Any
) -> PictureSet:
    """The pictures of a model, checkpoint or run, of a dataset, or of a folder.

    Args:
        against: the dataset of real pictures; if ``source`` is the same one, its training pictures are evaluated.
        count: pictures wanted.
        seed: seed of a model's first picture, or of the random subset of more pictures than wanted.

    Raises:
        FenshenError: ``source`` is none of these, or holds fewer than 8 pictures.
    """
    if isinstance(source, Model):
        return _of_model(source, source.path, against, count, seed)
    if isinstance(source, Dataset):
        return _of_dataset(source, against, count, seed)
    path = Path(source)
    files.must_be_folder(path, "files.pictures")
    shipped = is_shipped(path)
    if not path.exists() and not shipped:
        raise UsageError("evaluate.missing", path=path)
    if (path / "dataset.json").is_file():
        return _of_dataset(Dataset(path), against, count, seed)
    if shipped or (path / CARD).is_file() or (path / "checkpoints").is_dir():
        return _of_model(Model.load(path, device), path, against, count, seed)
    return _of_folder(path, against.card.size, count, seed)


def _of_model(model: Model, path: Path, against: PictureData, count: int, seed: int) -> PictureSet:
    def draw_chunks() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for start in range(0, count, _CHUNK):
            yield _draw_seeds(model, list(range(seed + start, seed + min(start + _CHUNK, count))), against)

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
    return PictureSet(_name(path), "model", count, _side(model, against), draw_chunks, about, run)


def _draw_seeds(model: Model, seeds: list[int], against: PictureData) -> UInt8[ndarray, "N H W 3"]:
    """Pictures of some seeds; a conditional model that was not told who is told controls of the dataset."""
    wishes = [request_of_seed(model, seed) for seed in seeds]
    if model.card.told == "noise" and model.card.network.conditional and against.controls is not None:
        rows = [np.random.default_rng(seed).integers(len(against)) for seed in seeds]
        wishes = [replace(w, controls=against.controls[row]) for w, row in zip(wishes, rows, strict=True)]
    side = _side(model, against)
    drawn = draw(model, wishes, size=(side, side) if model.card.network.any_size else None)
    return greys.seen(drawn) if model.card.levels else drawn


def _side(model: Model, against: PictureData) -> int:
    """Of the pictures that are drawn: a model of any size is asked for the dataset's."""
    return against.card.size if model.card.network.any_size else model.card.resolution


def _of_dataset(data: Dataset, against: PictureData, count: int, seed: int) -> PictureSet:
    same = data.path.resolve() == against.path.resolve()
    rows = random_subset(data.indices("train") if same else np.arange(len(data)), count, seed)
    check_enough(len(rows), data.path.name)

    def draw() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for start in range(0, len(rows), _CHUNK):
            yield np.asarray(data.pixels[rows[start : start + _CHUNK]])

    about = {"licence": data.card.licence}
    return PictureSet(_name(data.path), "dataset", len(rows), data.card.size, draw, about)


def _of_folder(path: Path, size: int, count: int, seed: int) -> PictureSet:
    files = sorted(_pictures_in(path))
    files = [files[i] for i in random_subset(np.arange(len(files)), count, seed)]
    check_enough(len(files), path.name)

    def draw() -> Iterator[UInt8[ndarray, "N H W 3"]]:
        for file in files:
            with suppress(portraits.PictureError):
                yield portraits.resize(portraits.read(file, at_least=2 * size), size)[None]

    return PictureSet(_name(path), "pictures", len(files), size, draw)


def _pictures_in(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in portraits.SUFFIXES and not name.startswith("."):
                yield Path(folder, name)


def random_subset(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of the rows, chosen at random, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def check_enough(count: int, name: str) -> None:
    """Refuse sets too small to measure.

    Raises:
        FenshenError: ``name`` has fewer than 8 pictures.
    """
    if count < FEWEST:
        raise FenshenError("evaluate.too_few", name=name, count=count, least=FEWEST)


def _name(path: Path) -> str:
    return readable(path.name or path.resolve().name)
