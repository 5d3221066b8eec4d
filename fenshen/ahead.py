"""Runs an iterator in a thread of its own, a few items ahead of whoever reads it.

Drawing, finishing and encoding of a film each keep about one core busy, in code that lets other threads run.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_PATIENCE = 0.1  # seconds between looks at whether anybody still reads


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The items, up to ``count`` of them made before they are asked for.

    What the iterator raises is raised here. It runs in one thread from its first item to its last; where reading stops
    before that, it is closed there.
    """
    made: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(count)
    stopped = threading.Event()

    def put(one: tuple[T] | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put(one, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put((item,)):
                    break
            put(None)
        except BaseException as error:  # also an interrupt: it belongs to who reads
            put(error)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while (one := made.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one[0]
    finally:
        stopped.set()
        thread.join()
