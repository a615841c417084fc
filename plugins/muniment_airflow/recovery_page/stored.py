"""The watch's store as the page reads it: opened once a process and only to read, and the last answers kept.

While the store is away a page shows what it showed last, and says so: an error page would say nothing of the firms, and
an empty one would say something false.
"""

import functools
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from muniment.adapters.fleet.pages import age
from muniment.errors import MunimentError
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.adapters.watch.store import WatchStore
    from muniment.domain.firm.firm import Firm
    from muniment.runbooks.fleet.reader import FleetReader

log = logging.getLogger(__name__)
_PATIENCE_S = 3.0
"""Somebody waits for the page, and there is what it showed last."""
_KEPT = 200
"""Answers: the fleet, and the firms and incidents that were looked at last."""


@dataclass(frozen=True)
class Told[T]:
    what: T
    stale: str | None = None
    """Why it may be old; as ``Frame.stale``."""


class Stored:
    def __init__(self, open_reader: Callable[[], "FleetReader"]) -> None:
        self._open = open_reader
        self._reader: FleetReader | None = None
        self._kept: OrderedDict[object, tuple[datetime, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def ask[T](self, key: object, read: Callable[["FleetReader"], T]) -> Told[T]:
        """What ``read`` answers, or what it answered last. Raises ``MunimentError`` where it never did."""
        try:
            found = read(self._connected())
        except MunimentError as error:
            with self._lock:
                self._reader = None
                kept = self._kept.get(key)
            if kept is None:
                raise
            log.warning("Recovery page: shown as it was last", exc_info=True)
            return Told(kept[1], _as_it_was(kept[0], error))
        self._keep(key, found)
        return Told(found)

    def _connected(self) -> "FleetReader":
        with self._lock:
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
    """This process's."""
    return Stored(open_reader)


def open_reader() -> "FleetReader":
    """Raises ``WatchStoreUnavailable`` and its kin, and ``InvalidConfiguration``."""
    from muniment.runbooks.fleet.reader import FleetReader

    return FleetReader(_open_store(), _site, utc_now)


def _open_store() -> "WatchStore":
    """Without ``watch.yaml``, which need not be here, where ``MUNIMENT_WATCH_STORE`` says it all."""
    from muniment.adapters.watch.places import VARIABLE, store_url_by
    from muniment.adapters.watch.store import WatchStore
    from muniment.registry.watch_file import load_watch_settings
    from muniment_airflow.hooks import login

    connection_id = None if os.environ.get(VARIABLE) else load_watch_settings().read_with
    return WatchStore.open(store_url_by(connection_id, login), patience_s=_PATIENCE_S, read_only=True)


def _site(firm: "Firm") -> "Site":
    """With the watch's own rights. Raises ``InvalidConfiguration`` where this Airflow has not its connections."""
    from muniment_airflow.fleet_connections import AirflowConnections

    return AirflowConnections().watch_site(firm)
