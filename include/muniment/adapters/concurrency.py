"""Many requests under way at once, few in memory, and none begun after one has failed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

_WAITING_PER_WORKER = 4


def at_once[T, R](work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """``work``'s results as they come, in no order. The first error ends it: what runs is finished, the rest not begun.

    ``items`` is read as workers become free, so a million of them cost no more memory than a hundred.
    """
    source = iter(items)
    with ThreadPoolExecutor(workers, "at-once") as pool:
        running = {pool.submit(work, item) for item in islice(source, workers * _WAITING_PER_WORKER)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from _results(done)
                running |= {pool.submit(work, item) for item in islice(source, len(done))}
        finally:
            for waiting in running:
                waiting.cancel()


def _results[R](done: set[Future[R]]) -> Iterator[R]:
    for finished in done:
        yield finished.result()
