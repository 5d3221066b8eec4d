"""What a source gives: rows, each a portrait with all that is measured, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.dataset import RECORDS
from fenshen.preparation import duplicates
from fenshen.preparation.refusals import Refusal

Row = dict[str, Any]


class Compare(str, Enum):
    """How copies are found among the portraits of a source."""

    LIKENESS = "likeness"  # near-duplicates, among all pictures that are compared so
    SAME = "same"  # the same pixels
    BEFORE = "before"  # like the frame before it: a video that stands still
    NEVER = "never"  # no two can be alike


# A row of a unit of work: a record, its portrait and what the last step decides by; or, with a reason, a refusal.
ROWS = pa.schema(
    [
        *(entry for entry in RECORDS if entry.name != "split"),
        ("compare", pa.string()),
        ("portrait", pa.binary()),
        ("signature", pa.list_(pa.float32())),
        ("embedding", pa.list_(pa.float32())),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


def row(
    name: str,
    portrait: UInt8[ndarray, "S S 3"],
    sha256: str,
    *,
    compare: Compare,
    subject: str | None = None,
    at: float | None = None,
) -> Row:
    """What is known of any portrait; that of a face knows more.

    Args:
        name: of the source.
        sha256: of the source file.
        compare: how its copies are found.
        at: seconds into a video.
    """
    from fenshen.faces.judge import exposure, sharpness

    return {
        "source": name,
        "timestamp": at,
        "sha256": sha256,
        "subject": subject,
        "compare": compare.value,
        "phash": duplicates.perceptual_hash(portrait),
        "signature": duplicates.signature(portrait),
        "sharpness": sharpness(portrait),
        "exposure": exposure(portrait),
        "portrait": np.ascontiguousarray(portrait).tobytes(),
    }


def table(results: Iterable[Row | Refusal], schema: pa.Schema) -> pa.Table:
    """Rows and refusals as a table of a schema; what a row does not know is null."""
    rows = [_refused(result) if isinstance(result, Refusal) else result for result in results]
    columns = [pa.array([entry.get(field.name) for entry in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _refused(refusal: Refusal) -> Row:
    return {
        "source": refusal.source,
        "timestamp": refusal.timestamp,
        "reason": refusal.reason.value,
        "detail": refusal.detail,
    }


def embed(rows: list[Row], size: int) -> None:
    """Add to each row with a face whose face it is, as an embedding."""
    from fenshen.faces.identity import embed

    with_faces = [entry for entry in rows if entry.get("landmarks") is not None]
    if not with_faces:
        return
    pixels = np.stack([np.frombuffer(entry["portrait"], dtype=np.uint8) for entry in with_faces])
    landmarks = np.stack([entry["landmarks"] for entry in with_faces]).reshape(len(with_faces), -1, 3)
    found = embed(pixels.reshape(-1, size, size, 3), landmarks)
    for entry, embedding in zip(with_faces, found, strict=True):
        entry["embedding"] = embedding
