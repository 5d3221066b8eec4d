"""Illustrated avatars: ``avatars:STYLE:N``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fenshen import avatars
from fenshen.errors import UsageError
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import PREFIXES, Listing, Source
from fenshen.preparation.store import Store

MOST = 1_000_000  # drawings


@dataclass(frozen=True)
class Avatar(Source):
    """One avatar.

    Attributes:
        style: a name of :data:`fenshen.avatars.STYLES`.
        seed: each gives another face.
    """

    style: str
    seed: str

    at_once: ClassVar[int] = 64

    def rows(self, settings: Settings, store: Store) -> Iterator[Row]:
        """The drawing, which is never cropped."""
        portrait = avatars.draw(self.style, self.seed, settings.size)
        yield row(self.name, portrait, hashlib.sha256(portrait.tobytes()).hexdigest(), compare=Compare.SAME)


@PREFIXES.register("avatars")
def _add(listing: Listing, word: str, seed: int) -> None:
    match = re.fullmatch(r"avatars:([^:]+):(\d{1,9})", word)
    if not match or not 1 <= int(match[2]) <= MOST:
        raise UsageError("prepare.avatars_words", word=word, default=avatars.DEFAULT, most=f"{MOST:,}")
    style, count = match[1], int(match[2])
    listing.licensed(avatars.style(style).terms)
    for i in range(count):
        listing.add(Avatar(f"avatars:{style}#{seed}-{i}", None, style, f"{seed}-{i}"))
