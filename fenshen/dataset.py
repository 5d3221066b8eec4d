"""A prepared dataset on disk: write it, open it, draw batches from it.

A dataset is a folder of four files: ``pixels.npy`` (uint8 [N, H, W, 3], memory-mapped), ``records.parquet``
(one row a picture), ``rejected.parquet`` (each refused file and its reason) and ``dataset.json`` (the card).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, Shaped, UInt8
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, Field

from fenshen import cards, controls, files, landmarks
from fenshen.errors import FenshenError
from fenshen.media import PICTURES

SCHEMA_VERSION = 1
UNFILMED = "unfilmed"  # folder beside a film's pictures with a dataset of what they do not show
Split = Literal["train", "held_out"]

RECORDS = pa.schema(
    [
        ("source", pa.string()),  # the path as the user gave it; members of a zip as archive.zip!/member
        ("timestamp", pa.float64()),  # seconds into a video; null for a still
        ("sha256", pa.string()),  # of the source file
        ("phash", pa.uint64()),  # perceptual hash of the portrait
        ("subject", pa.string()),
        ("split", pa.string()),
        # Of a face; null where there is none. Boxes in source pixels, x right and y down.
        ("box", pa.list_(pa.float32(), 4)),  # left, top, right, bottom
        (
            "landmarks",
            pa.list_(pa.float32(), landmarks.COUNT * 3),
        ),  # x, y, z; fractions of the portrait's side
        ("controls", pa.list_(pa.float32(), controls.COUNT)),
        ("face_size", pa.float32()),  # face height in source pixels
        ("occluded", pa.bool_()),
        ("extreme_pose", pa.bool_()),
        # Of any picture.
        ("sharpness", pa.float32()),
        ("exposure", pa.float32()),  # mean luma, 0 to 1
        # Of a drawn human; null for all others.
        ("human", pa.string()),  # JSON of fenshen.humans.Human
        ("camera", pa.list_(pa.float32(), 3)),  # azimuth and elevation in radians, distance in metres
    ]
)
REJECTED = pa.schema(
    [("source", pa.string()), ("timestamp", pa.float64()), ("reason", pa.string()), ("detail", pa.string())]
)


class DatasetCard(BaseModel):
    """``dataset.json``: what a dataset holds and where it came from."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    size: int = Field(ge=8, le=4096, description="side of the square portraits in pixels")
    count: int = Field(ge=1)
    rejected: int = Field(ge=0)
    crop: Literal["face", "clip", "none"]
    origin: list[str] = Field(description="the sources as the user named them")
    licence: str | None = Field(default=None, description="licence or terms of the pictures, when known")
    consent: str | None = Field(default=None, description="whose consent allows the use, when recorded")
    settings: dict[str, Any] = Field(default_factory=dict, description="the options prepare was called with")
    fenshen: str = Field(description="version that wrote it")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """None: pictures have no words."""
        return ()

    @property
    def levels(self) -> None:
        """None: pictures have 8 bits."""
        return None


def write(
    path: Path,
    card: DatasetCard,
    pixels: Iterable[UInt8[ndarray, "H W 3"]],
    records: pa.Table,
    rejected: pa.Table,
) -> Dataset:
    """Write a dataset; an existing one is replaced.

    Args:
        pixels: ``card.count`` portraits in the order of ``records``.

    Raises:
        FenshenError: it cannot be written.
    """
    with files.writing_folder(path) as part:
        _write_pixels(part / "pixels.npy", (card.count, card.size, card.size, 3), pixels)
        if len(records) != card.count:
            raise ValueError(f"{len(records)} records for a card that says {card.count}")
        files.write_table(part / "records.parquet", records.cast(RECORDS), compression="zstd")
        files.write_table(part / "rejected.parquet", rejected.cast(REJECTED), compression="zstd")
        (part / "dataset.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Dataset(path)


def _write_pixels(
    file: Path, shape: tuple[int, int, int, int], pixels: Iterable[UInt8[ndarray, "H W 3"]]
) -> None:
    """Write in sequence, not through a memory map: on a full disk that is a bus error, not an exception."""
    written = 0
    with file.open("wb") as stream:
        layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, layout)
        for written, portrait in enumerate(pixels, start=1):
            if portrait.shape != shape[1:] or portrait.dtype != np.uint8:
                raise ValueError(
                    f"portrait {written} is {portrait.dtype} {portrait.shape}, not uint8 {shape[1:]}"
                )
            stream.write(np.ascontiguousarray(portrait).data)
    if written != shape[0]:
        raise ValueError(f"{written} portraits for a card that says {shape[0]}")


class Dataset:
    """A dataset opened for reading. Pixels are read from disk on access.

    Args:
        path: the folder that ``prepare`` wrote.

    Raises:
        FenshenError: the folder is missing, incomplete, damaged, or from a newer Fenshen.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.card = _read_card(self.path)
        try:
            with files.refusals(self.path / "pixels.npy"):
                self.pixels: UInt8[ndarray, "N H W 3"] = np.load(
                    self.path / "pixels.npy", mmap_mode="r", allow_pickle=False
                )
        except (OSError, ValueError) as error:
            raise FenshenError("dataset.damaged", path=self.path, file="pixels.npy", why=error) from error
        expected = (self.card.count, self.card.size, self.card.size, 3)
        if self.pixels.shape != expected or self.pixels.dtype != np.uint8:
            why = f"{self.pixels.dtype} {self.pixels.shape} != uint8 {expected}"
            raise FenshenError("dataset.damaged", path=self.path, file="pixels.npy", why=why)

    medium = PICTURES

    def __len__(self) -> int:
        return self.card.count

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def samples(self) -> UInt8[ndarray, "N H W 3"]:
        """The pixels, by the name that samples of every medium have."""
        return self.pixels

    @property
    def shape(self) -> dict[str, int]:
        """What a recipe must agree with."""
        return {"size": self.card.size}

    @property
    def recipe(self) -> str:
        """Name of the recipe for pictures of this size."""
        return "fast-64" if self.card.size <= 64 else "fast-128"

    @cached_property
    def records(self) -> pa.Table:
        """One row a picture, in the order of ``pixels``."""
        table = self._table("records.parquet", RECORDS)
        if len(table) != len(self):
            why = f"{len(table)} rows for {len(self)} pictures"
            raise FenshenError("dataset.damaged", path=self.path, file="records.parquet", why=why)
        return table

    @cached_property
    def rejected(self) -> pa.Table:
        """One row a refused file or frame."""
        return self._table("rejected.parquet", REJECTED)

    @cached_property
    def controls(self) -> Float[ndarray, "N 58"] | None:
        """Measured controls of every picture, or None where some picture has none (drawings, say)."""
        column = self.records["controls"].combine_chunks()
        if column.null_count:
            return None
        values = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, controls.COUNT)
        return controls.clip(values)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the pictures: sha256 of the records, which name every source by its own."""
        return hashlib.sha256((self.path / "records.parquet").read_bytes()).hexdigest()

    def indices(self, split: Split) -> np.ndarray:
        """Positions of one split's pictures, ascending."""
        return np.flatnonzero(self.records["split"].to_numpy(zero_copy_only=False) == split)

    def _table(self, name: str, schema: pa.Schema) -> pa.Table:
        try:
            with files.refusals(self.path / name):
                return files.read_table(self.path / name, schema=schema)
        except (OSError, pa.ArrowException) as error:
            raise FenshenError("dataset.damaged", path=self.path, file=name, why=error) from error


def name_human(path: Path, human: str, camera: Sequence[float]) -> None:
    """Write into every record which drawn human it shows.

    Args:
        human: JSON of :class:`fenshen.humans.Human`.
        camera: azimuth and elevation in radians, distance in metres.
    """
    file = path / "records.parquet"
    table = files.read_table(file, schema=RECORDS)
    for name, value in (("human", human), ("camera", list(camera))):
        table = replaced(table, name, [value] * len(table))
    with files.writing(file) as part:
        files.write_table(part, table, compression="zstd")


def replaced(records: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """Records with another column of that name."""
    field = RECORDS.field(name)
    column = pa.array(values, field.type)
    return records.set_column(records.schema.get_field_index(name), field, column)


def _read_card(path: Path) -> DatasetCard:
    file = path / "dataset.json"
    if not file.is_file():
        raise FenshenError("dataset.not_prepared" if path.exists() else "dataset.not_one", path=path)
    try:
        with files.reading_errors(file):
            text = file.read_bytes()
        return cards.read(DatasetCard, text, path, SCHEMA_VERSION)
    except ValueError as error:
        raise FenshenError(
            "dataset.damaged", path=path, file="dataset.json", why=files.reason(error)
        ) from error


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of each of N pictures.

    Attributes:
        controls: of each face; None where they are not used.
    """

    controls: Float[ndarray, "N 58"] | None

    def rows(self, rows: np.ndarray) -> Labels:
        """The labels of some pictures, as copies."""
        return Labels(None if self.controls is None else self.controls[rows])

    def joined(self, others: Sequence[Labels]) -> Labels:
        """These labels and others of the same kind."""
        if not others:
            return self
        columns = ([getattr(one, f.name) for one in (self, *others)] for f in fields(self))
        return type(self)(*(None if c[0] is None else np.concatenate(c) for c in columns))


@dataclass(frozen=True, eq=False)
class PairedLabels(Labels):
    """Labels with which a generator is asked for the very picture they belong to.

    Attributes:
        controls: of each face.
        codes: latent code of who is in each picture.
        spots: places that matter most: middle (x right, y down) and radius, in sides.
        points: contour points of each face, x right and y down in sides.
    """

    controls: Float[ndarray, "N 58"]
    codes: Float[ndarray, "N Z"]
    spots: Float[ndarray, "N 3 3"]
    points: Float[ndarray, "N P 2"]

    def rows(self, rows: np.ndarray) -> PairedLabels:
        """The labels of some pictures, as copies."""
        return PairedLabels(self.controls[rows], self.codes[rows], self.spots[rows], self.points[rows])


@dataclass(frozen=True, eq=False)
class SourceLabels(Labels):
    """What a generator is given that translates.

    Attributes:
        sources: pictures, which may have more channels than three, or other samples of the generator's medium.
    """

    sources: Shaped[ndarray, "N *S"]

    def rows(self, rows: np.ndarray) -> SourceLabels:
        """The sources of some samples."""
        return SourceLabels(None, self.sources[rows])


@dataclass(frozen=True, eq=False)
class SizedLabels(Labels):
    """How large pictures are within their batch; beyond that they are reflected.

    Attributes:
        sizes: heights and widths in pixels.
    """

    sizes: Int[ndarray, "N 2"]

    def rows(self, rows: np.ndarray) -> SizedLabels:
        """The sizes of some pictures."""
        return SizedLabels(None, self.sizes[rows])


@dataclass(frozen=True)
class Batches:
    """An endless, shuffled sequence of batches; batch ``t`` depends on ``(seed, t)`` only.

    So a resumed run needs no data state, and processes that share a global batch each take their slice of it.
    Every picture is seen once an epoch; epochs run on within a batch, so a set may be smaller than a batch.

    Args:
        samples: of any medium, such as pixels, uint8 [N, H, W, 3].
        indices: which of them to read.
        labels: of all pictures.
        batch_size: of the global batch.
        seed: of the order and the mirroring.
        mirror: flip half of the pictures left to right, and their controls with them.
    """

    samples: Shaped[ndarray, "N *S"]
    indices: np.ndarray
    labels: Labels
    batch_size: int
    seed: int
    mirror: bool = False

    def at(self, step: int, part: slice = slice(None)) -> tuple[Shaped[ndarray, "B *S"], Labels]:
        """The samples and labels of batch ``step``, or of a ``part`` of it."""
        rows, flips = self.chosen(step)
        rows = rows[part]
        order = np.argsort(rows, kind="stable")  # ascending reads are kinder to a memory map
        samples = np.empty((len(rows), *self.samples.shape[1:]), dtype=self.samples.dtype)
        samples[order] = self.samples[rows[order]]
        labels = self.labels.rows(rows)
        if self.mirror:
            flipped = flips[part]
            samples[flipped] = samples[flipped, :, ::-1]
            if labels.controls is not None:
                labels.controls[flipped] = controls.mirror(labels.controls[flipped])
        return samples, labels

    def chosen(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Which samples batch ``step`` has, and which of them would be mirrored."""
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        flips = np.random.default_rng((self.seed, 1, step)).random(self.batch_size) < 0.5
        return self._rows(places), flips

    def _rows(self, places: np.ndarray) -> np.ndarray:
        count = len(self.indices)
        epochs = places // count
        rows = np.empty(len(places), dtype=np.int64)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            rows[here] = self.indices[_permutation(count, self.seed, epoch)[places[here] % count]]
        return rows


_last_permutation: dict[tuple[int, int, int], np.ndarray] = {}


def _permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of one epoch. The last two are cached, because a batch rarely spans more."""
    key = (count, seed, epoch)
    if key not in _last_permutation:
        while len(_last_permutation) >= 2:
            _last_permutation.pop(next(iter(_last_permutation)))
        _last_permutation[key] = np.random.default_rng((seed, 0, epoch)).permutation(count)
    return _last_permutation[key]
