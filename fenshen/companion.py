"""A companion: a process of its own for code that should not run in ours, which answers one request at a time.

It is a script that reads requests from standard input and writes answers to standard output. Each is one line of JSON,
an object, followed by as many bytes as its ``bytes`` says. An answer with ``error`` says what went wrong, and may say
in ``kind`` the name of the exception. The script ends when its standard input does, that is, with this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from fenshen.messages import message


class CompanionError(Exception):
    """A companion gave no answer, or an error; the text says why, ``kind`` which exception it met, if any."""

    def __init__(self, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.kind = kind


class _EndedError(Exception):
    """The process ended before it answered; the text says how."""


class Companion:
    """A process that is started by the first request, and started again where it has ended. Threads may share one.

    Args:
        command: gives the arguments for the Python interpreter; called whenever the process starts.
        environment: variables that the process alone has, besides ours.
        patience: seconds after which a process that does not answer is ended.
    """

    def __init__(
        self,
        command: Callable[[], Sequence[str]],
        *,
        environment: Mapping[str, str] | None = None,
        patience: float = 30.0,
    ) -> None:
        self.patience = patience
        self._command, self._environment = command, dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The number of the process, None where none was started."""
        return self._process.pid if self._process else None

    def ask(self, request: Mapping[str, Any], data: bytes | memoryview = b"") -> tuple[dict[str, Any], bytes]:
        """One request and its answer. If the process ends meanwhile, the next one is asked once more.

        Args:
            request: anything that JSON can say.
            data: bytes that come with it.

        Raises:
            CompanionError: it reports an error, ended twice, or did not answer in time.
        """
        line = json.dumps({**request, "bytes": len(data)}).encode() + b"\n"
        with self._lock:
            try:
                try:
                    head, rest = self._exchange(line, data)
                except _EndedError:
                    head, rest = self._exchange(line, data)
            except (_EndedError, OSError) as error:  # the latter where no process can be started
                raise CompanionError(str(error)) from error
        if "error" in head:
            raise CompanionError(str(head["error"]), str(head.get("kind", "")))
        return head, rest

    def close(self) -> None:
        """End the process; a second call does nothing, a later request starts another."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            _end(process)
            process.communicate()

    def _exchange(self, line: bytes, data: bytes | memoryview) -> tuple[dict[str, Any], bytes]:
        process = self._started()
        late = threading.Event()

        def stop() -> None:
            late.set()
            _end(process)

        watch = threading.Timer(self.patience, stop)
        watch.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line)
            process.stdin.write(data)
            process.stdin.flush()
            head = json.loads(process.stdout.readline())
            rest = process.stdout.read(head.get("bytes", 0))
            if len(rest) < head.get("bytes", 0):
                raise ValueError("the answer is cut off")
        except (OSError, ValueError) as error:
            self.close()
            if late.is_set():
                raise CompanionError(message("machine.process_late", seconds=self.patience)) from error
            raise _EndedError(message("machine.process_ended", code=process.returncode)) from error
        except (
            BaseException
        ):  # an interrupt in the middle of an answer: the rest of it must not meet the next request
            self.close()
            raise
        finally:
            watch.cancel()
        return head, rest

    def _started(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._process = None  # a copy that was forked leaves the original's process alone
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [sys.executable, "-I", *self._command()],
                env={**os.environ, **self._environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # An interrupt is for us alone, and the copies that a companion makes of itself end with it.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the copies it made of itself."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
