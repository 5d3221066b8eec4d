"""Finished units on disk, beside the dataset to be made, so that interrupted work can continue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa

from fenshen import files

_SUFFIX = ".parquet"


class Store:
    """A hidden folder ``.NAME.units`` beside the output ``NAME``, one parquet file a finished unit."""

    def __init__(self, out: Path) -> None:
        self.folder = files.beside(out, "units")

    def open(self) -> None:
        """Make the folder, or find that of an interrupted run."""
        files.make_folder(self.folder)

    def __contains__(self, key: str) -> bool:
        return self._file(key).is_file()

    def keys(self) -> set[str]:
        """Keys of all finished units."""
        return {name.removesuffix(_SUFFIX) for name in os.listdir(self.folder) if name.endswith(_SUFFIX)}

    def save(self, key: str, table: pa.Table) -> None:
        """Keep one unit's outcome.

        Raises:
            FenshenError: it cannot be written.
        """
        with files.writing(self._file(key)) as part:
            files.write_table(part, table, compression="lz4", use_dictionary=False, write_statistics=False)

    def load(self, key: str, columns: list[str] | None = None) -> pa.Table:
        """A unit's outcome, or some columns of it."""
        return files.read_table(self._file(key), columns=columns)

    def remove(self) -> None:
        """Remove everything once the dataset is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"
