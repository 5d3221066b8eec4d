"""The last step of ``prepare``: decisions that need all portraits, and the dataset on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import dataset
from fenshen.dataset import RECORDS, REJECTED, DatasetCard, Split
from fenshen.errors import FenshenError
from fenshen.names import readable
from fenshen.preparation import duplicates
from fenshen.preparation.planning import Unit
from fenshen.preparation.refusals import PrepareSummary, Reason, Refusal, describe, tally
from fenshen.preparation.rows import Compare, Row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import Listing
from fenshen.preparation.splits import Origin, split
from fenshen.preparation.store import Store
from fenshen.version import __version__

_PLAIN = ["source", "timestamp", "subject", "compare", "sha256", "phash", "face_size", "reason", "detail"]
_VECTORS = ["signature", "embedding"]
_ENOUGH_TO_COUNT = 1000  # faces, spread over all, to tell who is seen most
_PORTRAIT = [name for name in RECORDS.names if name != "split"]


def join(
    units: Sequence[Unit],
    settings: Settings,
    store: Store,
    listing: Listing,
    *,
    out: Path,
    words: Sequence[str],
    seed: int,
    always_train: Collection[str] = (),
) -> PrepareSummary:
    """Refuse strangers and copies, split, and write the dataset.

    Args:
        always_train: sources that are never held out.

    Raises:
        FenshenError: nothing was kept.
        OSError: ``out`` cannot be written.
    """
    keys = [unit.key(settings) for unit in units]
    rows = _rows(keys, store)
    refused = {
        i: Refusal(row["source"], Reason(row["reason"]), row["detail"], row["timestamp"])
        for i, row in enumerate(rows)
        if row["reason"]
    }
    if settings.one_person:
        refused |= _strangers(rows, [i for i in range(len(rows)) if i not in refused])
    refused |= _copies(rows, [i for i in range(len(rows)) if i not in refused])
    kept = [i for i in range(len(rows)) if i not in refused]
    refusals = [*listing.refused, *(refused[i] for i in sorted(refused))]
    if not kept:
        raise FenshenError("prepare.nothing_kept", why=describe(tally(refusals)))
    splits = split([Origin(rows[i]["source"], rows[i]["subject"], rows[i]["timestamp"]) for i in kept], seed)
    splits = [
        "train" if rows[i]["source"] in always_train else part for i, part in zip(kept, splits, strict=True)
    ]
    card = DatasetCard(
        size=settings.size,
        count=len(kept),
        rejected=len(refusals),
        crop=settings.crop,
        origin=[readable(word) for word in words],
        licence="; ".join(listing.licences) or None,
        settings={**asdict(settings), "seed": seed},
        fenshen=__version__,
    )
    records = pa.concat_tables([store.load(key, _PORTRAIT) for key in keys]).take(pa.array(kept))
    records = records.append_column("split", pa.array(splits)).select(RECORDS.names)
    dataset.write(out, card, _pixels(keys, store, kept, settings.size), records, _rejected(refusals))
    return _summary(out, settings, [rows[i] for i in kept], splits, refusals)


def _rows(keys: Sequence[str], store: Store) -> list[Row]:
    """The columns of all units that the decisions need, in order; vectors as arrays."""
    rows: list[Row] = []
    for key in keys:
        table = store.load(key, _PLAIN + _VECTORS)
        here = table.select(_PLAIN).to_pylist()
        for name in _VECTORS:
            column = table[name].combine_chunks()
            for row, values in zip(here, column, strict=True):
                row[name] = values.values.to_numpy() if values.is_valid else None
        rows.extend(here)
    return rows


def _strangers(rows: Sequence[Row], candidates: Sequence[int]) -> dict[int, Refusal]:
    """Refusals of everyone but the person seen most: the mean of the faces near the one with the most neighbours."""
    from fenshen.faces.identity import SAME_PERSON

    faces = [i for i in candidates if rows[i]["embedding"] is not None]
    if not faces:
        return {}
    embeddings = np.stack([rows[i]["embedding"] for i in faces])
    some = embeddings[:: -(-len(faces) // _ENOUGH_TO_COUNT)]
    apart = np.linalg.norm(some[:, None] - some[None], axis=-1)
    person = some[apart[(apart <= SAME_PERSON).sum(axis=1).argmax()] <= SAME_PERSON].mean(axis=0)
    distances = np.linalg.norm(embeddings - person, axis=-1)
    return {
        i: Refusal(rows[i]["source"], Reason.WRONG_SUBJECT, f"face distance {far:.2f}", rows[i]["timestamp"])
        for i, far in zip(faces, distances, strict=True)
        if far > SAME_PERSON
    }


def _copies(rows: Sequence[Row], candidates: Sequence[int]) -> dict[int, Refusal]:
    """Near-duplicates: stills like another still, frozen frames, drawings that came out the same."""
    stills: dict[int, list[int]] = defaultdict(list)  # faces and other pictures apart
    first_drawn: dict[str, int] = {}
    copies: dict[int, int] = {}
    before: int | None = None
    for i in candidates:
        row = rows[i]
        if row["compare"] == Compare.SAME:
            original = first_drawn.setdefault(row["sha256"], i)
            if original != i:
                copies[i] = original
        elif row["compare"] == Compare.NEVER:
            continue
        elif row["compare"] == Compare.LIKENESS:
            stills[len(row["signature"])].append(i)
        elif before is not None and _frozen(rows[before], row):
            copies[i] = before
        else:
            before = i
    for same in stills.values():
        found = duplicates.find(
            np.array([rows[i]["phash"] for i in same], dtype=np.uint64),
            np.stack([rows[i]["signature"] for i in same]),
            np.array([rows[i]["face_size"] or 0.0 for i in same]),
        )
        copies |= {same[i]: same[j] for i, j in found.items()}
    return {
        i: Refusal(
            rows[i]["source"], Reason.NEAR_DUPLICATE, f"like {rows[j]['source']}", rows[i]["timestamp"]
        )
        for i, j in copies.items()
    }


def _frozen(before: Row, row: Row) -> bool:
    if before["source"] != row["source"] or len(before["signature"]) != len(row["signature"]):
        return False
    return bool(duplicates.distance(before["signature"], row["signature"]) <= duplicates.FROZEN_DISTANCE)


def _pixels(
    keys: Sequence[str], store: Store, kept: Sequence[int], size: int
) -> Iterator[UInt8[ndarray, "S S 3"]]:
    """The kept portraits in order, one unit in memory at a time."""
    wanted = set(kept)
    position = 0
    for key in keys:
        for portrait in store.load(key, ["portrait"])["portrait"]:
            if position in wanted:
                yield np.frombuffer(portrait.as_buffer(), dtype=np.uint8).reshape(size, size, 3)
            position += 1


def _rejected(refusals: Sequence[Refusal]) -> pa.Table:
    return pa.Table.from_pylist(
        [{**asdict(refusal), "reason": refusal.reason.value} for refusal in refusals], schema=REJECTED
    )


def _summary(
    out: Path, settings: Settings, kept: list[Row], splits: Sequence[Split], refusals: Sequence[Refusal]
) -> PrepareSummary:
    subjects = {row["subject"] for row in kept if row["subject"]}
    clips = {row["source"] for row in kept if row["timestamp"] is not None}
    stills = any(row["timestamp"] is None for row in kept)
    alone = len(subjects) == 1 and all(row["subject"] for row in kept)
    return PrepareSummary(
        path=readable(out),
        size=settings.size,
        kept=len(kept),
        train=splits.count("train"),
        held_out=splits.count("held_out"),
        refused=tally(refusals),
        faces=sum(row["face_size"] is not None for row in kept),
        subjects=len(subjects),
        clips=len(clips),
        one_person=settings.one_person or alone or (len(clips) == 1 and not stills),
    )
