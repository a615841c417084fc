"""On-call hears once of what lasts: at its beginning, every seventh night, and at its end."""

from datetime import UTC, datetime, timedelta

from muniment.domain.incidents.alert import hole_notices, second_region_notice
from muniment.domain.record import new_id
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
