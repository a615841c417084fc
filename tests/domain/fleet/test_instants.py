from datetime import UTC, datetime

import pytest

from muniment.domain.fleet.frame import in_address
from muniment.domain.fleet.instants import in_zone, parse_instant
from muniment.errors import InvalidRequest

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20T18:00:00Z", datetime(2026, 11, 20, 18, tzinfo=UTC)),
        ("2026-11-20T18:00-05:00", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        (" 2026-11-20 18:00 ", datetime(2026, 11, 20, 17, tzinfo=UTC)),
        ("2026-10-25T02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_has_its_offset_or_is_the_firms_wall_clock(text: str, at: datetime) -> None:
    assert parse_instant(text, BERLIN) == at
    assert parse_instant(in_address(at), BERLIN) == at


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-10-25T02:30", "came twice in Europe/Berlin"),
        ("2026-03-29T02:30", "came never in Europe/Berlin"),
        ("yesterday", "is no time"),
        ("../..", "is no time"),
        ("", "is no time"),
        ("0001-01-01T00:00+14:00", "instant: "),
        ("9999-12-31T23:59-14:00", "instant: "),
        ("1969-12-31T23:59Z", "is no time between 1970 and 2200"),
    ],
)
def test_nonsense_is_refused_by_its_name(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_instant(text, BERLIN)
    assert refused.value.facts["faults"].startswith("instant: ")
    assert why in refused.value.facts["faults"]


def test_an_instant_is_said_in_the_firms_zone() -> None:
    assert in_zone(datetime(2026, 11, 20, 17, tzinfo=UTC), BERLIN) == "2026-11-20 18:00 CET"
    assert in_zone(datetime(2026, 7, 1, 16, 0, 1, tzinfo=UTC), BERLIN) == "2026-07-01 18:00:01 CEST"
    assert in_address(datetime(2026, 7, 1, 16, 0, 1, 500, tzinfo=UTC)) == "2026-07-01T16:00:01.000500Z"
