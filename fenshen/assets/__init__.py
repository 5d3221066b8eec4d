"""The weights that come with Fenshen, each with its origin, licence and checksum in ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from fenshen.errors import FenshenError

FOLDER = Path(__file__).parent


@cache
def path(name: str) -> Path:
    """Where the asset ``name`` lies; its checksum is compared with the manifest's, once a process.

    Raises:
        FenshenError: the file is missing or is not the one the manifest describes.
    """
    row = manifest()[name]
    file = FOLDER / name
    if not file.is_file():
        raise FenshenError("assets.missing", file=file)
    if hashlib.sha256(file.read_bytes()).hexdigest() != row["sha256"]:
        raise FenshenError("assets.changed", file=file)
    return file


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """The manifest's rows by file name."""
    rows = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["assets"]
    return {row["file"]: row for row in rows}
