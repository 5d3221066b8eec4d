"""Single pictures: files, and whatever else gives the bytes of one."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fenshen import portraits
from fenshen.preparation import faces
from fenshen.preparation.refusals import Reason, Refusal
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import SUFFIXES, Listing, Source
from fenshen.preparation.sources.files import state_of
from fenshen.preparation.store import Store

_WHY_UNREAD = {"portraits.not_a_picture": Reason.NOT_A_PICTURE, "portraits.too_large": Reason.TOO_LARGE}


class Still(Source):
    """A picture in a file format, wherever its bytes come from."""

    @abstractmethod
    def read(self) -> bytes:
        """Its bytes.

        Raises:
            OSError: they cannot be read.
        """

    def rows(self, settings: Settings, store: Store) -> Iterator[Row | Refusal]:
        """The portraits of the faces in it, or the picture as it is."""
        try:
            results = list(self._portraits(self.read(), settings))
        except portraits.PictureError as error:
            reason = _WHY_UNREAD.get(error.key, Reason.UNREADABLE)
            results = [Refusal(self.name, reason, error.detail)]
        except OSError as error:
            results = [Refusal(self.name, Reason.UNREADABLE, error.strerror or str(error))]
        yield from results

    def _portraits(self, data: bytes, settings: Settings) -> Iterator[Row | Refusal]:
        sha256 = hashlib.sha256(data).hexdigest()
        if settings.crop == "none":
            picture = portraits.read(data, ground=settings.ground, at_least=2 * settings.size)
            portrait = portraits.resize(picture, settings.size, settings.fit, settings.ground)
            yield row(self.name, portrait, sha256, compare=Compare.LIKENESS, subject=self.subject)
            return
        picture, found, scale = faces.read(data, settings)
        chosen = faces.choose(found, settings)
        if isinstance(chosen, Refusal):
            yield replace(chosen, source=self.name)
            return
        for face in chosen:
            yield faces.cut(
                self.name,
                sha256,
                picture,
                face,
                settings,
                compare=Compare.LIKENESS,
                subject=self.subject,
                scale=scale,
            )


@dataclass(frozen=True)
class PictureFile(Still):
    """A picture file.

    Attributes:
        path: of the file.
        state: changes when the file does.
    """

    path: str
    state: str

    def read(self) -> bytes:
        """The file."""
        return Path(self.path).read_bytes()


def _add(listing: Listing, file: str, subject: str | None, status: os.stat_result) -> None:
    if status.st_size > portraits.MAX_BYTES:
        return listing.refuse(file, Reason.TOO_LARGE, f"{status.st_size:,} bytes")
    return listing.add(PictureFile(file, subject, file, state_of(status)))


for _suffix in portraits.SUFFIXES:
    SUFFIXES.add(_suffix, _add)
