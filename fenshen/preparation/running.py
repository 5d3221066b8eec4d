"""Units on all cores, or on a cluster, with a bar on standard error; what is finished stays finished."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fenshen.errors import Interrupted, UsageError
from fenshen.messages import say
from fenshen.preparation.cutting import close, perform
from fenshen.preparation.planning import Settings, Unit
from fenshen.preparation.store import Store


def run(
    units: Sequence[Unit],
    settings: Settings,
    store: Store,
    *,
    workers: int | None = None,
    backend: str | None = None,
    progress: bool = True,
) -> None:
    """Cut every unit that the store does not hold yet.

    Raises:
        Interrupted: by SIGINT or SIGTERM; the store keeps what is finished.
        UsageError: joblib knows no such backend.
        OSError: the store cannot be written.
    """
    waiting = [unit for unit in units if unit.key(settings) not in store]
    total = sum(unit.expected for unit in units)
    done = total - sum(unit.expected for unit in waiting)
    try:
        with _terminable(), _bar(done, total, progress) as advance:
            for finished in _outcomes(waiting, settings, store, workers, backend):
                done += finished
                advance(finished)
    except KeyboardInterrupt as error:
        raise Interrupted("prepare.interrupted", done=done, total=total) from error
    finally:
        close()


def _outcomes(
    waiting: Sequence[Unit], settings: Settings, store: Store, workers: int | None, backend: str | None
) -> Iterator[int]:
    """How many pictures or frames each unit was about, as they are finished."""
    from joblib import Parallel, delayed

    count = min(workers or -1, len(waiting)) if workers else -1
    if len(waiting) == 1:
        count = 1
    _register(backend)
    try:
        parallel = Parallel(n_jobs=count, backend=backend, batch_size=1, return_as="generator_unordered")
    except ValueError as error:
        raise UsageError("prepare.unknown_backend", backend=backend, why=error) from error
    yield from parallel(delayed(_finish)(unit, settings, store, os.getpid()) for unit in waiting)


def _register(backend: str | None) -> None:
    """Make joblib know Ray's backend; Dask's registers itself, loky and threading are joblib's own."""
    if backend != "ray":
        return
    try:
        importlib.import_module("ray.util.joblib").register_ray()
    except ImportError as error:
        raise UsageError("prepare.unknown_backend", backend=backend, why=error) from error


def _finish(unit: Unit, settings: Settings, store: Store, parent: int) -> int:
    """Cut one unit and keep its outcome; runs in a worker process."""
    if os.getpid() != parent and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    store.save(unit.key(settings), perform(unit, settings, store))
    return unit.expected


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop the work as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar(done: int, total: int, show: bool) -> Iterator[Callable[[int], Any]]:
    """A bar with the rate and the time left; what it yields moves it on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task(say("prepare.bar"), total=total, completed=done, rate="")

        def advance(count: int) -> None:
            progress.advance(task, count)
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:.0f}/s" if speed else "")

        yield advance
