"""What was seen is held against what is owed: it becomes duties, troubles, and incidents of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.dag_names import FLEET_WATCH
from muniment.domain.firm.firm import Firm
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Cause, Scope, Trouble
from muniment.domain.watch.absence import absence_troubles
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.channel_tests import tested_at
from muniment.domain.watch.continuity_troubles import continuity_troubles
from muniment.domain.watch.document_troubles import document_troubles
from muniment.domain.watch.duties import duty_states, of_a_firm_that_left
from muniment.domain.watch.duty import DutyState, Suspension
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.judging import is_onboarding, judged_firm
from muniment.domain.watch.server_troubles import server_troubles, space_troubles
from muniment.domain.watch.settings import WatchSettings
from muniment.domain.watch.vault_troubles import vault_troubles
from muniment.ports import Clock
from muniment.runbooks.incidents.prove_channels import channel_tests
from muniment.runbooks.incidents.record_troubles import record_troubles

_OF_AIRFLOW: frozenset[Cause] = frozenset({"scheduler-still", "queue-unserved", "pool-missing"})
_OF_THE_WATCH: tuple[tuple[Cause, Scope], ...] = (
    ("dag-paused", Scope(kind="dag", name=FLEET_WATCH)),
    ("dag-missing", Scope(kind="dag", name=FLEET_WATCH)),
)
_ALWAYS: frozenset[Cause] = frozenset({"airflow-unseen", "watch-late"})


@dataclass(frozen=True, slots=True)
class Registered:
    """``watched``: also those that left the registry, or whose file has a fault. ``sound``: those of the registry."""

    watched: Mapping[str, Firm]
    sound: Mapping[str, Firm]
    broken: Mapping[str, str]
    airflow: AirflowSeen


def with_duties(
    store: WatchStore,
    settings: WatchSettings,
    registered: Registered,
    seen: Sequence[FirmSeen],
    *,
    clock: Clock,
) -> list[FirmSeen]:
    """Raises ``WatchStoreUnavailable``."""
    now = clock()
    suspensions, tests = store.suspensions(now), channel_tests(store, settings)

    def duties(one: FirmSeen) -> tuple[DutyState, ...]:
        firm = registered.watched[one.firm]
        return _duties(one, firm, suspensions, tested_at(settings, firm.id, firm.tier, tests), now)

    return [one.model_copy(update={"duties": duties(one)}) for one in seen]


def _duties(
    seen: FirmSeen, firm: Firm, suspensions: Sequence[Suspension], proven_at: datetime | None, now: datetime
) -> tuple[DutyState, ...]:
    states = duty_states(
        firm,
        seen.evidence,
        seen.watched_since,
        suspensions,
        now,
        vaults=seen.vaults,
        looked_at=seen.seen_at,
        channel_tested_at=proven_at,
    )
    return of_a_firm_that_left(states) if seen.left_registry_at else states


def judge(
    store: WatchStore,
    registered: Registered,
    seen: Sequence[FirmSeen],
    before: Mapping[str, FirmSeen],
    *,
    clock: Clock,
) -> None:
    """Raises ``WatchStoreUnavailable``: then nothing was judged, and the next pass does."""
    now = clock()
    queues = {one.queue for one in before.values()}
    troubles = [each for one in seen for each in _troubles(one, registered.watched[one.firm], before.get(one.firm))]
    troubles += absence_troubles(
        seen,
        registered.sound,
        registered.broken,
        registered.airflow,
        suspensions=store.suspensions(now),
        passes=[each for each in store.last_passes() if each.queue in queues],
        now=now,
    )
    is_seen = registered.airflow.unseen is None
    firms = tuple(judged_firm(one, airflow_seen=is_seen) for one in seen)
    of_all = Judged(
        firms=firms,
        fleet=_ALWAYS | (_OF_AIRFLOW if is_seen else set()),
        things=_OF_THE_WATCH if is_seen else (),
    )
    record_troubles(store, troubles, of_all, clock=clock)


def _troubles(seen: FirmSeen, firm: Firm, before: FirmSeen | None) -> Iterator[Trouble]:
    if is_onboarding(seen):
        return
    yield from continuity_troubles(seen, before)
    yield from server_troubles(seen, before)
    yield from space_troubles(seen)
    yield from vault_troubles(seen)
    yield from document_troubles(seen, firm.policy.documents.shrink_limit)
