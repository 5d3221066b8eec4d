"""Cards: the JSON that says what a file of ours is, and in which version of its format it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fenshen.errors import FenshenError
from fenshen.messages import message
from fenshen.version import __version__

Card = TypeVar("Card", bound=BaseModel)
_VERSIONS = ("schema_version", "version")  # what our files call the version of their format


def read(kind: type[Card], text: str | bytes, path: Path | str, ours: int) -> Card:
    """A card from its JSON.

    Args:
        path: the file or folder that the user knows, for the sentence.
        ours: the newest version of the format that is read here.

    Raises:
        FenshenError: a newer Fenshen made it.
        ValueError: it is no such card; the text is one line in plain words.
    """
    try:
        raw: Any = json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    check(raw, path, ours)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        if _is_newer(raw.get("fenshen") if isinstance(raw, dict) else None):
            raise FenshenError("files.newer", path=path, version=raw["fenshen"], ours=__version__) from error
        raise ValueError(why(error)) from error


def check(raw: object, path: Path | str, ours: int) -> None:
    """Refuse what a newer Fenshen made. What names no version is of the first.

    Raises:
        FenshenError: its version is above ``ours``.
    """
    if not isinstance(raw, Mapping):
        return
    version = next((raw[name] for name in _VERSIONS if name in raw), None)
    if isinstance(version, str) and version.isdecimal():
        version = int(version)
    if isinstance(version, int | float) and version > ours:
        raise FenshenError("files.newer", path=path, version=version, ours=ours)


def why(error: ValidationError) -> str:
    """The first thing that pydantic found, on one line, without the address of its manual."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    words = " ".join(str(first["msg"]).removeprefix("Value error, ").split())[:200]
    return message("files.field", field=field, why=words) if field else words


def _is_newer(version: object) -> bool:
    """Whether a version of Fenshen, such as ``0.2.0``, is above ours."""
    numbers = [tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (str(version or "0"), __version__)]
    return numbers[0] > numbers[1]
