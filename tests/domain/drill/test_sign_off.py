"""Which drill a quarter's reviewer is asked about, and until when."""

from datetime import UTC, datetime, timedelta

from muniment.domain.drill.evidence import PastDrill
from muniment.domain.drill.sign_off import (
    Awaited,
    SignOff,
    awaited,
    quarter_of,
    sign_off_cron,
    signed_by,
    summary,
    why_none_waits,
)
from muniment.domain.evidence import Check
from muniment.domain.firm.schedule import drill_cron
from muniment.domain.record import new_id
from tests.support.drills import ENDED, drill
from tests.support.firms import paper_firm

FORTNIGHT = timedelta(days=14)


def at(month: int, day: int = 20, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def past(month: int, day: int = 20, *, passed: bool = True) -> PastDrill:
    finished = at(month, day)
    return PastDrill(
        id=new_id(finished), finished_at=finished, side="primary", passed=passed, recover_s=1, data_lost_s=1
    )


def waiting(history: list[PastDrill], now: datetime, *signed: PastDrill) -> list[str]:
    ids = [drill.id for drill in signed]
    found = awaited(history, ids, time_zone="UTC", within=FORTNIGHT, now=now)
    return [each.drill for each in found]


def test_a_quarter_is_of_the_firms_own_calendar() -> None:
    newyear = datetime(2027, 1, 1, 3, tzinfo=UTC)
    assert quarter_of(newyear, "UTC") == "2027-Q1"
    assert quarter_of(newyear, "America/Chicago") == "2026-Q4"
    assert [quarter_of(at(month), "UTC") for month in (1, 3, 4, 12)] == ["2026-Q1", "2026-Q1", "2026-Q2", "2026-Q4"]


def test_the_last_drill_waits_from_the_quarters_last_month_on() -> None:
    drills = [past(7), past(8), past(9)]
    assert waiting(drills[:2], at(8, 25)) == []
    assert waiting(drills, at(9, 21)) == [drills[2].id]
    assert waiting(drills[:2], at(10, 1)) == [drills[1].id]
    assert waiting(drills, at(9, 21), drills[2]) == []
    assert waiting([], at(10, 1)) == []


def test_any_that_passed_and_was_signed_off_is_enough_for_its_quarter() -> None:
    drills = [past(7), past(8), past(9)]
    assert waiting(drills, at(10, 1), drills[0]) == []
    later = [*drills, past(12)]
    assert waiting(later, at(12, 21), drills[0]) == [later[3].id]


def test_one_that_failed_is_asked_about_only_where_none_passed() -> None:
    passed, failed = past(8), past(9, passed=False)
    assert waiting([passed, failed], at(9, 21)) == [passed.id]
    assert waiting([passed, failed], at(9, 21), failed) == [passed.id]
    assert waiting([failed], at(9, 21)) == [failed.id]
    assert waiting([failed], at(9, 21), failed) == []
    repeated = past(9, 22)
    assert waiting([failed, repeated], at(9, 23), failed) == [repeated.id]


def test_it_is_overdue_when_nobody_came_in_time() -> None:
    one = Awaited("d", "2026-Q3", at(9, 20) + FORTNIGHT)
    assert not one.is_overdue(at(10, 4))
    assert one.is_overdue(at(10, 5))


def test_the_question_is_asked_a_day_after_the_drill_of_each_quarters_last_month() -> None:
    for number in range(50):
        firm = paper_firm(f"firm-{number}")
        minute, hour, day, *_ = drill_cron(firm).split()
        assert sign_off_cron(firm) == f"{minute} {hour} {int(day) + 1} 3,6,9,12 *"


def test_later_pages_tell_who_signed() -> None:
    one, other = past(8), past(9)
    record = SignOff(
        firm="alder", drill=one.id, drill_sha256="0", verdict="passed", quarter="2026-Q3", by="marlow", through="t",
        signed_at=at(9),
    )  # fmt: skip
    told = [signed_by({one.id: record}, each).signed_off_by for each in (one, other)]
    assert told == ["marlow", None]


def test_where_no_drill_waits_it_says_why() -> None:
    def why(history: list[PastDrill], *signed: SignOff) -> str:
        return why_none_waits(history, {each.drill: each for each in signed}, time_zone="UTC")

    killed = past(8, passed=False).model_copy(update={"finished": False})
    assert why([]) == "no drill has left evidence yet"
    assert why([killed]) == "no drill has left evidence yet; 1 began and did not finish"
    july = past(7)
    assert why([july, killed]) == (
        f"2026-Q3 is not in its last month, from which on its drill waits; the last drill is {july.id}"
    )
    word = SignOff(
        firm="alder", drill=july.id, drill_sha256="", verdict="passed", quarter="2026-Q3", by="marlow",
        through="a test", signed_at=at(7, 21),
    )  # fmt: skip
    assert why([july, past(9)], word) == f"drill {july.id} was signed off for 2026-Q3 by marlow"


def test_a_drill_that_did_not_finish_is_not_asked_about() -> None:
    """It has no evidence that anybody could read."""
    failed, killed = past(8, passed=False), past(9, passed=False).model_copy(update={"finished": False})
    assert waiting([failed, killed], at(10, 1)) == [failed.id]
    assert waiting([killed], at(10, 1)) == []


def test_a_reviewer_is_told_how_far_an_ended_drill_came() -> None:
    right = Check(name="pg_verifybackup", expected="a", found="a", passed=True)
    told = summary(drill(checks=(right,), **ENDED), ["alder-vault"])
    assert "**failed**, 1 of 1 checks that were made before it was ended, after 1 of 4 steps." in told
    assert "* It ended with: WAL is missing" in told


def test_a_reviewer_is_shown_what_nobody_could_judge() -> None:
    right = Check(name="a", expected="1", found="1", passed=True)
    left = Check(
        name="rows of practice.tasks", expected="120", found="20120; not judged: rows come and go", passed=None
    )
    told = summary(drill(checks=(right, left)), ["alder-vault"])
    assert "**passed**, 1 of 1 checks; 1 more could not be judged." in told
    assert "* Not judged: rows of practice.tasks: 20120; not judged: rows come and go" in told
