"""Which nights of the last 30 days were owed, and which of them left a point."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.nights_kept import Nights, nights
from muniment.domain.watch.duty import Duty, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from tests.support.firm_histories import firm_history, night_seen
from tests.support.firms import paper_firm
from tests.support.watched import firm_seen

CHICAGO = ZoneInfo("America/Chicago")
FIRM = paper_firm()
NOW = datetime(2026, 7, 15, 12, tzinfo=CHICAGO).astimezone(UTC)
"""Its night begins at 02:14; at noon it is over."""
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def begins(days_ago: int) -> datetime:
    return datetime(2026, 7, 15, 2, 14, tzinfo=CHICAGO).astimezone(UTC) - days_ago * DAY


def history(missed: Sequence[int] = (), *, nights: int = 45, read_at: datetime = NOW) -> FirmHistory:
    taken = [begins(number) + HOUR for number in range(nights) if number not in missed]
    return firm_history(FIRM.id, read_at, [at for at in taken if at < read_at])


def seen(points: int = 0, **changed: Any) -> FirmSeen:
    made_at = changed.pop("made_at", LONG_AGO)
    read = Evidence(read_at=NOW, vaults_made_at=made_at, points=points)
    return firm_seen(FIRM.id, **{"at": NOW, "watched_since": LONG_AGO, "evidence": read, **changed})


def counted(told: FirmHistory, of: FirmSeen | None = None, now: datetime = NOW, **policy: Any) -> tuple[int, int]:
    suspensions = policy.pop("suspensions", ())
    found = nights(paper_firm(policy=policy), of or seen(), told, suspensions, now)
    return found.due, found.kept


def test_every_night_of_thirty_days_is_due() -> None:
    assert counted(history()) == (30, 30)
    assert counted(history(missed=[0, 7, 29, 30])) == (30, 27)
    assert nights(FIRM, seen(), history(), (), NOW) == Nights(30, 30)


def test_a_night_that_may_still_leave_its_point_is_not_due_yet() -> None:
    early = begins(0) + HOUR / 2
    assert counted(history(read_at=early), now=early) == (29, 29)
    at_once = history(read_at=early)
    soon = at_once.model_copy(update={"nights": (*at_once.nights, night_seen(begins(0) + HOUR / 3))})
    assert counted(soon, now=early) == (30, 30)


def test_what_was_over_after_the_vaults_were_read_nobody_knows() -> None:
    assert counted(history(read_at=NOW - 3 * DAY)) == (27, 27)


def test_a_point_of_the_afternoon_is_of_the_night_before_it() -> None:
    told = history(missed=[3])
    late = told.model_copy(update={"nights": (*told.nights, night_seen(begins(3) + 12 * HOUR))})
    assert counted(late) == (30, 30)


def test_one_that_is_damaged_keeps_nothing() -> None:
    told = history(missed=[3])
    damaged = night_seen(begins(3) + HOUR, is_damaged=True)
    assert counted(told.model_copy(update={"nights": (*told.nights, damaged)})) == (30, 29)


def test_before_it_was_watched_or_had_vaults_nothing_was_due() -> None:
    told = history(nights=5)
    assert counted(told, seen(watched_since=begins(4) - HOUR)) == (5, 5)
    assert counted(told, seen(made_at=begins(4) + HOUR / 2)) == (4, 4)
    assert counted(firm_history(FIRM.id, NOW), seen(made_at=None)) == (0, 0)
    assert counted(firm_history(FIRM.id, NOW), seen(evidence=None)) == (0, 0)


def test_after_it_left_the_registry_nothing_was_due() -> None:
    assert counted(history(missed=[0, 1]), seen(left_registry_at=begins(2) + 9 * HOUR)) == (28, 28)


def test_what_may_have_expired_was_kept_or_not() -> None:
    told = firm_history(FIRM.id, NOW, [begins(number) + HOUR for number in range(7)])
    assert counted(told, retention=7 * DAY) == (7, 7)


def test_points_that_were_not_read_yet_are_not_missing() -> None:
    first_look = firm_history(FIRM.id, NOW, [begins(number) + HOUR for number in range(10)])
    assert counted(first_look, seen(points=45)) == (9, 9)
    assert counted(firm_history(FIRM.id, NOW), seen(points=45)) == (0, 0)
    assert counted(first_look, seen(points=10)) == (30, 10)


def suspension(duty: Duty | None, first: int, last: int, firm: str = FIRM.id) -> Suspension:
    """Of the nights that began ``first`` to ``last`` days ago."""
    made_at, until = begins(first) - HOUR, begins(last) + HOUR
    return Suspension(firm=firm, duty=duty, until=until, by="ada", why="a move", made_at=made_at)


def test_what_was_suspended_is_not_due() -> None:
    told = history(missed=[5, 6, 12])
    arranged = [suspension(None, 6, 5), suspension("drill", 12, 12), suspension(None, 12, 12, firm="birch")]
    assert counted(told, suspensions=arranged) == (28, 27)
    assert counted(told, suspensions=[*arranged, suspension("nightly point", 12, 12)]) == (27, 27)
