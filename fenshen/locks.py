"""One process at a time makes a run, a dataset or a double; whoever only reads them is never held up.

The lock is the operating system's, on a hidden file beside the target. It ends with the process, however that ends, so
a file that a killed process left behind holds nobody up.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fenshen import files
from fenshen.errors import FenshenError

_CANNOT_LOCK = {
    errno.ENOTSUP,
    errno.ENOSYS,
    errno.ENOLCK,
    errno.EINVAL,
    errno.EBADF,
}  # file systems without locks

_TRIES, _PAUSE = 20, 0.02  # seconds between readings of a name that is not there yet


@contextmanager
def at_work(path: Path | str) -> Iterator[None]:
    """Be the only one at work on a file or folder, which need not exist yet, during the body.

    Args:
        path: what is made; other names of the same place share the lock.

    Raises:
        FenshenError: another process, or another thread of this one, is at work on it; or its parent folder cannot be
            written.
    """
    target = Path(os.path.realpath(path))
    file = files.beside(target, "lock")
    made = [folder for folder in target.parents if not folder.exists()]
    with files.writing_errors(path):
        held = _hold(file, target)
    if held is None:
        raise FenshenError("files.at_work", path=path, who=_holder(file))
    try:
        yield
    finally:
        _release(held, file)
        for folder in made:  # where nothing was written into them
            with suppress(OSError):
                folder.rmdir()


def _hold(file: Path, target: Path) -> int | None:
    """A handle that holds the lock; None where somebody else holds it."""
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle, opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o666), file
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            # Somebody else's lock file; or a folder whose parent cannot be written, such as a mounted one.
            opened = file if file.exists() else target
            handle = os.open(opened, os.O_RDONLY)
        if not _locked(handle):
            os.close(handle)
            return None
        if _is(handle, opened):
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.write(handle, f"{os.getpid()}@{socket.gethostname()}".encode())
            return handle
        os.close(handle)  # removed by the process that held it a moment ago


def _release(handle: int, file: Path) -> None:
    if os.name != "nt":  # removed while it is held, or the next one's could be
        with suppress(OSError):
            file.unlink()
    os.close(handle)
    if os.name == "nt":  # there, an open file cannot be removed
        with suppress(OSError):
            file.unlink()


def _is(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except FileNotFoundError:
        return False


def _holder(file: Path) -> str:
    """The process that holds a lock, as far as it says so."""
    for _ in range(_TRIES):
        try:
            name = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
        if name:
            return f" ({name})"
        time.sleep(_PAUSE)  # it has the lock, and writes its name in a moment
    return ""


if os.name == "nt":
    import msvcrt

    def _locked(handle: int) -> bool:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # a byte beyond the text: what is locked cannot be read there
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _CANNOT_LOCK:
                raise
        return True
