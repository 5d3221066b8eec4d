"""The work of one process: from one unit (a few pictures, or a stretch of a video) to its portraits.

What comes out depends on the unit and the settings alone, so that any number of processes, in any order,
after any interruption, make the same dataset.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import avatars, portraits
from fenshen.dataset import RECORDS
from fenshen.preparation import duplicates
from fenshen.preparation.doctor import Reason, Refusal
from fenshen.preparation.sources import Item

Crop = Literal["face", "clip", "none"]
Row = dict[str, Any]

VERSION = 1  # of what a unit comes out as; a change makes cached work stale
PICTURES_A_UNIT = 16
DRAWINGS_A_UNIT = 64

# A row of a unit: a record, its portrait and what the last step decides by; or, with a reason, a refusal.
ROWS = pa.schema(
    [
        *(entry for entry in RECORDS if entry.name != "split"),
        ("kind", pa.string()),
        ("portrait", pa.binary()),
        ("thumbnail", pa.binary()),
        ("embedding", pa.list_(pa.float32())),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Settings:
    """The options of ``prepare`` that decide what a portrait looks like and which are refused."""

    size: int
    crop: Crop
    fit: portraits.Fit
    all_faces: bool
    one_person: bool
    every: int | None
    fps: float | None
    min_face: int
    ground: portraits.Colour


@dataclass(frozen=True)
class Unit:
    """Work for one process: some items of one kind."""

    items: tuple[Item, ...]

    def key(self, settings: Settings) -> str:
        """A name for the outcome: equal keys, equal portraits."""
        what = {"version": VERSION, **asdict(settings), "items": [asdict(item) for item in self.items]}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]

    def __len__(self) -> int:
        return len(self.items)


def plan(items: Sequence[Item]) -> list[Unit]:
    """Units in the order of the items: neighbours of one kind together, up to a fixed number."""
    units: list[Unit] = []
    waiting: list[Item] = []
    for item in items:
        most = DRAWINGS_A_UNIT if item.kind == "drawn" else PICTURES_A_UNIT
        if waiting and (waiting[0].kind != item.kind or len(waiting) >= most):
            units.append(Unit(tuple(waiting)))
            waiting = []
        waiting.append(item)
    if waiting:
        units.append(Unit(tuple(waiting)))
    return units


def cut(unit: Unit, settings: Settings) -> pa.Table:
    """Portraits and refusals of one unit, as a table of :data:`ROWS`."""
    rows: list[Row] = []
    for item in unit.items:
        for result in _cut_item(item, settings):
            rows.append(_refused(result) if isinstance(result, Refusal) else result)
    columns = {name: [row.get(name) for row in rows] for name in ROWS.names}
    return pa.table(
        {name: pa.array(columns[name], ROWS.field(name).type) for name in ROWS.names}, schema=ROWS
    )


def _refused(refusal: Refusal) -> Row:
    return {
        "source": refusal.source,
        "timestamp": refusal.timestamp,
        "reason": refusal.reason.value,
        "detail": refusal.detail,
    }


def _cut_item(item: Item, settings: Settings) -> Iterator[Row | Refusal]:
    if item.kind == "drawn":
        portrait = avatars.draw(item.path, item.inner, settings.size)
        yield _row(item, portrait, hashlib.sha256(portrait.tobytes()).hexdigest())
        return
    try:
        data = _bytes(item)
        picture = portraits.read(data, ground=settings.ground, name=item.source)
    except (OSError, zipfile.BadZipFile) as error:
        yield Refusal(item.source, Reason.UNREADABLE, str(error))
        return
    except portraits.PictureError as error:
        yield Refusal(item.source, _WHY_UNREAD.get(error.key, Reason.UNREADABLE), error.detail)
        return
    sha256 = hashlib.sha256(data).hexdigest()
    portrait = portraits.resize(picture, settings.size, settings.fit, settings.ground)
    yield _row(item, portrait, sha256)


_WHY_UNREAD = {
    "portraits.not_a_picture": Reason.NOT_A_PICTURE,
    "portraits.too_large": Reason.TOO_LARGE,
}


def _row(item: Item, portrait: UInt8[ndarray, "S S 3"], sha256: str) -> Row:
    return {
        "source": item.source,
        "sha256": sha256,
        "subject": item.subject,
        "kind": item.kind,
        "phash": duplicates.perceptual_hash(portrait),
        "thumbnail": duplicates.thumbnail(portrait).tobytes(),
        "portrait": np.ascontiguousarray(portrait).tobytes(),
    }


def _bytes(item: Item) -> bytes:
    if item.kind == "member":
        return _archive(item.path, item.state).read(item.inner)
    return Path(item.path).read_bytes()


@lru_cache(maxsize=4)
def _archive(path: str, state: str) -> zipfile.ZipFile:
    """An open archive; reading its directory anew for every member would take longer than the pictures."""
    return zipfile.ZipFile(path)
