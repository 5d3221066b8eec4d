"""Pictures in zip files, read without unpacking."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from fenshen import encodings, portraits
from fenshen.preparation.refusals import Reason
from fenshen.preparation.sources import SUFFIXES, Listing
from fenshen.preparation.sources.files import state_of, visible
from fenshen.preparation.sources.pictures import Still

MAX_MEMBER = 256 << 20  # bytes of one unpacked member
# A picture hardly compresses; deflate's ceiling is 1032 to 1, and that is where bombs live.
MAX_RATIO = 200
RATIO_MATTERS_FROM = 16 << 20
TOTAL_MATTERS_FROM = 1 << 30
_SAYS_UTF8, _UNSAID = 0x800, "cp437"  # the flag of a name in UTF-8; how zipfile decodes others


@dataclass(frozen=True)
class ZipMember(Still):
    """A picture in a zip file.

    Attributes:
        path: of the zip file.
        member: its name in there.
        state: changes when the content does.
    """

    path: str
    member: str
    state: str

    def read(self) -> bytes:
        """The unpacked member."""
        try:
            return _archive(self.path, self.state.rpartition(":")[0]).read(self.member)
        except OSError:
            raise
        except Exception as error:  # BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, ...
            raise OSError(str(error) or type(error).__name__) from error


@lru_cache(maxsize=2)
def _archive(path: str, state: str) -> zipfile.ZipFile:
    """An open archive: reading its directory again for every member would take longer than the pictures."""
    return zipfile.ZipFile(path)


def add_zip(listing: Listing, file: str, subject: str | None, status: os.stat_result) -> None:
    """List the pictures in a zip file, and refuse what is unsafe, without unpacking anything."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
    except Exception as error:  # BadZipFile, struct.error, UnicodeDecodeError, NotImplementedError, ...
        return listing.refuse(file, Reason.UNREADABLE, str(error) or type(error).__name__)
    total = sum(member.file_size for member in members)
    if total > max(TOTAL_MATTERS_FROM, MAX_RATIO * status.st_size):
        return listing.refuse(file, Reason.UNSAFE, f"unpacks from {status.st_size:,} to {total:,} bytes")
    inner = _names(members)
    wrapper = _common_folder(inner)
    for member, inside in zip(members, inner, strict=True):
        parts = PurePosixPath(inside).parts[1 if wrapper else 0 :]
        if not all(map(visible, parts)) and ".." not in parts:
            continue
        name = f"{file}!/{inside}"
        refused = _why_not(member, inside)
        if refused is not None:
            listing.refuse(name, *refused)
            continue
        who = subject or (parts[0] if len(parts) > 1 else None)
        state = f"{state_of(status)}:{member.CRC}"
        listing.add(ZipMember(name, who, file, member.filename, state))


def _names(members: list[zipfile.ZipInfo]) -> list[str]:
    """The members' names. Where the archive does not say that they are UTF-8, the encoding is guessed from all."""
    raw = {m.filename: m.filename.encode(_UNSAID) for m in members if not m.flag_bits & _SAYS_UTF8}
    encoding = encodings.guess(raw.values(), (_UNSAID, "cp1252")) or _UNSAID
    return [raw[m.filename].decode(encoding) if m.filename in raw else m.filename for m in members]


def _common_folder(members: list[str]) -> str | None:
    """The one folder that wraps all visible members, as zip programs like to make; it names no subject."""
    tops = {PurePosixPath(name).parts[0] for name in members if PurePosixPath(name).parts[1:]}
    tops = {top for top in tops if visible(top)}
    wrapped = all("/" in name for name in members if visible(name))
    return tops.pop() if len(tops) == 1 and wrapped else None


def _why_not(member: zipfile.ZipInfo, name: str) -> tuple[Reason, str] | None:
    """Why a zip member is not even read; None if it may be."""
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
    if suffix in portraits.SUFFIXES:
        return None
    if suffix in SUFFIXES:
        return Reason.NOT_A_PICTURE, f"a {suffix} file inside a zip file: unpack it first"
    return Reason.NOT_A_PICTURE, f"a {suffix or 'nameless kind of'} file"


SUFFIXES.add(".zip", add_zip)
