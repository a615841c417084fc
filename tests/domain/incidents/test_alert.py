"""On-call hears once of what lasts: at its beginning, every seventh night, and at its end."""

from datetime import UTC, datetime, timedelta

from muniment.domain.incidents.alert import hole_notices, incomplete_notice, second_region_notice
from muniment.domain.record import new_id
from muniment.domain.vault.incomplete import Incomplete, NotRead
from muniment.domain.vault.registers import WalHole

NIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
AWAY = "S3 HeadObject on acme-vault-replica/firm.json did not succeed: Could not connect"


def nights(waiting_each_night: list[list[str]], away: list[bool]) -> list[str]:
    """The names of what is told, night after night, with what was told before."""
    told: list[str] = []
    for number, (waiting, is_away) in enumerate(zip(waiting_each_night, away, strict=True)):
        notice = second_region_notice(
            firm="acme",
            region="us-west-2",
            away=AWAY if is_away else None,
            waiting=waiting,
            told=frozenset(told),
            now=NIGHT + timedelta(days=number),
        )
        told += [notice.name] if notice else []
    return told


def test_fifteen_nights_away_are_told_at_the_first_the_seventh_the_fourteenth_and_when_they_are_over() -> None:
    waiting = [[f"p{n}" for n in range(night)] for night in range(1, 16)]
    begun = new_id(NIGHT)
    told = nights([[], *waiting, []], [False, *[True] * 15, False])
    begun = new_id(NIGHT + timedelta(days=1))
    assert told == [begun, f"{begun}.7", f"{begun}.14", f"{begun}.over"]


def test_a_second_outage_is_told_anew() -> None:
    first, second = new_id(NIGHT), new_id(NIGHT + timedelta(days=2))
    assert nights([["a"], [], ["b"], []], [True, False, True, False]) == [
        first,
        f"{first}.over",
        second,
        f"{second}.over",
    ]


def test_a_region_that_is_back_without_a_point_is_not_over() -> None:
    assert nights([["a"], ["a"], []], [True, False, False]) == [new_id(NIGHT), f"{new_id(NIGHT)}.over"]


def test_what_lasts_is_told_every_week_though_no_more_points_wait() -> None:
    begun = new_id(NIGHT) + "-lacking"
    assert nights([["a"]] * 15 + [[]], [False] * 16) == [begun, f"{begun}.7", f"{begun}.14", f"{begun}.over"]


def test_a_region_that_goes_away_while_it_lacks_something_is_news() -> None:
    begun = new_id(NIGHT) + "-lacking"
    told = nights([["a"], ["a"], ["a", "b"], ["a", "b"]], [False, True, True, False])
    assert told == [begun, f"{begun}.away"]


def test_what_on_call_reads() -> None:
    notice = second_region_notice(
        firm="acme", region="us-west-2", away=AWAY, waiting=["p1"], told=frozenset(), now=NIGHT
    )
    assert notice is not None
    assert notice.subject == "acme: no second copy"
    assert notice.message == (
        f"the second region us-west-2 of firm acme does not answer: {AWAY}\n"
        "recovery points in the primary region alone: 1, since p1\n"
        "KEPT: every recovery point in the primary region; each night goes on there\n"
        "HINT: look at the health of S3 and KMS in us-west-2. When it is back, the next night brings everything over; "
        "`muniment points acme` shows which points are in both regions. "
        "This is told again every 7 nights, and when it is over."
    )


def test_a_hole_is_told_once() -> None:
    hole = WalHole(start_at=NIGHT, end_at=NIGHT + timedelta(hours=3))
    (notice,) = hole_notices(firm="acme", holes=[hole], point="p1", told=frozenset())
    assert notice.message.startswith(
        "the WAL archive of firm acme has a hole: no instant between 2026-11-20 08:00:00 and 2026-11-20 11:00:00 "
        "can be restored\nKEPT: recovery point p1 and whatever lies behind it; "
        "everything before 2026-11-20 08:00:00 UTC\nHINT: "
    )
    assert hole_notices(firm="acme", holes=[hole], point="p2", told=frozenset({notice.name})) == ()


def lacking(*names: str) -> Incomplete | None:
    return Incomplete.of(NotRead(what="document", name=name, reason="closed") for name in names)


def test_an_incomplete_point_is_told_once_for_each_set_and_when_it_is_over() -> None:
    told: set[str] = set()

    def night(day: int, *names: str) -> str | None:
        now = NIGHT + timedelta(days=day)
        notice = incomplete_notice(firm="acme", point=f"p{day}", lacking=lacking(*names), told=told, now=now)
        if notice:
            told.add(notice.name)
        return notice and notice.message

    assert night(0) is None
    assert night(1, "b/theirs") == (
        "recovery point p1 of firm acme is incomplete: 1 could not be read\n  document b/theirs: closed\n"
        "KEPT: all else of the firm is in the point: database, WAL, the other documents and settings\n"
        "HINT: give the backup's role what it lacks, or take what nobody needs out of the firm's file; the next night "
        "tries it again. `muniment points acme` names it for each point. This is told again when the list changes."
    )
    assert [night(day, "b/theirs") for day in (2, 3, 30)] == [None] * 3
    assert "2 could not be read" in (night(31, "b/theirs", "b/more") or "")
    assert "1 could not be read" in (night(32, "b/theirs") or "")
    assert "has all again that the firm's file names" in (night(33) or "")
    assert night(34) is None
    assert "1 could not be read" in (night(35, "b/theirs") or "")


def test_a_key_with_a_lines_end_stays_on_its_line_and_a_set_of_thousands_is_counted() -> None:
    found = lacking("b/two\nlines", *(f"c/{number:05}" for number in range(2000)))
    assert found is not None
    assert found.lines(1) == ["document b/two\\nlines: closed", "and 2,000 more"]
    assert (found.count, len(found.named)) == (2001, 50)
    again = lacking(*(f"c/{number:05}" for number in range(2000)), "b/two\nlines")
    assert again is not None
    assert again.digest == found.digest
