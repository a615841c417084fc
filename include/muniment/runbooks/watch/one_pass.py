"""A pass from its beginning: the store, Airflow, then the firms of each queue. The DAG and the command both come
through here, and differ in where their connections come from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site
from muniment.adapters.watch.heartbeat import Heartbeat
from muniment.adapters.watch.places import store_url_by
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.awake import untold
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import Clock, Progress
from muniment.runbooks.incidents.tell import UNTOLD
from muniment.runbooks.watch.check_airflow import look_at_airflow
from muniment.runbooks.watch.looks import looks_of
from muniment.runbooks.watch.watch_fleet import Fleet, watch_fleet


class Connections(Protocol):
    """Where logins come from. Each method raises ``InvalidConfiguration`` where one is missing."""

    def login(self, connection_id: str) -> Login: ...

    def site(self, firm: Firm) -> Site:
        """As a runbook works on it."""

    def watch_site(self, firm: Firm) -> Site:
        """As the watch looks at it: ``firm.as_watched``, with little patience."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the registry says: ``firms`` are the sound ones, ``broken`` says what is wrong with a file that is not."""

    settings: WatchSettings
    firms: Mapping[str, Firm]
    broken: Mapping[str, str]
    connections: Connections

    def store(self) -> WatchStore:
        """Raises ``WatchStoreUnavailable``."""
        return WatchStore.open(store_url_by(self.settings.store, self.connections.login))

    def queues(self) -> list[str]:
        return sorted({firm.queue for firm in self.firms.values()})


def one_pass(
    watch: Watch, queue: str | None, *, clock: Clock, progress: Progress, everyone: bool = False
) -> tuple[Pass, ...]:
    """``queue``: ``None`` for all of them in turn. ``everyone``: each firm is looked at as a whole. Of a queue that
    another process is at, there is none in what is returned.

    Raises ``WatchStoreUnavailable``; then the heartbeat has said so. It hears of a failure as well where no channel
    takes what is to be told, for nobody else does; and of no end where nobody was looked at.
    """
    with Heartbeat.of(watch.settings, watch.connections.login).around() as heartbeat:
        store = watch.store()
        done = tuple(_passes(watch, store, queue, clock=clock, progress=progress, everyone=everyone))
        waiting = tuple(untold(store.recall(*UNTOLD) or {}, clock()))
        heartbeat.is_withheld = not done
        heartbeat.fault = f"{len(waiting)} notices reached nobody: muniment watch probe" if waiting else ""
        return done


def _passes(
    watch: Watch, store: WatchStore, queue: str | None, *, clock: Clock, progress: Progress, everyone: bool
) -> Iterator[Pass]:
    airflow = look_at_airflow(watch.settings, watch.connections.login, before=store.airflow(), clock=clock)
    store.put_airflow(airflow)
    for each in [queue] if queue else watch.queues():
        fleet = Fleet(
            queue=each,
            firms={firm_id: firm for firm_id, firm in watch.firms.items() if firm.queue == each},
            broken=watch.broken,
            looks=lambda firm: looks_of(firm, watch.connections.watch_site, clock=clock),
            site=watch.connections.site,
            elsewhere=[firm_id for firm_id, firm in watch.firms.items() if firm.queue != each],
            queues=frozenset(watch.queues()),
        )
        done = watch_fleet(fleet, store, watch.settings, airflow, clock=clock, progress=progress, everyone=everyone)
        if done is not None:
            yield done


def read_in(passes: Iterable[Pass], store: WatchStore) -> frozenset[str]:
    """The firms whose evidence these passes have read."""
    began_at = min(each.began_at for each in passes)
    return frozenset(
        firm_id for firm_id, seen in store.firms().items() if seen.evidence and seen.evidence.read_at >= began_at
    )
