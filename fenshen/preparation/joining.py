"""The last step of ``prepare``: what only all portraits together can tell, and the dataset on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from numpy import ndarray

import fenshen
from fenshen import dataset
from fenshen.dataset import RECORDS, REJECTED, DatasetCard, Split
from fenshen.errors import FenshenError
from fenshen.preparation.cutting import Row, Settings, Unit
from fenshen.preparation.doctor import PrepareSummary, Reason, Refusal, describe, tally
from fenshen.preparation.sources import Listing
from fenshen.preparation.splits import Origin, split
from fenshen.preparation.store import Store

_DECISIVE = [
    "source",
    "timestamp",
    "subject",
    "kind",
    "phash",
    "thumbnail",
    "embedding",
    "face_size",
    "reason",
    "detail",
]


def join(
    units: Sequence[Unit],
    settings: Settings,
    store: Store,
    listing: Listing,
    *,
    out: Path,
    words: Sequence[str],
    seed: int,
) -> PrepareSummary:
    """Refuse duplicates and strangers, split, and write the dataset.

    Raises:
        FenshenError: nothing was kept.
        OSError: ``out`` cannot be written.
    """
    keys = [unit.key(settings) for unit in units]
    rows = pa.concat_tables([store.load(key, _DECISIVE) for key in keys]).to_pylist()
    refused = {
        i: Refusal(r["source"], Reason(r["reason"]), r["detail"], r["timestamp"])
        for i, r in enumerate(rows)
        if r["reason"]
    }
    kept = [i for i in range(len(rows)) if i not in refused]
    refusals = [*listing.refused, *refused.values()]
    if not kept:
        raise FenshenError("prepare.nothing_kept", why=describe(tally(refusals)))
    splits = split([Origin(rows[i]["source"], rows[i]["subject"], rows[i]["timestamp"]) for i in kept], seed)
    card = DatasetCard(
        size=settings.size,
        count=len(kept),
        rejected=len(refusals),
        crop=settings.crop,
        origin=list(words),
        licence="; ".join(listing.licences) or None,
        settings={**asdict(settings), "seed": seed},
        fenshen=fenshen.__version__,
    )
    records = _records(keys, store, kept).append_column("split", pa.array(splits)).select(RECORDS.names)
    dataset.write(out, card, _pixels(keys, store, kept, settings.size), records, _rejected(refusals))
    return _summary(out, settings, [rows[i] for i in kept], splits, refusals)


def _summary(
    out: Path, settings: Settings, kept: list[Row], splits: Sequence[Split], refusals: Sequence[Refusal]
) -> PrepareSummary:
    subjects = {row["subject"] for row in kept if row["subject"]}
    clips = {row["source"] for row in kept if row["kind"] == "video"}
    stills = any(row["kind"] != "video" for row in kept)
    alone = len(subjects) == 1 and all(row["subject"] for row in kept)
    return PrepareSummary(
        path=str(out),
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


def _records(keys: Sequence[str], store: Store, kept: Sequence[int]) -> pa.Table:
    names = [name for name in RECORDS.names if name != "split"]
    return pa.concat_tables([store.load(key, names) for key in keys]).take(pa.array(kept))


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
