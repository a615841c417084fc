"""What a firm is owed at an instant, by its file and the calendar: since when, until when it may come, and what came.

Nothing here asks whether Airflow ran. Instants are UTC; the calendar is the firm's own zone (``domain/firm/cron.py``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from muniment.domain.drill.rules import OVERDUE_AFTER
from muniment.domain.drill.sign_off import quarter_of, sign_off_cron
from muniment.domain.firm.cron import last_run, next_run
from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import drill_cron, nightly_schedule
from muniment.domain.watch.duty import Duty
from muniment.domain.watch.evidence import Evidence

USUAL_NIGHT: Mapping[str, timedelta] = {
    "am-law-100": timedelta(hours=4),
    "am-law-200": timedelta(hours=4),
    "mid-size": timedelta(hours=4),
    "small": timedelta(hours=6),
    "demo": timedelta(hours=8),
}
"""By recovery class: how long after its window's end a night that began in time may still be at work. Our judgement:
a full backup of two terabytes takes three hours at the 190 MB/s that sealing was measured at. Whoever is promised
minutes hears before the office opens, and nobody later than eight hours, when a night is over
(``domain/firm/schedule.py``). The KPI of the seeds, a failure is detected within 24 hours, holds for all of them."""

LEAST_NIGHT = timedelta(hours=2)
"""However the window is written."""

_BEFORE_NEXT_NIGHT = timedelta(hours=1)
"""A night that has not come by then has not come, even where a window is as long as the day."""

CLOCKS_MAY_DIFFER = timedelta(minutes=10)
"""A point is dated by the store's clock and the server's, the night by ours."""

CHANNEL_TEST_EVERY, CHANNEL_TEST_GRACE = timedelta(days=7), timedelta(days=1)
"""The watch tries every route once a week; a day to try again where it was out just then."""

_ABOUT_TO_EXPIRE = timedelta(days=3)
_REPEAT_WITHIN = OVERDUE_AFTER - timedelta(days=30)
"""Of a month's drill that did not pass."""

NIGHT_DUTIES: tuple[Duty, ...] = ("nightly point", "second copy", "verification", "documents", "configuration")
"""One run of the firm's chain brings all of them."""


@dataclass(frozen=True, slots=True)
class Owed:
    """``since``: what was due before is not owed."""

    duty: Duty
    due_at: datetime
    grace_until: datetime
    next_due_at: datetime
    evidence_at: datetime | None
    since: datetime

    @property
    def is_kept(self) -> bool:
        return self.evidence_at is not None and self.evidence_at >= self.due_at - CLOCKS_MAY_DIFFER


@dataclass(frozen=True, slots=True)
class Night:
    due_at: datetime
    grace_until: datetime
    next_due_at: datetime


def night_before(firm: Firm, instant: datetime) -> Night:
    """The night that began last at ``instant``, and until when its point may come."""
    nightly = nightly_schedule(firm)
    due = last_run(nightly.cron, nightly.time_zone, instant)
    following = next_run(nightly.cron, nightly.time_zone, due)
    window_left = _minutes(firm.policy.nightly_window.end) - _minutes(nightly.at)
    end = due + timedelta(minutes=window_left % (24 * 60)) + USUAL_NIGHT[firm.policy.recovery_class.name]
    return Night(due, min(max(due + LEAST_NIGHT, end), following - _BEFORE_NEXT_NIGHT), following)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def owed(firm: Firm, evidence: Evidence, *, since: Callable[[Duty], datetime], now: datetime) -> Iterator[Owed]:
    """All that the vaults can prove. ``since``: what was due before is not owed.

    The flow of WAL and the watch itself are seen by each pass: ``duties.py``.
    """
    came: dict[Duty, datetime | None] = {
        "nightly point": evidence.last_point_at,
        "second copy": evidence.last_copied_at,
        "verification": evidence.last_verified_at,
        "documents": evidence.last_documents_at,
        "configuration": evidence.last_configuration_at,
    }
    for duty in NIGHT_DUTIES:
        if duty != "documents" or firm.documents:
            yield _of_night(firm, duty, came[duty], since(duty), now)
    yield _of_drill(firm, evidence, since("drill"), now)
    if firm.drill_reviewers:
        yield _of_sign_off(firm, evidence, since("sign-off"), now)


def channel_test(tested_at: datetime | None, watched_since: datetime, now: datetime) -> Owed:
    following = (tested_at or watched_since) + CHANNEL_TEST_EVERY
    due = tested_at if tested_at and now < following else following
    return Owed("channel test", due, following + CHANNEL_TEST_GRACE, following, tested_at, tested_at or watched_since)


def _of_night(firm: Firm, duty: Duty, came_at: datetime | None, since: datetime, now: datetime) -> Owed:
    """Of the newest night; of the one before, where that has not come either: a new night takes back nothing."""
    last = night_before(firm, now)
    before = night_before(firm, last.due_at - timedelta(microseconds=1))
    earlier = Owed(duty, before.due_at, before.grace_until, last.next_due_at, came_at, since)
    if before.due_at >= since and not earlier.is_kept:
        return earlier
    return Owed(duty, last.due_at, last.grace_until, last.next_due_at, came_at, since)


def _of_drill(firm: Firm, evidence: Evidence, since: datetime, now: datetime) -> Owed:
    """Due by the month, and missing 35 days after the last one that passed, as ``domain/drill/rules.py`` has it.

    A firm that never passed one counts from its first recovery point, and one that has none owes no drill.
    """
    cron, zone = drill_cron(firm), firm.time_zone
    passed, following = evidence.last_drill_at, next_run(cron, zone, now)
    begin = passed or _first_point(firm, evidence, now)
    if begin is None:
        return Owed("drill", following, following + _REPEAT_WITHIN, following, None, since)
    due, grace = next_run(cron, zone, begin), begin + OVERDUE_AFTER
    if due < since:
        due = next_run(cron, zone, since)
        grace = max(grace, due + _REPEAT_WITHIN)
    if due > now and passed:
        due = min(last_run(cron, zone, now), passed)
    return Owed("drill", due, grace, following, passed, since)


def _first_point(firm: Firm, evidence: Evidence, now: datetime) -> datetime | None:
    """Of all there ever were: where the oldest that is kept is about to expire, older ones have."""
    first, made = evidence.first_point_at, evidence.vaults_made_at
    if first is None or made is None or now - first < firm.policy.retention - _ABOUT_TO_EXPIRE:
        return first
    return min(first, made)


def _of_sign_off(firm: Firm, evidence: Evidence, since: datetime, now: datetime) -> Owed:
    """A quarter's drill that waits is owed a reviewer's word. A quarter without one owes none: the drill is missing."""
    cron, zone = sign_off_cron(firm), firm.time_zone
    last, following, signed = last_run(cron, zone, now), next_run(cron, zone, now), evidence.last_sign_off_at
    if waits_until := evidence.sign_off_due_at:
        due = waits_until - firm.policy.drills.sign_off_within
        return Owed("sign-off", due, waits_until, following, None, min(since, due))
    if signed and quarter_of(signed, zone) == quarter_of(last, zone):
        last = min(last, signed)
    return Owed("sign-off", last, following, following, signed, since)
