"""What a double was made of, as its outputs' credentials name it: each file's hash, and the marks it came with.

A film or photograph may have credentials of its own, say a camera's, or labels that say that AI made it. They are kept
with the double, so that whatever is made with it can be followed back to them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from fenshen import files
from fenshen.provenance import implicit

MOST = 50  # files that are named one by one
_LARGEST = 1 << 20  # bytes of one file's own credentials that are kept


class Input(BaseModel):
    """One file that went into what was made.

    Attributes:
        placed: whether its own pixels are seen in what was made; else it only told how to move or speak.
        ingredient: C2PA's archive of it as an ingredient, with its own credentials; empty where C2PA cannot read it.
    """

    model_config = ConfigDict(extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    label: str = Field(max_length=40)
    sha256: str = Field(max_length=64)
    placed: bool = True
    aigc: dict[str, str] | None = None
    source_type: str | None = Field(default=None, max_length=100)
    ingredient: bytes = Field(default=b"", max_length=_LARGEST)


def of_files(paths: Sequence[Path], what: str = "footage", placed: bool = True) -> list[Input]:
    """The inputs for some files, at most :data:`MOST`.

    Args:
        what: they are called, with a number; their own names stay on this machine.

    Raises:
        FenshenError: one cannot be read.
    """
    return [_of_file(path, f"{what}-{number}", placed) for number, path in enumerate(paths[:MOST], 1)]


def _of_file(path: Path, label: str, placed: bool) -> Input:
    said = implicit.read(path)
    return Input(
        label=label,
        sha256=files.sha256(path),
        placed=placed,
        aigc=said.aigc.fields if said.aigc else None,
        source_type=said.source_type,
        ingredient=_ingredient(path, label, placed),
    )


def _ingredient(path: Path, label: str, placed: bool) -> bytes:
    """C2PA's archive of the file as an ingredient; empty where it cannot be one, or is too large to be kept."""
    import c2pa

    from fenshen.provenance.credentials import KINDS, offline

    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        return b""
    named = {"title": label, "label": label, "relationship": "componentOf" if placed else "inputTo"}
    archive = io.BytesIO()
    try:
        with c2pa.Builder({"claim_generator_info": [{"name": "Fenshen"}]}, context=offline()) as builder:
            with path.open("rb") as file:
                builder.add_ingredient(named, kind, file)
            builder.write_ingredient_archive(label, archive)
    except (c2pa.C2paError, OSError):  # WebM and Matroska, and what is damaged
        return b""
    whole = archive.getvalue()
    return whole if len(whole) <= _LARGEST else b""
