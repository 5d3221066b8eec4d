"""A disk cache for what takes seconds to compute and never changes: shapes, occlusion, spoken sentences.

File names carry a version, so an outdated cache is never read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from fenshen import files
from fenshen.errors import FenshenError


def arrays(room: str, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The arrays cached in a folder under ``name``; computed and cached first if missing.

    Raises:
        FenshenError: the file there is damaged, or the cache cannot be written.
    """
    file = files.cache(room) / f"{name}.npz"
    if file.is_file():
        try:
            with files.refusals(file), np.load(file, allow_pickle=False) as kept:
                return dict(kept)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
            raise FenshenError("files.cache_damaged", path=file, why=error) from error
    made = make()
    try:
        with files.writing(file) as part:
            np.savez(part, **made)
    except FenshenError as error:
        raise FenshenError("files.cache_unwritable", path=file.parent, why=error.values["why"]) from error
    return made
