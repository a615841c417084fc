"""Bounded, eager to stop, and every result once."""

import threading
from collections.abc import Iterator

import pytest

from muniment.adapters.concurrency import at_once


def test_every_result_comes_once() -> None:
    assert sorted(at_once(lambda number: number * 2, range(100), 7)) == [number * 2 for number in range(100)]


def test_nothing_to_do_is_done() -> None:
    assert list(at_once(str, (), 3)) == []


def test_items_are_read_only_as_workers_become_free() -> None:
    read: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            read.append(number)
            yield number
            number += 1

    results = at_once(lambda number: number, endless(), 2)
    for _ in range(50):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(read) < 80


def test_after_an_error_nothing_more_begins() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        with lock:
            begun.append(number)
        if number == 3:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        list(at_once(work, range(10_000), 2))
    assert len(begun) < 100
