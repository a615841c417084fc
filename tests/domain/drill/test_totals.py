"""What a point counted, held against a restored cluster: exactly, or not at all."""

from datetime import UTC, datetime

import pytest

from muniment.domain.drill.totals import Reading, Readings, totals_checks
from muniment.domain.vault.registers import ControlTotals
from muniment.domain.wal.names import Lsn


def totals(*, exact: bool = True, **counts: int) -> ControlTotals:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return ControlTotals(lsn=Lsn(1), exact=exact, read_at=at, counts=counts, sums={"trust": "10.00"})


def readings(**counts: int | str) -> Readings:
    found = {name: Reading(str(n)) if isinstance(n, int) else Reading(None, n) for name, n in counts.items()}
    return Readings(found, {"trust": Reading("10.00")})


@pytest.mark.parametrize(("found", "passes"), [(10, True), (9, False), (11, False)])
def test_at_a_point_the_counts_are_equal(found: int, passes: bool) -> None:
    rows, money = totals_checks(readings(matters=found), totals(matters=10), None)
    assert (rows.passed, rows.expected, rows.found) == (passes, "10", str(found))
    assert money.passed


def test_a_cent_and_a_table_that_is_not_there_are_seen() -> None:
    found = Readings({"matters": Reading(None, "relation does not exist")}, {"trust": Reading("10.01")})
    rows, money = totals_checks(found, totals(matters=1), None)
    assert (rows.passed, rows.found) == (False, "relation does not exist")
    assert not money.passed


def test_between_two_points_rows_come_and_go_and_nothing_is_judged() -> None:
    """120 at both nights, and 20,000 for an hour: healthy."""
    rows, money = totals_checks(readings(matters=20120), totals(matters=120), totals(matters=120))
    why = "not judged: between two recovery points rows come and go"
    assert (rows.passed, rows.expected, rows.found) == (None, "120", f"20120; {why}")
    assert (money.passed, money.found) == (None, f"10.00; {why}")


def test_between_two_points_a_table_that_both_count_can_be_read() -> None:
    lost = readings(matters="could not read block 3")
    (rows, _) = totals_checks(lost, totals(matters=120), totals(matters=121))
    assert (rows.passed, rows.found) == (False, "could not read block 3")
    (rows, _) = totals_checks(lost, totals(matters=120), totals())
    assert (rows.passed, rows.found.partition("; ")[2]) == (
        None,
        "not judged: the next point does not count it any more",
    )


def test_numbers_that_were_read_while_others_wrote_and_unlogged_tables_judge_nobody() -> None:
    rows, _ = totals_checks(readings(matters=11), totals(exact=False, matters=10), None)
    assert (rows.passed, rows.found) == (None, "11; not judged: the point's numbers were read while others wrote")
    cache = Readings({"cache": Reading("0", is_unlogged=True)}, {})
    rows, money = totals_checks(cache, totals(cache=500), None)
    assert (rows.passed, rows.found) == (None, "0; not judged: the table is UNLOGGED: no backup has its rows")
    assert (money.passed, money.found) == (None, "not judged: today's policy has no column of that name")


def test_a_point_that_counted_nothing_proves_nothing() -> None:
    nothing = totals().model_copy(update={"sums": {}})
    (check,) = totals_checks(Readings({}, {}), nothing, None)
    assert (check.passed, check.found) == (None, "nothing: the recovery point counted no table")
