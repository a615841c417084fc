"""Other processes that have the watch's store open: started by multiprocessing's fork server."""

import multiprocessing
import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from sqlalchemy import text

from muniment.adapters.watch.store import WatchStore
from tests.support.watched import LASTING, NOW, firm_seen, incident, notice

NOTICES_EACH, BOOKS_EACH = 5, 6
_LONGEST_S = 60


def forks() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "muniment.adapters.watch.migrate"])
    return context


def work(url: str, number: int, together: Barrier, done: Connection) -> None:
    """Opens it when all the others do and writes what they write. Tells which notices were its, and if the pass was."""
    together.wait(_LONGEST_S)
    store = WatchStore.open(url, patience_s=_LONGEST_S)
    for each in range(NOTICES_EACH):
        with store.book() as book:
            book.enqueue(notice(number * NOTICES_EACH + each))
    for _ in range(BOOKS_EACH):
        with store.book() as book:
            kept = book.find("incident-1") or incident()
            book.put(kept.model_copy(update={"bad_passes": kept.bad_passes + 1}))
    store.put_firms(firm_seen(f"firm-{each}") for each in range(20))
    together.wait(_LONGEST_S)
    claimed = [each.id for each in store.claim_notices(NOW, LASTING)]
    done.send((claimed, store.begin_pass("default", NOW, LASTING) is not None))


def work_at_once(url: str, count: int) -> Sequence[tuple[list[str], bool]]:
    """What ``count`` processes of ``work`` have told."""
    context = forks()
    together = context.Barrier(count)
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    processes = [
        context.Process(target=work, args=(url, number, together, sending)) for number, (_, sending) in enumerate(pipes)
    ]
    for each in processes:
        each.start()
    for each in processes:
        each.join(_LONGEST_S)
    assert [each.exitcode for each in processes] == [0] * count
    return [receiving.recv() for receiving, _ in pipes]


def stay_in_the_book(url: str, ready: Connection) -> None:
    """Has written all that it wants to, and never ends its transaction."""
    with WatchStore.open(url).book() as book:
        book.put(incident())
        book.enqueue(notice())
        ready.send("half done")
        time.sleep(3600)


def sessions_of_a_fork(url: str, done: Connection) -> None:
    """The server's processes that answer this process and a fork of it, and this one again."""
    store = WatchStore.open(url)
    mine = _session(store)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, str(_session(store)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    done.send((mine, int(os.read(reading, 32)), _session(store)))


def _session(store: WatchStore) -> int:
    with store.database.reading() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
