"""A store of the watch with a fleet in which everything is that the Recovery page can show.

``fill(WatchStore.open(url), datetime.now(UTC))``: what is shown is as old as it says, by the clock of who shows it.
"""

from datetime import datetime, timedelta

from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.row import DutyCell
from muniment.domain.fleet.row_of import duty_cells
from muniment.domain.incidents.incident import Incident
from muniment.domain.watch.duty import Duty, State, Suspension
from muniment.domain.watch.passes import LOOK_LASTS, Pass
from tests.support.fleets import REGIONS, airflow_seen
from tests.support.recovery_firms import (
    LONG_NAME,
    RIGHT_TO_LEFT,
    TAG_NAME,
    ShownFirm,
    never_answered,
    over_the_promise,
    safe,
    seen_long_ago,
    with_duty,
    with_row,
    without_points,
)
from tests.support.recovery_incidents import (
    acknowledged,
    deliveries_of,
    notice_of,
    resolved,
    shown_incident,
    silence_of,
)

SAFE, AT_RISK, LOST, UNKNOWN, SUSPENDED, NEW = (
    "hartwell",
    "harbor-lane",
    "aldgate",
    "cholmondeley",
    "summer-break",
    "first-night",
)
"""A firm in each state."""
TAG, RTL, UNSEEN, LEFT, FAILED_DRILL, HALF = (
    "bobby-tables",
    "al-noor",
    "never-answered",
    "left-us",
    "failed-drill",
    "half-seen",
)


def shown_firms(now: datetime, *, more: int = 0) -> tuple[ShownFirm, ...]:
    """Twelve, and ``more`` that are all safe."""
    suspended = with_duty(safe(SUSPENDED, "Summer Break Law", now, tier="standard"), "suspended", "drill", "sign-off")
    failed = with_duty(safe(FAILED_DRILL, "Whitcombe & Daughters", now, tier="enterprise"), "missing", "drill")
    left = safe(LEFT, "Gone & Partners", now, tier="standard")
    half = safe(HALF, "Half & Half Attorneys", now)
    away = half.row.vaults[1].model_copy(
        update={"seen_at": now - timedelta(hours=3), "rpo_known_at": now - timedelta(hours=3), "unseen": "timed out"}
    )
    firms = (
        safe(SAFE, "Hartwell & Associates LLP", now, tier="enterprise"),
        over_the_promise(AT_RISK, "Harbor & Lane LLP", now),
        without_points(LOST, "Aldgate Chambers", now, is_new=False),
        seen_long_ago(safe(UNKNOWN, LONG_NAME, now, zone="Europe/London"), timedelta(hours=5)),
        suspended,
        without_points(NEW, "First Night Legal", now, is_new=True),
        safe(TAG, TAG_NAME, now),
        safe(RTL, RIGHT_TO_LEFT, now, zone="Asia/Dubai", tier="standard"),
        never_answered(UNSEEN, "Never & Answered", now),
        with_row(left, left_registry_at=now - timedelta(days=12), next_night_at=None),
        with_row(failed, last_drill_failed=True),
        with_row(half, vaults=(half.row.vaults[0], away)),
        *(safe(f"firm-{number:04}", f"Firm number {number}", now) for number in range(more)),
    )
    return tuple(with_row(each, duties=_told(each)) for each in firms)


def _told(firm: ShownFirm) -> tuple[DutyCell, ...]:
    """As the lists of its line have it."""
    lists: dict[State, tuple[Duty, ...]] = {
        "missing": firm.row.missing,
        "late": firm.row.late,
        "unknown": firm.row.unknown,
    }
    states: dict[Duty, State] = {duty: state for state, duties in lists.items() for duty in duties}
    return tuple(each._replace(state=states.get(each.duty, each.state)) for each in duty_cells(firm.seen.duties))


def shown_incidents(now: datetime) -> tuple[Incident, ...]:
    """By the severest: of a firm's own, of two firms, of no firm; acknowledged; over."""
    hour = timedelta(hours=1)
    old = shown_incident("server-unseen", (SAFE,), now, ago=9 * 24 * hour)
    return (
        shown_incident("wal-at-risk", (AT_RISK,), now, severity="critical", ago=2 * hour),
        shown_incident("point-missing", (LOST,), now, ago=26 * hour),
        acknowledged(shown_incident("vault-unseen", (HALF, TAG), now, severity="warning", ago=3 * hour), now - hour),
        shown_incident("channel-failed", (), now, severity="warning", ago=4 * hour),
        shown_incident("drill-missing", (FAILED_DRILL,), now, severity="warning", ago=5 * hour),
        resolved(old, now - 8 * 24 * hour),
    )


def fill(store: WatchStore, now: datetime, *, more: int = 0) -> tuple[ShownFirm, ...]:
    """Puts all of it there, as passes of the watch would have."""
    firms = shown_firms(now, more=more)
    store.put_firms(each.seen for each in firms)
    store.put_rows(each.row for each in firms)
    store.put_histories(each.history for each in firms if each.history is not None)
    for firm in firms:
        store.add_samples(firm.samples)
    _tell(store, shown_incidents(now), now)
    store.put_airflow(airflow_seen(now))
    store.put_suspension(
        Suspension(
            firm=SUSPENDED,
            duty="drill",
            until=now + timedelta(days=9),
            by="mara.ellis",
            why="nobody is there in August",
            made_at=now - timedelta(days=3),
        )
    )
    _end_a_pass(store, now, len(firms))
    return firms


def _tell(store: WatchStore, incidents: tuple[Incident, ...], now: datetime) -> None:
    notices = [notice_of(each) for each in incidents]
    with store.book() as book:
        for incident, notice in zip(incidents, notices, strict=True):
            book.put(incident)
            book.enqueue(notice)
    for notice in notices:
        taken, refused = deliveries_of(notice)
        store.failed(refused)
        store.delivered(taken)
    store.put_silence(silence_of(FAILED_DRILL, now))


def _end_a_pass(store: WatchStore, now: datetime, firms: int) -> None:
    began = now - timedelta(seconds=31)
    begun = store.begin_pass(REGIONS["primary"], began, LOOK_LASTS)
    assert begun is not None
    ended: Pass = begun.model_copy(
        update={"ended_at": now, "firms": firms, "fresh": firms - 3, "seconds": 31.0, "requests": 80}
    )
    store.end_pass(begun, ended)
