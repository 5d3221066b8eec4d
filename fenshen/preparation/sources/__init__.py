"""What portraits are cut from, one class a kind; and the words of ``fenshen prepare SRC...`` that stand for them.

A kind of source is a subclass of :class:`Source` and a function that lists it, registered for its prefix
(``humans:...``) in :data:`PREFIXES` or for the suffixes of its files in :data:`SUFFIXES`. Nobody else asks what kind a
source is.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from fenshen.errors import FenshenError
from fenshen.names import readable
from fenshen.preparation.refusals import Reason, Refusal
from fenshen.preparation.rows import ROWS, Row
from fenshen.preparation.settings import Settings
from fenshen.registry import Registry

if TYPE_CHECKING:
    from fenshen.preparation.store import Store


@dataclass(frozen=True)
class Source(ABC):
    """One thing that portraits are cut from. Subclasses are frozen dataclasses of plain values.

    Attributes:
        name: in the records: the path as the user gave it, ``archive.zip!/member``, ``avatars:...`` or ``humans#...``.
        subject: who or what it shows, if that is known: the name of the first folder below the one that was given.
        at_once: how many of the class a process works on at a time.
        schema: of its rows.
        expected: how many pictures or frames it is about.
    """

    name: str
    subject: str | None

    at_once: ClassVar[int] = 16
    schema: ClassVar[pa.Schema] = ROWS

    @abstractmethod
    def rows(self, settings: Settings, store: Store) -> Iterator[Row | Refusal]:
        """Its portraits, and what is refused. Runs in a worker process."""

    def parts(self, settings: Settings) -> Iterable[Source]:
        """The pieces that processes can work on side by side; by default the source as a whole."""
        return (self,)

    @property
    def expected(self) -> int:
        return 1

    def key(self) -> dict[str, Any]:
        """Everything that decides its rows, beside the settings. It changes when the content does."""
        return {"class": type(self).__qualname__, **asdict(self)}

    def about(self) -> Hashable:
        """What a first look is about; None for other sources."""
        return None


class FirstLook(Source):
    """A source whose rows only tell how to go on: all that are about the same lead to other sources."""

    @abstractmethod
    def lead_to(
        self, looks: Sequence[Source], keys: Sequence[str], settings: Settings, store: Store
    ) -> Iterator[Source]:
        """The sources that follow, once the rows of all ``looks`` lie in the store under ``keys``."""


@dataclass
class Listing:
    """Everything that the words stand for, in order, and what was refused unopened."""

    sources: list[Source] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, source: Source) -> None:
        """List a source, under names that can be stored and shown."""
        subject = None if source.subject is None else readable(source.subject)
        self.sources.append(replace(source, name=readable(source.name), subject=subject))

    def refuse(self, name: str, reason: Reason, detail: str = "") -> None:
        """List something that is not used."""
        self.refused.append(Refusal(readable(name), reason, readable(detail)))

    def licensed(self, terms: str) -> None:
        """Note the terms of what was listed."""
        if terms not in self.licences:
            self.licences.append(terms)

    def first_time(self, path: str) -> bool:
        """Whether the file was not listed before under this or another name."""
        real = os.path.realpath(path)
        if real in self._seen:
            return False
        self._seen.add(real)
        return True


#: From a prefix to what lists ``prefix:...``: a function of the listing, the whole word and the seed.
PREFIXES: Registry[Callable[[Listing, str, int], None]] = Registry("source", __name__)
#: From a suffix to what lists such a file: a function of the listing, the path, the subject and the file's status.
SUFFIXES: Registry[Callable[[Listing, str, str | None, os.stat_result], None]] = Registry("source", __name__)


def find(words: Iterable[str], *, seed: int = 0, skip: Path | None = None) -> Listing:
    """List the sources.

    Args:
        words: folders, zip files, videos, pictures, or words with a prefix such as ``humans:100``.
        seed: of what is drawn.
        skip: a folder that is never entered (the output, which may lie inside a source).

    Raises:
        UsageError: a word is malformed.
        FenshenError: a path does not exist.
    """
    from fenshen.preparation.sources.files import add_path

    listing = Listing()
    for word in words:
        prefix, colon, _ = word.partition(":")
        if colon and prefix in PREFIXES:
            PREFIXES[prefix](listing, word, seed)
        elif Path(word).exists():
            add_path(listing, word, skip)
        else:
            raise FenshenError("prepare.no_source", path=word)
    return listing
