"""An iterator that runs ahead of its reader in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fenshen.ahead import ahead


def test_items_come_in_order_from_one_other_thread() -> None:
    threads = set()

    def items() -> Iterator[int]:
        for i in range(50):
            threads.add(threading.get_ident())
            yield i

    assert list(ahead(items(), 4)) == list(range(50))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_goes_wrong_is_raised_to_the_reader_after_the_items_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    read = ahead(items(), 4)
    assert next(read) == 1
    with pytest.raises(KeyError, match="two"):
        next(read)


def test_a_source_is_closed_where_reading_stops() -> None:
    made, closed = [], threading.Event()

    def items() -> Iterator[int]:
        try:
            for i in range(1000):
                made.append(i)
                yield i
        finally:
            closed.set()

    read = ahead(items(), 2)
    assert next(read) == 0
    read.close()
    assert closed.is_set()
    assert len(made) < 10
