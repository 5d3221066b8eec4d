"""What the words of ``fenshen prepare SRC...`` stand for: pictures, zip members, videos and drawings."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from fenshen import avatars, portraits
from fenshen.errors import FenshenError, UsageError
from fenshen.preparation.refusals import Reason, Refusal

Kind = Literal["picture", "member", "video", "drawn", "human"]

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".ogv"}
    | {".wmv", ".flv"}
)
MAX_DRAWN = 1_000_000
MAX_MEMBER = 256 << 20  # bytes of one unpacked zip member
# A picture hardly compresses; deflate's ceiling is 1032 to 1, and that is where bombs live.
MAX_RATIO = 200
RATIO_MATTERS_FROM = 16 << 20
TOTAL_MATTERS_FROM = 1 << 30
_LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Item:
    """One thing to cut portraits from.

    Args:
        source: its name in the records: the path as the user gave it, ``archive.zip!/member`` or
            ``avatars:...`` or ``humans#...``.
        kind: how it is read.
        path: the file, the zip archive, the style of a drawing, or the seed or file of a human.
        inner: the zip member's name, the seed of a drawing, or the number of a human's frame.
        subject: name of the first folder below the source, if any.
        state: what changes when the content does (size and time of the file), so that stale work is not
            used again.
    """

    source: str
    kind: Kind
    path: str
    inner: str = ""
    subject: str | None = None
    state: str = ""


@dataclass
class Listing:
    """Everything the sources hold, in order, and what was refused unopened."""

    items: list[Item] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def refuse(self, source: str, reason: Reason, detail: str = "") -> None:
        self.refused.append(Refusal(source, reason, detail))

    def first_time(self, path: str) -> bool:
        """Whether the file was not listed before under this or another name."""
        real = os.path.realpath(path)
        if real in self._seen:
            return False
        self._seen.add(real)
        return True


def find(words: list[str], *, seed: int = 0, skip: Path | None = None) -> Listing:
    """List the sources.

    Args:
        words: folders, zip files, videos, pictures, ``avatars:STYLE:N``, ``humans:N``, ``human:FILE:N``.
        seed: of the drawings.
        skip: a folder that is never entered (the output, which may lie inside a source).

    Raises:
        UsageError: a word is malformed.
        FenshenError: a path does not exist.
    """
    listing = Listing()
    for word in words:
        if word.startswith("avatars:"):
            _add_avatars(listing, word, seed)
            continue
        if word.startswith("humans:"):
            _add_humans(listing, word, seed)
            continue
        if word.startswith("human:"):
            _add_one_human(listing, word, seed)
            continue
        path = Path(word)
        if path.is_dir():
            for file, subject in _walk(listing, word, skip):
                _add_file(listing, file, subject)
        elif path.exists():
            _add_file(listing, word, None)
        else:
            raise FenshenError("prepare.no_source", path=word)
    return listing


def _add_avatars(listing: Listing, word: str, seed: int) -> None:
    match = re.fullmatch(r"avatars:([^:]+):(\d{1,9})", word)
    if not match or not 1 <= int(match[2]) <= MAX_DRAWN:
        raise UsageError("prepare.avatars_words", word=word, default=avatars.DEFAULT, most=f"{MAX_DRAWN:,}")
    name, count = match[1], int(match[2])
    terms = avatars.style(name).terms
    if terms not in listing.licences:
        listing.licences.append(terms)
    for i in range(count):
        listing.items.append(Item(f"avatars:{name}#{seed}-{i}", "drawn", name, f"{seed}-{i}"))


def _add_humans(listing: Listing, word: str, seed: int) -> None:
    """``humans:N`` are N people in one picture each, ``humans:NxF`` in F; a subject is a person."""
    match = re.fullmatch(r"humans:(\d{1,9})(?:x(\d{1,6}))?", word)
    people, frames = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if not 1 <= people * frames <= MAX_DRAWN:
        raise UsageError("humans.words", word=word, most=f"{MAX_DRAWN:,}")
    _ready_to_draw(listing)
    for i in range(people):
        who = f"humans#{seed}-{i}"
        for frame in range(frames):
            source = f"{who}/{frame}" if frames > 1 else who
            path = str(seed * 10**9 + i)
            listing.items.append(Item(source, "human", path, str(frame), who))


def _add_one_human(listing: Listing, word: str, seed: int) -> None:
    """``human:FILE:N`` are N frames of the human in a JSON file."""
    from fenshen.humans.human import read

    match = re.fullmatch(r"human:(.+):(\d{1,9})", word)
    if not match or not 1 <= int(match[2]) <= MAX_DRAWN:
        raise UsageError("humans.one_word", word=word, most=f"{MAX_DRAWN:,}")
    state = hashlib.sha256(read(match[1]).model_dump_json().encode()).hexdigest()
    _ready_to_draw(listing)
    for frame in range(int(match[2])):
        source = f"{match[1]}#{seed}-{frame}"
        listing.items.append(Item(source, "human", match[1], str(seed * 10**9 + frame), None, state))


def _ready_to_draw(listing: Listing) -> None:
    from fenshen.humans import LICENCE
    from fenshen.humans.render import make_ready

    make_ready()  # what is missing is said here, once, and not by every process
    if LICENCE not in listing.licences:
        listing.licences.append(LICENCE)


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
        folders[:] = sorted(name for name in folders if _visible(name))
        inside = Path(folder).relative_to(root).parts
        for name in sorted(filter(_visible, files)):
            yield os.path.join(folder, name), inside[0] if inside else None


def _visible(name: str) -> bool:
    return not name.startswith(".") and name not in _LITTER


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
    state = f"{status.st_size}:{status.st_mtime_ns}"
    if suffix == ".zip":
        return _add_zip(listing, file, subject, status)
    if suffix in VIDEO_SUFFIXES:
        return listing.items.append(Item(file, "video", file, subject=subject, state=state))
    if suffix not in portraits.SUFFIXES:
        return listing.refuse(file, Reason.NOT_A_PICTURE, f"a {suffix or 'nameless kind of'} file")
    if status.st_size > portraits.MAX_BYTES:
        return listing.refuse(file, Reason.TOO_LARGE, f"{status.st_size:,} bytes")
    return listing.items.append(Item(file, "picture", file, subject=subject, state=state))


def _add_zip(listing: Listing, file: str, subject: str | None, status: os.stat_result) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
    except Exception as error:  # BadZipFile, struct.error, UnicodeDecodeError, NotImplementedError, ...
        return listing.refuse(file, Reason.UNREADABLE, str(error) or type(error).__name__)
    total = sum(member.file_size for member in members)
    if total > max(TOTAL_MATTERS_FROM, MAX_RATIO * status.st_size):
        return listing.refuse(file, Reason.UNSAFE, f"unpacks from {status.st_size:,} to {total:,} bytes")
    wrapper = _common_folder(members)
    for member in members:
        parts = PurePosixPath(member.filename).parts[1 if wrapper else 0 :]
        if not all(map(_visible, parts)) and ".." not in parts:
            continue
        source = f"{file}!/{member.filename}"
        refused = _why_not(member)
        if refused is not None:
            listing.refuse(source, *refused)
            continue
        who = subject or (parts[0] if len(parts) > 1 else None)
        state = f"{status.st_size}:{status.st_mtime_ns}:{member.CRC}"
        listing.items.append(Item(source, "member", file, member.filename, who, state))


def _common_folder(members: list[zipfile.ZipInfo]) -> str | None:
    """The one folder that wraps all visible members, as zip programs like to make; it names no subject."""
    tops = {PurePosixPath(m.filename).parts[0] for m in members if PurePosixPath(m.filename).parts[1:]}
    tops = {top for top in tops if _visible(top)}
    wrapped = all("/" in m.filename for m in members if _visible(m.filename))
    return tops.pop() if len(tops) == 1 and wrapped else None


def _why_not(member: zipfile.ZipInfo) -> tuple[Reason, str] | None:
    """Why a zip member is not even read; None if it may be."""
    name = member.filename
    if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:", name):
        return Reason.UNSAFE, "its path leaves the archive"
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return Reason.UNSAFE, "a link or device, not a file"
    if member.flag_bits & 0x1:
        return Reason.ENCRYPTED, "protected by a password"
    if member.file_size > MAX_MEMBER:
        return Reason.TOO_LARGE, f"{member.file_size:,} bytes unpacked"
    if member.file_size > RATIO_MATTERS_FROM and member.file_size > MAX_RATIO * member.compress_size:
        return Reason.UNSAFE, f"unpacks from {member.compress_size:,} to {member.file_size:,} bytes"
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return Reason.NOT_A_PICTURE, "a video inside a zip file: unpack it first"
    if suffix not in portraits.SUFFIXES:
        return Reason.NOT_A_PICTURE, f"a {suffix or 'nameless kind of'} file"
    return None
