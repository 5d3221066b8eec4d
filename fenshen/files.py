"""The one way to write: beside the place, flushed to the disk, then moved there by one rename.

Whoever reads sees the old file, or folder, or the whole new one; after a crash or a full disk too.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from fenshen.errors import FenshenError


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Write a file: the body writes to the path it is given, which then replaces ``path``.

    The temporary path has the suffix of ``path``, for encoders that choose a format by it. If the body raises,
    nothing changes.

    Raises:
        FenshenError: the file cannot be written (any OSError of the body counts).
    """
    target = Path(path)
    with _errors_of(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _part_of(target)
        try:
            yield part
            _flush(part)
            os.replace(part, target)
            _flush(target.parent)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path | str) -> Iterator[Path]:
    """Write a folder: the body fills the empty folder it is given, which then replaces ``path``.

    A folder that was there is removed only once the new one is in its place. If the body raises, nothing changes.

    Raises:
        FenshenError: the folder cannot be written (any OSError of the body counts).
    """
    target = Path(path)
    with _errors_of(target):
        part = _part_of(target)
        old = part.with_suffix(".old")
        try:
            part.mkdir(parents=True)
            yield part
            _flush_all(part)
            if target.exists():
                os.replace(target, old)
            os.replace(part, target)
            _flush(target.parent)
        except BaseException:
            if old.exists() and not target.exists():
                os.replace(old, target)
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writing_into(path: Path | str) -> Iterator[Path]:
    """Write files into a folder that may already hold others, which stay.

    The body fills an empty folder; its files are then moved into ``path`` one by one, in the order of their names.

    Raises:
        FenshenError: the folder cannot be written (any OSError of the body counts).
    """
    target = Path(path)
    with _errors_of(target):
        part = _part_of(target)
        try:
            part.mkdir(parents=True)
            yield part
            _flush_all(part)
            target.mkdir(exist_ok=True)
            for file in sorted(part.iterdir()):
                os.replace(file, target / file.name)
            _flush(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file in UTF-8.

    Raises:
        FenshenError: it cannot be written.
    """
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def _errors_of(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FenshenError("files.cannot_write", path=target, why=error.strerror or error) from error


def _part_of(target: Path) -> Path:
    """A hidden name beside ``target`` that no other process uses; what killed processes left there is removed."""
    host = socket.gethostname()
    for stale in target.parent.glob(f".{escape(target.stem)}.{escape(host)}-*.part{escape(target.suffix)}"):
        number = stale.name.removesuffix(f".part{target.suffix}").rpartition("-")[2]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(stale, ignore_errors=True) if stale.is_dir() else stale.unlink(missing_ok=True)
    return target.with_name(f".{target.stem}.{host}-{os.getpid()}.part{target.suffix}")


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a system where this cannot be asked
        return True
    return True


def _flush_all(folder: Path) -> None:
    for inside, _, names in os.walk(folder):
        for name in names:
            _flush(Path(inside, name))
        _flush(Path(inside))


def _flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk; a file system that cannot do so is left alone."""
    with suppress(PermissionError, IsADirectoryError):  # folders cannot be opened on Windows
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
