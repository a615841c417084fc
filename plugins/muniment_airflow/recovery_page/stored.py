"""The watch's store as the page reads it: opened once a process and only to read, and the last answers kept.

While the store is away a page shows what it showed last, and says so: an error page would say nothing of the firms, and
an empty one would say something false.

What it needs is imported with it, seconds of it, and not while a question's time runs.
"""

import functools
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muniment.adapters.fleet.pages import age
from muniment.adapters.site.site import Site
from muniment.adapters.watch.places import VARIABLE, store_url_by
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.errors import MunimentError, WatchStoreUnavailable
from muniment.ports import utc_now
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.fleet.reader import FleetReader
from muniment_airflow.fleet_connections import AirflowConnections
from muniment_airflow.hooks import login

log = logging.getLogger(__name__)
_PATIENCE_S = 3.0
"""Somebody waits for the page, and there is what it showed last."""
DEADLINE_S = 15.0
"""Of one question to the store."""
_REST_S = 5.0
"""So long nobody asks a store again that has just been away."""
_AT_ONCE = 32
"""Questions under way. Airflow's API server has 40 threads for all of its pages."""
_PLACE = "of the Recovery page"
_KEPT = 200
"""Answers: the fleet, and the firms and incidents that were looked at last."""


@dataclass(frozen=True)
class Told[T]:
    what: T
    stale: str | None = None
    """Why it may be old; as ``Frame.stale``."""


class Stored:
    def __init__(self, open_reader: Callable[[], FleetReader]) -> None:
        self._open = open_reader
        self._reader: FleetReader | None = None
        self._kept: OrderedDict[object, tuple[datetime, Any]] = OrderedDict()
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._asking = threading.BoundedSemaphore(_AT_ONCE)
        self._rests: tuple[float, MunimentError] | None = None

    def ask[T](self, key: object, read: Callable[[FleetReader], T], deadline_s: float = DEADLINE_S) -> Told[T]:
        """What ``read`` answers within ``deadline_s``, or what it answered last. Raises ``MunimentError`` where it
        never did."""
        try:
            found = self._in_time(lambda: read(self._connected()), deadline_s)
        except MunimentError as error:
            self._reader = None
            with self._lock:
                kept = self._kept.get(key)
            if kept is None:
                raise
            log.warning("Recovery page: shown as it was last", exc_info=True)
            return Told(kept[1], _as_it_was(kept[0], error))
        self._keep(key, found)
        return Told(found)

    def _in_time[T](self, work: Callable[[], T], deadline_s: float) -> T:
        """Raises ``MunimentError``; of a store that has just been away at once, for whoever waited for it anew would
        keep one of the threads that Airflow's own pages need."""
        if self._rests is not None and time.monotonic() < self._rests[0]:
            raise self._rests[1].with_traceback(None)
        try:
            return self._answered(work, deadline_s)
        except WatchStoreUnavailable as error:
            self._rests = time.monotonic() + _REST_S, error
            raise

    def _answered[T](self, work: Callable[[], T], deadline_s: float) -> T:
        """In a thread of its own: one that waits for a server or a disk that says nothing is left behind."""
        if not self._asking.acquire(blocking=False):
            raise WatchStoreUnavailable(place=_PLACE, reason="those who asked before still wait for an answer")
        answer: Future[T] = Future()

        def asks() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:  # it is the asker's
                answer.set_exception(error)
            finally:
                self._asking.release()

        threading.Thread(target=asks, name="recovery-page", daemon=True).start()
        try:
            return answer.result(deadline_s)
        except TimeoutError:
            raise WatchStoreUnavailable(place=_PLACE, reason=f"no answer within {deadline_s:g} s") from None

    def _connected(self) -> FleetReader:
        with self._opening:
            if self._reader is None:
                self._reader = self._open()
            return self._reader

    def _keep(self, key: object, found: Any) -> None:
        with self._lock:
            self._kept[key] = (utc_now(), found)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def _as_it_was(read_at: datetime, error: MunimentError) -> str:
    return f"Shown as it was {age(read_at, utc_now())}, and not as it is: {error.what}."


@functools.cache
def stored() -> Stored:
    """This process's. What it is made of takes seconds to load once, which are none of the store's."""
    import muniment.adapters.watch.store
    import muniment.runbooks.fleet.reader  # noqa: F401

    return Stored(open_reader)


def open_reader() -> FleetReader:
    """Raises ``WatchStoreUnavailable`` and its kin, and ``InvalidConfiguration``."""
    return FleetReader(_open_store(), _site, utc_now)


def _open_store() -> WatchStore:
    """Without ``watch.yaml``, which need not be here, where ``MUNIMENT_WATCH_STORE`` says it all."""
    connection_id = None if os.environ.get(VARIABLE) else load_watch_settings().read_with
    return WatchStore.open(store_url_by(connection_id, login), patience_s=_PATIENCE_S, read_only=True)


def _site(firm: Firm) -> Site:
    """With the watch's own rights. Raises ``InvalidConfiguration`` where this Airflow has not its connections."""
    return AirflowConnections().watch_site(firm)
