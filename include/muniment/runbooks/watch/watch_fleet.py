"""One pass over the firms of one queue: look, keep what was seen, judge it, tell a person what needs one, bring WAL.

What was seen is kept before it is judged, and what is to be told before it is told: a pass that is killed at any moment
loses only what it had not seen yet, and the next one goes on from there.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from muniment.adapters.aws.sessions import requests_sent
from muniment.adapters.site.site import Site
from muniment.adapters.watch.openmetrics import exposition
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.assembly import is_fresh, sample_of
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.rotation import due_as_a_whole
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import Clock, Progress
from muniment.runbooks.incidents.answer import resolve
from muniment.runbooks.incidents.keep_in_vault import keep_closed
from muniment.runbooks.incidents.prove_channels import prove_channels, tests_due
from muniment.runbooks.incidents.tell import tell
from muniment.runbooks.watch.after_pass import bring_lacking_wal
from muniment.runbooks.watch.judge import Registered, judge, with_duties
from muniment.runbooks.watch.look_at_firms import Histories, look_at_firms
from muniment.runbooks.watch.looks import Looks
from muniment.runbooks.watch.write_rows import write_rows

LEASE = timedelta(minutes=9, seconds=30)
"""After that a pass that has not ended was killed. A little less than two passes: the second one after a killed one
begins some seconds earlier or later than it did."""
_SHOWN_DELIVERIES = timedelta(days=1)
_GONE = "the firm and its vaults are gone"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What one pass is about: the firms of ``queue`` as the registry has them now."""

    queue: str
    firms: Mapping[str, Firm]
    broken: Mapping[str, str]
    """Firm of the registry → what is wrong with its file."""
    looks: Callable[[Firm], Looks]
    site: Callable[[Firm], Site]
    """With the firm's own rights. Raises ``InvalidConfiguration``."""
    elsewhere: Collection[str] = ()
    """Firms that the registry has on other queues: whoever went there has not left."""
    queues: frozenset[str] = frozenset()
    """All that the registry has."""

    def has(self, queue: str) -> bool:
        """The first queue also has the firms that left the registry with their queue."""
        return queue == self.queue or (queue not in self.queues and self.queue == min(self.queues, default=None))


def watch_fleet(
    fleet: Fleet,
    store: WatchStore,
    settings: WatchSettings,
    airflow: AirflowSeen,
    *,
    clock: Clock,
    progress: Progress,
    everyone: bool = False,
) -> Pass | None:
    """``None`` where another pass is under way. ``everyone``: each firm is looked at as a whole.

    Raises ``WatchStoreUnavailable``.
    """
    begun = store.begin_pass(fleet.queue, clock(), LEASE)
    if begun is None:
        progress.note(f"another pass over queue {fleet.queue} is under way")
        return None
    started, sent, before = time.monotonic(), requests_sent(), store.firms()
    firms, unreadable = _watched(fleet, before)
    seen = _look(fleet, firms, before, store, settings, clock=clock, everyone=everyone)
    seen = _without_gone(fleet, store, firms, seen, clock, progress)
    registered = Registered(firms, fleet.firms, {**fleet.broken, **unreadable}, airflow)
    seen = with_duties(store, settings, registered, seen, clock=clock)
    store.put_firms(seen)
    store.add_samples([sample_of(one) for one in seen])
    judge(store, registered, seen, before, clock=clock)
    write_rows(store, firms, seen, clock=clock)
    ended = begun.model_copy(
        update={
            "ended_at": clock(),
            "firms": len(seen),
            "fresh": sum(map(is_fresh, seen)),
            "seconds": time.monotonic() - started,
            "requests": requests_sent() - sent,
        }
    )
    store.end_pass(begun, ended)
    _tell_on_call(store, settings, clock=clock)
    show(store, clock=clock)
    bring_lacking_wal(firms, seen, fleet.site, clock=clock, progress=progress)
    keep_closed(store, lambda firm_id: fleet.site(firms[firm_id]), _with_a_vault(seen), clock=clock)
    store.prune(clock() - settings.keep_samples)
    return ended


def _tell_on_call(store: WatchStore, settings: WatchSettings, *, clock: Clock) -> None:
    """Before any test of a channel: one that hangs takes its whole deadline. And what the tests have shown."""
    tell(store, settings, clock=clock)
    if prove_channels(store, settings, tests_due(store, settings, clock()), clock=clock):
        tell(store, settings, clock=clock)


def show(store: WatchStore, *, clock: Clock) -> None:
    """Renders the metrics of all queues' firms, for whoever asks until the next pass."""
    now = clock()
    shown = exposition(
        store.firms().values(),
        store.last_passes(),
        store.incidents(open_only=True),
        store.airflow(),
        store.deliveries(now - _SHOWN_DELIVERIES),
        now,
    )
    store.put_exposition(shown, now)


def _with_a_vault(seen: list[FirmSeen]) -> list[str]:
    """Firms whose primary vault has answered: one that says nothing is waited for, with the firm's own rights, for
    minutes, and the pass would be ended before it had come to the others."""
    return [one.firm for one in seen if (vault := one.vault("primary")) and vault.unseen is None]


def _watched(fleet: Fleet, before: Mapping[str, FirmSeen]) -> tuple[dict[str, Firm], dict[str, str]]:
    """Those of the registry, and those that left it or whose file has a fault: by what their file said last. And those
    of whom that cannot be read, which cost no other firm its look: firm → why."""
    known: dict[str, Firm] = {}
    unreadable: dict[str, str] = {}
    for firm_id, seen in before.items():
        if firm_id in fleet.firms or firm_id in fleet.elsewhere or not fleet.has(seen.queue) or not seen.definition:
            continue
        try:
            known[firm_id] = Firm.model_validate(seen.definition)
        except ValidationError as error:
            why = "what it said when it was loaded last is of another version, so nobody looks at the firm"
            unreadable[firm_id] = (
                f"{fleet.broken.get(firm_id, 'it is not there')}; {why} ({error.error_count()} faults)"
            )
    return {**known, **fleet.firms}, unreadable


def _look(
    fleet: Fleet,
    firms: Mapping[str, Firm],
    before: Mapping[str, FirmSeen],
    histories: Histories,
    settings: WatchSettings,
    *,
    clock: Clock,
    everyone: bool,
) -> list[FirmSeen]:
    whole = frozenset(firms) if everyone else due_as_a_whole({each: before.get(each) for each in firms}, clock())
    looks = [fleet.looks(firm) for firm in firms.values()]
    random.shuffle(looks)  # whoever is asked first decides for how many a silent region is asked
    at_once = settings.connections_at_once
    seen = look_at_firms(looks, before, whole, at_once=at_once, clock=clock, histories=histories)
    return [_registered(one, fleet, before.get(one.firm)) for one in seen]


def _registered(seen: FirmSeen, fleet: Fleet, before: FirmSeen | None) -> FirmSeen:
    """A firm whose file has a fault has not left."""
    if seen.firm in fleet.firms or seen.firm in fleet.broken:
        return seen.model_copy(update={"left_registry_at": None})
    left_at = (before.left_registry_at if before else None) or seen.seen_at
    return seen.model_copy(update={"left_registry_at": left_at})


def _without_gone(
    fleet: Fleet, store: WatchStore, firms: Mapping[str, Firm], seen: list[FirmSeen], clock: Clock, progress: Progress
) -> list[FirmSeen]:
    """A firm that left the registry is watched as long as one of its vaults is there; one that never had any is not."""
    gone = {
        one.firm
        for one in seen
        if one.left_registry_at
        and all(vault.unseen is not None for vault in one.vaults)
        and not (any(vault.seen_at for vault in one.vaults) and fleet.looks(firms[one.firm]).remains())
    }
    for firm_id in gone:
        store.forget_firm(firm_id)
        for incident in store.incidents(open_only=True, firm=firm_id):
            if {member.firm for member in incident.members} == {firm_id}:
                resolve(store, incident.cause, incident.scope, why=_GONE, by="the watch", clock=clock)
        progress.note(f"{firm_id} left the registry, and both its vaults are gone: it is not watched any more")
    return [one for one in seen if one.firm not in gone]
