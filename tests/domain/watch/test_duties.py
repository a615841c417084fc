"""What is owed, when it is late and when it is missing; and what is only not known."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.firm.schedule import drill_cron
from muniment.domain.watch.duties import duty_states, must_read_again, of_a_firm_that_left
from muniment.domain.watch.duty import Duty, DutyState, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.owed import NIGHT_DUTIES, night_before
from muniment.domain.watch.vault import VaultSeen, VaultSide
from tests.support.firms import paper_firm

CHICAGO = ZoneInfo("America/Chicago")
FIRM = paper_firm()
DUE = datetime(2026, 7, 15, 2, 14, tzinfo=CHICAGO).astimezone(UTC)
"""acme's minute is 02:14, its window ends at 04:00, a mid-size firm's night at 08:00."""
MISSING_FROM = datetime(2026, 7, 15, 8, 0, tzinfo=CHICAGO).astimezone(UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def evidence(now: datetime, came_at: datetime | None, **changes: Any) -> Evidence:
    """Read just now; one night brought all that a night brings."""
    night = dict.fromkeys(
        ("last_point_at", "last_copied_at", "last_verified_at", "last_documents_at", "last_configuration_at"), came_at
    )
    drilled = {"last_drill_at": now - 3 * DAY, "last_sign_off_at": now - 3 * DAY}
    made = {"vaults_made_at": LONG_AGO, "first_point_at": now - 40 * DAY}
    return Evidence(**{"read_at": now, **night, **drilled, **made, **changes})


def judged(now: datetime, found: Evidence | None, duty: Duty = "nightly point", **others: Any) -> DutyState:
    firm = others.pop("firm", FIRM)
    suspensions = others.pop("suspensions", ())
    since = others.pop("since", LONG_AGO)
    states = duty_states(firm, found, since, suspensions, now, **others)
    return next(state for state in states if state.duty == duty)


def test_a_night_is_late_until_it_usually_ends_and_missing_from_then_on() -> None:
    yesterday = DUE - DAY + HOUR
    assert judged(DUE - MINUTE, evidence(DUE - MINUTE, yesterday)).state == "kept"
    late = judged(DUE + MINUTE, evidence(DUE + MINUTE, yesterday))
    assert (late.state, late.due_at, late.grace_until) == ("late", DUE, MISSING_FROM)
    assert judged(MISSING_FROM, evidence(MISSING_FROM, yesterday)).state == "late"
    after = MISSING_FROM + MINUTE
    assert judged(after, evidence(after, yesterday)).state == "missing"
    assert judged(after, evidence(after, DUE + 2 * HOUR)).state == "kept"


def test_a_new_night_takes_back_nothing_that_is_missing() -> None:
    """Or an incident would close every night at 02:14 and open again in the morning."""
    for n in range(1, 5 * 24):
        now = MISSING_FROM + n * HOUR
        assert judged(now, evidence(now, DUE - DAY)).state == "missing", now
    now = DUE + DAY + HOUR
    assert judged(now, evidence(now, DUE + 3 * HOUR)).state == "late"  # last night's came, tonight's is under way


def test_the_clocks_of_server_and_watch_may_differ_a_little() -> None:
    now = DUE + 9 * HOUR
    assert judged(now, evidence(now, DUE - 5 * MINUTE)).state == "kept"
    assert judged(now, evidence(now, DUE - 11 * MINUTE)).state == "missing"


@pytest.mark.parametrize("duty", NIGHT_DUTIES)
def test_evidence_of_one_duty_never_satisfies_another(duty: Duty) -> None:
    field = {
        "nightly point": "last_point_at",
        "second copy": "last_copied_at",
        "verification": "last_verified_at",
        "documents": "last_documents_at",
        "configuration": "last_configuration_at",
    }[duty]
    now = DUE + 12 * HOUR
    found = evidence(now, DUE + HOUR).model_copy(update={field: DUE - DAY})
    states = {state.duty: state.state for state in duty_states(FIRM, found, LONG_AGO, (), now)}
    assert [each for each in NIGHT_DUTIES if states[each] != "kept"] == [duty]
    assert states[duty] == "missing"


def test_a_new_firm_owes_nothing_before_its_first_night() -> None:
    added = DUE - 5 * HOUR
    none_yet = {"vaults_made_at": added, "first_point_at": None, "last_drill_at": None, "last_sign_off_at": None}
    before, night, after = DUE - MINUTE, DUE + MINUTE, MISSING_FROM + MINUTE
    states = duty_states(FIRM, evidence(before, None, **none_yet), added, (), before)
    assert {state.state for state in states if state.duty not in ("watch", "wal flow")} == {"new"}
    assert judged(night, evidence(night, None, **none_yet), since=added).state == "late"
    assert judged(after, evidence(after, None, **none_yet), since=added).state == "missing"


def test_a_watch_that_is_new_judges_a_firm_that_is_not() -> None:
    now = DUE + 12 * HOUR
    assert judged(now, evidence(now, DUE - 10 * DAY), since=now).state == "missing"
    no_point = evidence(now, None, vaults_made_at=DUE - 10 * DAY, first_point_at=None)
    assert judged(now, no_point, since=now).state == "missing"


def test_what_was_read_before_the_watch_was_out_is_unknown_not_kept() -> None:
    now = DUE + 12 * HOUR
    read = evidence(now - 3 * HOUR, DUE + HOUR)
    states = duty_states(FIRM, read, LONG_AGO, (), now, looked_at=now - 3 * HOUR)
    assert {state.state for state in states if state.duty not in ("watch", "channel test")} == {"unknown"}
    assert {state.state for state in states if state.duty == "watch"} == {"missing"}
    assert judged(now, None).state == "unknown"


def test_nothing_is_missing_that_was_not_looked_for_since() -> None:
    now = MISSING_FROM + 10 * MINUTE
    read_before = evidence(MISSING_FROM - 30 * MINUTE, DUE - DAY)
    states = duty_states(FIRM, read_before, LONG_AGO, (), now)
    assert {state.state for state in states if state.duty == "nightly point"} == {"late"}
    assert must_read_again(states, read_before, now)
    assert not must_read_again(states, read_before, MISSING_FROM - MINUTE)  # its grace still runs
    again = evidence(now, DUE - DAY)
    assert judged(now, again).state == "missing"
    assert not must_read_again(duty_states(FIRM, again, LONG_AGO, (), now), again, now)
    fine = evidence(now, DUE + HOUR)
    assert not must_read_again(duty_states(FIRM, fine, LONG_AGO, (), now), fine, now)


@pytest.mark.parametrize(
    ("name", "until"), [("am-law-100", "08:00"), ("mid-size", "08:00"), ("small", "10:00"), ("demo", "12:00")]
)
def test_the_grace_is_of_the_recovery_class(name: str, until: str) -> None:
    recovery = {"name": name, "rpo": timedelta(hours=1), "rto": timedelta(hours=1)}
    night = night_before(paper_firm(policy={"recovery_class": recovery}), DUE + MINUTE)
    assert f"{night.grace_until.astimezone(CHICAGO):%H:%M}" == until


@given(
    zone=st.sampled_from(["America/Chicago", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata"]),
    window=st.tuples(st.integers(0, 23), st.integers(0, 23)),
    number=st.integers(0, 50),
    now=st.integers(0, 365 * 24 * 60).map(lambda minutes: LONG_AGO + timedelta(minutes=minutes)),
)
def test_a_night_has_time_and_is_judged_before_the_next(
    zone: str, window: tuple[int, int], number: int, now: datetime
) -> None:
    start, end = (f"{hour:02d}:00" for hour in window)
    firm = paper_firm(f"firm-{number}", time_zone=zone, policy={"nightly_window": {"start": start, "end": end}})
    night = night_before(firm, now)
    assert night.due_at <= now < night.next_due_at
    assert night.due_at + 2 * HOUR <= night.grace_until <= night.next_due_at - HOUR
    assert 23 * HOUR <= night.next_due_at - night.due_at <= 25 * HOUR


def test_a_drill_is_due_by_the_month_and_missing_after_35_days() -> None:
    passed = datetime(2026, 6, 10, tzinfo=UTC)
    drilled = {"last_drill_at": passed}

    def state(now: datetime) -> str:
        return judged(now, evidence(now, now, **drilled), "drill").state

    assert state(passed + HOUR) == "kept"
    assert state(passed + 35 * DAY - MINUTE) == "late"
    assert all(state(passed + 35 * DAY + n * DAY + MINUTE) == "missing" for n in range(70))


def test_a_firm_that_never_passed_a_drill_counts_from_its_first_point_even_when_that_has_expired() -> None:
    """Points are kept for 30 days: by the oldest one alone, no drill would ever be owed."""
    short = paper_firm(policy={"retention": timedelta(days=30)})
    made = datetime(2026, 1, 1, tzinfo=UTC)

    def state(day: int) -> str:
        now = made + day * DAY + HOUR
        first = max(made, now - 30 * DAY)
        found = evidence(now, now, last_drill_at=None, first_point_at=first, vaults_made_at=made)
        return judged(now, found, "drill", firm=short, since=made).state

    assert state(1) == "new"
    assert state(34) == "late"
    assert [state(day) for day in range(36, 300, 20)] == ["missing"] * len(range(36, 300, 20))


def test_a_firm_without_a_point_owes_no_drill() -> None:
    found = evidence(DUE, None, first_point_at=None, last_drill_at=None)
    assert judged(DUE, found, "drill").state == "new"


def test_a_quarters_drill_waits_for_its_word() -> None:
    signed = paper_firm(drill_reviewers=("dana",))
    now = datetime(2026, 7, 20, tzinfo=UTC)

    def state(**found: Any) -> str:
        return judged(now, evidence(now, now, **found), "sign-off", firm=signed).state

    assert state(last_sign_off_at=now - 40 * DAY) == "kept"
    assert state(sign_off_due_at=now + HOUR) == "late"
    assert state(sign_off_due_at=now - HOUR) == "missing"
    assert state(sign_off_due_at=now - HOUR, last_sign_off_at=now) == "missing"  # another quarter's
    owed = [each.duty for each in duty_states(FIRM, evidence(now, now), LONG_AGO, (), now)]
    assert "sign-off" not in owed


def test_documents_are_owed_where_the_firm_has_any() -> None:
    now = DUE + HOUR
    bare = paper_firm(documents=())
    assert "documents" not in [each.duty for each in duty_states(bare, evidence(now, now), LONG_AGO, (), now)]


def vault(side: VaultSide, rpo_s: float | None, seen_at: datetime, since: datetime | None = None) -> VaultSeen:
    return VaultSeen(
        side=side, bucket="b", region="us-east-2", key="k", seen_at=seen_at, rpo_s=rpo_s, at_risk_since=since
    )


@pytest.mark.parametrize(
    ("primary_s", "replica_s", "expected"),
    [
        (0.0, 0.0, "kept"),
        (0.0, 1900.0, "late"),
        (3700.0, 0.0, "missing"),
        (0.0, None, "unknown"),
        (3700.0, None, "missing"),
    ],
)
def test_the_flow_of_wal_is_judged_by_the_rpo_of_the_worse_vault(
    primary_s: float | None, replica_s: float | None, expected: str
) -> None:
    since = DUE - timedelta(seconds=max(primary_s or 0, replica_s or 0))
    vaults = [vault("primary", primary_s, DUE, since), vault("replica", replica_s, DUE)]
    found = judged(DUE, None, "wal flow", vaults=vaults)
    assert (found.state, found.due_at, found.grace_until) == (expected, since, since + HOUR)


def test_a_flow_that_was_seen_long_ago_is_unknown() -> None:
    old = [vault("primary", 0.0, DUE - 11 * MINUTE), vault("replica", 0.0, DUE)]
    assert judged(DUE, None, "wal flow", vaults=old).state == "unknown"


def test_channels_are_tried_every_week() -> None:
    def state(tested_at: datetime | None, now: datetime = DUE) -> str:
        return judged(now, evidence(now, now), "channel test", since=DUE - DAY, channel_tested_at=tested_at).state

    assert state(None) == "new"
    assert state(DUE - 6 * DAY) == "kept"
    assert state(DUE - 7 * DAY - HOUR) == "late"
    assert state(DUE - 8 * DAY - HOUR) == "missing"


def suspension(duty: Duty | None, until: datetime, made_at: datetime = LONG_AGO) -> Suspension:
    return Suspension(firm="acme", duty=duty, until=until, by="dana", why="the office moves", made_at=made_at)


def test_what_is_suspended_is_neither_kept_nor_missing_until_its_end() -> None:
    now = DUE + 12 * HOUR
    one = suspension("nightly point", now + DAY)
    found = judged(now, evidence(now, None), suspensions=(one,))
    assert (found.state, found.suspension) == ("suspended", one)
    assert judged(now, evidence(now, now), suspensions=(one,)).state == "suspended"
    assert judged(now, evidence(now, DUE - DAY), "second copy", suspensions=(one,)).state == "missing"
    everything = duty_states(FIRM, evidence(now, None), LONG_AGO, (suspension(None, now + DAY),), now)
    assert {state.state for state in everything} == {"suspended"}
    assert judged(now, evidence(now, None), suspensions=(one.model_copy(update={"firm": "birch"}),)).state == "missing"


def test_what_was_due_before_a_suspension_ended_is_not_owed() -> None:
    now = DUE + 12 * HOUR
    ended = suspension(None, now - HOUR)
    assert judged(now, evidence(now, DUE - 5 * DAY), suspensions=(ended,)).state == "new"
    next_day = MISSING_FROM + DAY + MINUTE
    assert judged(next_day, evidence(next_day, DUE - 5 * DAY), suspensions=(ended,)).state == "missing"


def test_a_firm_that_left_is_watched_and_owed_no_night() -> None:
    now = DUE + 12 * HOUR
    vaults = [vault("primary", 0.0, now), vault("replica", 0.0, now)]
    states = duty_states(FIRM, evidence(now, None), LONG_AGO, (), now, vaults=vaults, looked_at=now)
    left = {state.duty: state.state for state in of_a_firm_that_left(states)}
    assert (left["nightly point"], left["drill"]) == ("leaving", "leaving")
    assert (left["wal flow"], left["watch"]) == ("kept", "kept")


def test_the_month_of_a_drill_is_the_firms_own() -> None:
    minute, hour, day, *_ = drill_cron(FIRM).split()
    found = judged(DUE, evidence(DUE, DUE), "drill")
    assert found.next_due_at is not None
    local = found.next_due_at.astimezone(CHICAGO)
    assert (local.minute, local.hour, local.day) == (int(minute), int(hour), int(day))
