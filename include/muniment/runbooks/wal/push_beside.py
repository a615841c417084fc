"""What the primary vault has just acknowledged goes into the replica vault too, and nobody waits for it.

A segment's message is sealed once. Sealed again, by a later try, it would be other bytes under a name that is written
once: so the replica is never offered what the primary did not take from this very run. Whatever does not arrive,
``fleet__watch`` copies (runbooks/watch/bring_wal.py).
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from functools import partial
from threading import Semaphore

from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import MunimentError
from muniment.runbooks.identity import prove_replica

# Sealed segments in memory for it, beside those of the workers that push.
AT_ONCE = 4
_ROOM_WITHIN_S = 1.0


class Beside:
    """Threads that write to the replica. No method raises anything; ``finish`` says what went wrong."""

    def __init__(self, replica: Vault, mark: FirmMark) -> None:
        """``mark``: the primary's. The replica's own is read at once, and nothing is written before it is proven."""
        self._replica = replica
        self._mark = mark
        self._pool = ThreadPoolExecutor(AT_ONCE + 1, "beside")
        self._room = Semaphore(AT_ONCE)
        self._is_behind = False
        self._failure: BaseException | None = None
        self._begun: list[Future[bool]] = []
        self._proven = self._begin(self._has_heard)

    def offer(self, key: str, message: bytes, *, locked_until: datetime | None, metadata: Mapping[str, str]) -> None:
        """After the primary's acknowledgement. Left to the watch once one has failed, or where others take long."""
        if self._failure is None and self._has_room():
            put = partial(self._replica.put_message, key, message, locked_until=locked_until, metadata=metadata)
            self._begin(partial(self._write, put))

    def finish(self, limit_s: float) -> str | None:
        """Waits that long at most. Why something did not arrive, in one line; ``None`` where nothing went wrong."""
        done, waiting = wait(self._begun, timeout=limit_s)
        for each in done:  # a callback may still be on its way
            self._note(each)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._failure is not None:
            return self._failure.what if isinstance(self._failure, MunimentError) else repr(self._failure)
        return f"{self._replica.bucket} did not take it within {limit_s:g} seconds" if waiting else None

    def _has_room(self) -> bool:
        """A backlog is pushed as fast as the primary takes it: only the first that finds no room waits for some."""
        has_room = self._room.acquire(timeout=0 if self._is_behind else _ROOM_WITHIN_S)
        self._is_behind = not has_room
        return has_room

    def _begin(self, work: Callable[[], bool]) -> Future[bool]:
        begun = self._pool.submit(work)
        begun.add_done_callback(self._note)
        self._begun.append(begun)
        return begun

    def _note(self, done: Future[bool]) -> None:
        if not done.cancelled():
            self._failure = self._failure or done.exception()

    def _has_heard(self) -> bool:
        """Of the last adoption: a replica that has not gets the old cluster's WAL before, by the watch."""
        return not prove_replica(self._replica, self._mark).precedes(self._mark)

    def _write(self, put: Callable[[], object]) -> bool:
        try:
            if not self._proven.result() or self._failure is not None:
                return False
            put()
        finally:
            self._room.release()
        return True
