"""What takes seconds to make and never changes, kept on disk: shapes, occlusion, grown hair.

Files are named by version, so that an old cache is never read; they appear by a rename, so that processes
that make the same one do not disturb each other.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fenshen.errors import FenshenError


def folder() -> Path:
    """``FENSHEN_CACHE``, else the user's cache folder, ``~/.cache/fenshen``."""
    chosen = os.environ.get("FENSHEN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(chosen) if chosen else Path(base) / "fenshen") / "humans"


def arrays(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The arrays kept under ``name``, made and kept first if they are not there.

    Raises:
        FenshenError: the file there is damaged, or the cache cannot be written.
    """
    file = folder() / f"{name}.npz"
    if file.is_file():
        try:
            with np.load(file, allow_pickle=False) as kept:
                return dict(kept)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
            raise FenshenError("humans.cache_damaged", path=file, why=error) from error
    made = make()
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.savez(stream, **made)
        os.replace(part, file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise FenshenError(
            "humans.cache_unwritable", path=file.parent, why=error.strerror or error
        ) from error
    return made
