"""How the work is cut up: units that one process does at a time, and that are kept when they are finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import pyarrow as pa

from fenshen.preparation.refusals import Refusal
from fenshen.preparation.rows import Row, embed, table
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import FirstLook, Source
from fenshen.preparation.store import Store

VERSION = 2  # of what a unit comes out as; a change makes cached work stale


@dataclass(frozen=True)
class Unit:
    """Work for one process: a few sources of one class."""

    sources: tuple[Source, ...]

    @property
    def expected(self) -> int:
        """How many pictures or frames it is about, for the progress bar."""
        return sum(source.expected for source in self.sources)

    def key(self, settings: Settings) -> str:
        """A name for the outcome: equal keys, equal portraits."""
        what = {
            "version": VERSION,
            "settings": asdict(settings),
            "sources": [source.key() for source in self.sources],
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]

    def perform(self, settings: Settings, store: Store) -> pa.Table:
        """The rows of all its sources. They depend on the unit and the settings alone: any number of processes, in any
        order, after any interruption, make the same dataset."""
        rows: list[Row | Refusal] = []
        for source in self.sources:
            rows += source.rows(settings, store)
        schema = self.sources[0].schema
        if settings.one_person and "embedding" in schema.names:
            embed([row for row in rows if not isinstance(row, Refusal)], settings.size)
        return table(rows, schema)


def plan(sources: Iterable[Source], settings: Settings) -> list[Unit]:
    """Units in the order of the sources: neighbours of one class, up to the number that it names."""
    parts = (part for source in sources for part in source.parts(settings))
    units: list[Unit] = []
    for _, same in groupby(parts, key=type):
        waiting = list(same)
        most = waiting[0].at_once
        units += [Unit(tuple(waiting[i : i + most])) for i in range(0, len(waiting), most)]
    return units


def first_looks(units: Sequence[Unit]) -> list[Unit]:
    """The units that must be finished before others are known."""
    return [unit for unit in units if isinstance(unit.sources[0], FirstLook)]


def settled(units: Sequence[Unit], settings: Settings, store: Store) -> Iterator[Unit]:
    """The same work, in which first looks are replaced by what they lead to."""
    for about, same in groupby(units, key=lambda unit: unit.sources[0].about()):
        group = list(same)
        first = group[0].sources[0]
        if about is None or not isinstance(first, FirstLook):
            yield from group
            continue
        keys = [unit.key(settings) for unit in group]
        looks = [source for unit in group for source in unit.sources]
        yield from plan(first.lead_to(looks, keys, settings, store), settings)
