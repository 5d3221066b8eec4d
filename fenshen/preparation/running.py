"""Runs units on all cores or on a cluster, with a progress bar; finished units are kept."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fenshen import machine
from fenshen.errors import Interrupted, UsageError
from fenshen.messages import message
from fenshen.preparation.faces import close
from fenshen.preparation.planning import Unit
from fenshen.preparation.settings import Settings
from fenshen.preparation.store import Store

_GLANCE = 0.25  # seconds between two looks at what is finished


def run(
    units: Sequence[Unit],
    settings: Settings,
    store: Store,
    *,
    workers: int | None = None,
    backend: str | None = None,
    progress: bool = True,
    title: str = "prepare.bar",
) -> None:
    """Do every unit that the store does not hold yet.

    Args:
        title: the message that names the bar.

    Raises:
        Interrupted: by SIGINT or SIGTERM; the store keeps what is finished.
        UsageError: joblib knows no such backend.
        OSError: the store cannot be written.
    """
    sizes = {unit.key(settings): unit.expected for unit in units}
    waiting = [unit for unit in units if unit.key(settings) not in store]
    if not waiting:
        return
    try:
        with _terminable(), _bar(sizes, store, title, progress):
            _spread(waiting, settings, store, workers, backend)
    except KeyboardInterrupt as error:
        done = sum(sizes[key] for key in store.keys() & sizes.keys())
        raise Interrupted("prepare.interrupted", done=done, total=sum(sizes.values())) from error
    finally:
        close()


def _spread(
    waiting: Sequence[Unit],
    settings: Settings,
    store: Store,
    workers: int | None,
    backend: str | None,
) -> None:
    import joblib

    if backend == "ray":  # Dask registers itself; loky and threading are joblib's own
        try:
            importlib.import_module("ray.util.joblib").register_ray()
        except ImportError as error:
            raise UsageError("prepare.unknown_backend", backend=backend, why=error) from error
    try:
        chosen = joblib.parallel_config(backend=backend) if backend else joblib.parallel_config()
    except (ValueError, ImportError) as error:
        raise UsageError("prepare.unknown_backend", backend=backend, why=error) from error
    with chosen:
        count = min(workers or joblib.effective_n_jobs(-1), len(waiting))
        parallel = joblib.Parallel(n_jobs=count, batch_size=1)
        parallel(joblib.delayed(_finish)(unit, settings, store, os.getpid()) for unit in waiting)


def _finish(unit: Unit, settings: Settings, store: Store, parent: int) -> None:
    """Do one unit and keep its outcome; runs in a worker process."""
    if os.getpid() != parent:
        machine.start(worker=True)
    if os.getpid() != parent and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    store.save(unit.key(settings), unit.perform(settings, store))


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
def _bar(sizes: dict[str, int], store: Store, title: str, show: bool) -> Iterator[None]:
    """A bar with the rate and the time left, moved on by what appears in the store.

    Not every joblib backend hands results over as they come (Ray's does not); the store is filled by all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    if not show:
        yield
        return
    with Progress(*columns, console=Console(stderr=True)) as progress:
        left = dict(sizes)
        before = sum(left.pop(key) for key in store.keys() & left.keys())
        task = progress.add_task(message(title), total=sum(sizes.values()), completed=before, rate="")
        finished = threading.Event()

        def glance() -> None:
            for key in store.keys() & left.keys():
                progress.advance(task, left.pop(key))
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:.0f}/s" if speed else "")

        def watch() -> None:
            while not finished.wait(_GLANCE):
                glance()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()
            glance()
