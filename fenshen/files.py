"""The one way to write: beside the place, flushed to the disk, then moved there by a rename.

Readers see the old file or folder, or the whole new one, also after a crash or on a full disk. Errors of the
operating system become sentences here: :func:`writing_errors` and :func:`reading_errors`.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fenshen.errors import FenshenError, UsageError
from fenshen.messages import message
from fenshen.names import readable

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

_WINDOWS = os.name == "nt"
LONGEST = 255  # bytes of a name that file systems allow
_LONG, _LONG_SUFFIX = 120, 16  # bytes of a name, and of its suffix, that a temporary name repeats
_OLD = ".old"  # ends the name of a folder that is being replaced
_CANNOT_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # what some network file systems answer
_numbers = itertools.count()  # one a temporary name, so that threads do not meet
_unfinished: set[Path] = set()  # folders that are being filled


@contextmanager
def writing(path: Path | str, *errors: type[Exception]) -> Iterator[Path]:
    """Write a file: the body writes to the path it is given, which then replaces ``path``.

    Missing parent folders are made, a link is followed, and a file that is replaced passes on its permissions. If the
    body raises, nothing changes. The temporary path has the suffix of ``path``, since some encoders choose the format
    by it.

    Args:
        errors: exceptions besides OSError by which a library reports a full disk, such as ``SafetensorError``.

    Raises:
        FenshenError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    with writing_errors(path, *errors):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _make_parents(target)
        part = _part_of(target)
        try:
            yield part
            if not _in_unfinished(target):  # else it is flushed with its folder
                _flush_file(part)
            if target.exists():
                _keep_mode(target, part)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        if not _in_unfinished(target):
            _flush_folder(target.parent)


@contextmanager
def writing_folder(path: Path | str, *errors: type[Exception], keep: bool = False) -> Iterator[Path]:
    """Write a folder: the body fills the empty folder it is given, which then replaces ``path``.

    An old folder is removed once the new one is in its place. If the body raises, nothing changes. Files inside are
    flushed together at the end, which is faster than one by one.

    Args:
        errors: exceptions besides OSError by which a library reports a full disk, such as ``SafetensorError``.
        keep: leave an old folder there and move the new files into it, one by one.

    Raises:
        FenshenError: the folder cannot be written.
    """
    target = Path(os.path.realpath(path))
    with writing_errors(path, *errors):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _make_parents(target)
        part = _part_of(target)
        part.mkdir()
        _unfinished.add(part)
        try:
            yield part
            _flush_tree(part)
            if keep and target.exists():
                _move_files(part, target)
            else:
                _replace_folder(part, target)
        finally:
            _unfinished.discard(part)
            shutil.rmtree(part, ignore_errors=True)
        _flush_folder(target.parent)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file in UTF-8.

    Raises:
        FenshenError: it cannot be written.
    """
    with writing(path) as part:
        part.write_text(readable(text), encoding="utf-8")


def write_table(path: Path, table: pa.Table, **options: Any) -> None:
    """Write a table as Parquet; given a path, PyArrow only takes names in UTF-8."""
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        pq.write_table(table, file, **options)


def read_table(path: Path, **options: Any) -> pa.Table:
    """Read a table from Parquet."""
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        return pq.read_table(file, **options)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors; given a path, safetensors only takes names in UTF-8."""
    from safetensors.torch import load, load_file

    return load_file(path) if readable(path) == str(path) else load(path.read_bytes())


def sha256(path: Path) -> str:
    """The hash of a file's content, in hex; films are read piece by piece.

    Raises:
        FenshenError: it cannot be read.
    """
    digest = hashlib.sha256()
    with reading_errors(path), path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def cache_folder() -> Path:
    """``FENSHEN_CACHE``, else the user's cache folder, ``~/.cache/fenshen``."""
    chosen = os.environ.get("FENSHEN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "fenshen"


def in_utf8(folder: Path) -> Path:
    """The folder by a name in UTF-8, for a library that takes no other: on Linux, that of an open handle.

    The handle stays open until the process ends. Elsewhere all names are Unicode.
    """
    if readable(folder) == str(folder):
        return folder
    return Path(f"/proc/self/fd/{os.open(folder, os.O_RDONLY)}")


def make_folder(path: Path | str) -> None:
    """Make a folder and those above it where they are missing.

    Raises:
        FenshenError: it cannot be made, or a file is in its place.
    """
    with writing_errors(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def must_be_file(path: Path | str, wanted: str) -> None:
    """Refuse a folder where one file is needed; what is not there is for the reader to say.

    Args:
        wanted: a key of the catalogue: what is needed instead.

    Raises:
        UsageError: it is a folder.
    """
    if Path(path).is_dir():
        raise UsageError("files.is_folder", path=path, wanted=message(wanted))


def must_be_folder(path: Path | str, wanted: str) -> None:
    """Refuse a file where a folder is needed; see :func:`must_be_file`."""
    if Path(path).is_file():
        raise UsageError("files.is_file", path=path, wanted=message(wanted))


@contextmanager
def writing_errors(path: Path | str, *errors: type[Exception]) -> Iterator[None]:
    """Turn an OSError of the body, or one of ``errors``, into the sentence that ``path`` cannot be written."""
    kinds: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        yield
    except kinds as error:
        if _in_unfinished(Path(os.path.realpath(path))):
            # The user knows the folder that is being written, not the hidden one in which it grows.
            raise OSError(getattr(error, "errno", None), reason(error)) from error
        raise FenshenError("files.cannot_write", path=path, why=reason(error)) from error


@contextmanager
def reading_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError of the body into the sentence that ``path`` cannot be read."""
    try:
        yield
    except OSError as error:
        raise FenshenError("files.cannot_read", path=path, why=reason(error)) from error


@contextmanager
def refusals(path: Path | str) -> Iterator[None]:
    """As :func:`reading_errors`, for what the system refuses: no permission, no handles left, a disk that fails.

    That a file is missing, or that a library finds it damaged, which is often an OSError too, passes.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise FenshenError("files.cannot_read", path=path, why=reason(error)) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of the system's temporary files that is removed afterwards.

    Raises:
        FenshenError: there is no place for one.
    """
    with temporary_errors():
        folder = tempfile.TemporaryDirectory(prefix="fenshen-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Turn an OSError of the body into the sentence that the folder of temporary files cannot be used."""
    try:
        yield
    except OSError as error:
        place = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")
        raise FenshenError("files.cannot_use_temporary", path=place, why=reason(error)) from error


def reason(error: BaseException) -> str:
    """Why something failed, on one line, in the words of the system or the library."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split())


def _make_parents(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # the parent is a file
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


def beside(target: Path, ending: str) -> Path:
    """The hidden path ``.NAME.ending`` beside a file or folder, for what is kept while it is made."""
    if target.name in ("", ".."):  # such as the working folder
        target = Path(os.path.realpath(target))
        if not target.name:
            return target / f".{ending}"
    return target.with_name(f".{_short(target.name, LONGEST - len(ending) - 2)}.{ending}")


def _short(name: str, most: int) -> str:
    """A name of at most ``most`` bytes; of a longer one its beginning and a hash."""
    whole = os.fsencode(name)
    if len(whole) <= most:
        return name
    end = f"-{hashlib.sha256(whole).hexdigest()[:8]}"
    return whole[: most - len(end)].decode("utf-8", "ignore") + end


def _replace_folder(part: Path, target: Path) -> None:
    """Put ``part`` in the place of ``target``; what is killed between the renames is mended by :func:`_part_of`."""
    if not target.exists():
        os.replace(part, target)
        return
    _keep_mode(target, part)
    old = part.with_name(part.name + _OLD)
    try:
        os.replace(target, old)
        os.replace(part, target)
    finally:
        if not target.exists() and old.exists():
            os.replace(old, target)
        shutil.rmtree(old, ignore_errors=True)


def _move_files(part: Path, target: Path) -> None:
    for folder, _, names in os.walk(part):
        place = target / Path(folder).relative_to(part)
        place.mkdir(exist_ok=True)
        for name in sorted(names):
            os.replace(Path(folder, name), place / name)
        _flush_folder(place)


def _keep_mode(old: Path, new: Path) -> None:
    with suppress(PermissionError):  # of file systems that have no permission bits
        shutil.copymode(old, new)


def _part_of(target: Path) -> Path:
    """A hidden name beside ``target`` that nobody else uses; what killed processes left of its kind is cleared away."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _LONG_SUFFIX else ""
    name = _short(target.name.removesuffix(suffix), _LONG)
    start, end = f".{name}.{socket.gethostname()}-", f".part{suffix}"
    for kind in (end, end + _OLD):
        for stale in target.parent.glob(f"{escape(start)}*{escape(kind)}"):
            process = stale.name.removeprefix(start).partition("-")[0]
            if process.isdigit() and not _is_running(int(process)):
                _clear(stale, target)
    return target.with_name(f"{start}{os.getpid()}-{next(_numbers)}{end}")


def _clear(stale: Path, target: Path) -> None:
    if stale.name.endswith(_OLD) and not target.exists():
        os.replace(stale, target)
    elif stale.is_dir():
        shutil.rmtree(stale, ignore_errors=True)
    else:
        stale.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if _WINDOWS:  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _in_unfinished(path: Path) -> bool:
    return not _unfinished.isdisjoint(path.parents)


def _flush_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            _flush_file(Path(place, name))
        _flush_folder(Path(place))


def _flush_file(file: Path) -> None:
    """Bring a file's bytes to the disk; only now does a full disk show on some file systems."""
    handle = os.open(file, os.O_RDWR if _WINDOWS else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk. Where that fails, the files are in their places all the same."""
    if _WINDOWS:  # folders cannot be opened there
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
