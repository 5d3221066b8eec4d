"""Folders, and the files in them: each goes to what is registered for its suffix."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fenshen.preparation.refusals import Reason
from fenshen.preparation.sources import SUFFIXES, Listing

_LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def add_path(listing: Listing, path: str, skip: Path | None) -> None:
    """List a file, or everything in a folder but ``skip``."""
    if not Path(path).is_dir():
        return _add_file(listing, path, None)
    for file, subject in _walk(listing, path, skip):
        _add_file(listing, file, subject)
    return None


def visible(name: str) -> bool:
    """Whether a file is more than what systems leave lying about."""
    return not name.startswith(".") and name not in _LITTER


def _walk(listing: Listing, root: str, skip: Path | None) -> Iterator[tuple[str, str | None]]:
    """Every visible file below ``root`` with its subject, sorted; links are followed, each folder once."""
    skipped = None if skip is None else os.path.realpath(skip)
    entered: set[str] = set()

    def on_error(error: OSError) -> None:
        listing.refuse(str(error.filename), Reason.UNREADABLE, error.strerror or str(error))

    for folder, folders, files in os.walk(root, followlinks=True, onerror=on_error):
        real = os.path.realpath(folder)
        if real in entered or real == skipped:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if visible(name))
        inside = Path(folder).relative_to(root).parts
        for name in sorted(filter(visible, files)):
            yield os.path.join(folder, name), inside[0] if inside else None


def _add_file(listing: Listing, file: str, subject: str | None) -> None:
    try:
        status = os.stat(file)
    except OSError as error:
        return listing.refuse(file, Reason.UNREADABLE, error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):
        return listing.refuse(file, Reason.NOT_A_PICTURE, "not a regular file")
    if not listing.first_time(file):
        return listing.refuse(file, Reason.NEAR_DUPLICATE, "the same file as one listed before")
    suffix = os.path.splitext(file)[1].lower()
    if suffix not in SUFFIXES:
        return listing.refuse(file, Reason.NOT_A_PICTURE, f"a {suffix or 'nameless kind of'} file")
    return SUFFIXES[suffix](listing, file, subject, status)


def state_of(status: os.stat_result) -> str:
    """What changes when a file does: its size and time."""
    return f"{status.st_size}:{status.st_mtime_ns}"
