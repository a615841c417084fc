"""What a recovery point counted, held against what a restored cluster counts: exactly where it must be the same.

It must be where the restore stopped at the very position at which the point's numbers were read. At any other, rows
have come and gone that no point knows of: a table is there then and can be read, and its number is told, not judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from muniment.domain.evidence import Check
from muniment.domain.vault.registers import ControlTotals


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of a restored cluster: its text, or ``fault``: why it could not be read.

    ``is_unlogged``: of a table that no WAL has the rows of.
    """

    value: str | None
    fault: str = ""
    is_unlogged: bool = False


@dataclass(frozen=True, slots=True)
class Readings:
    """By the names that the point has. A sum that today's policy has no column for is in none of them."""

    counts: Mapping[str, Reading]
    sums: Mapping[str, Reading]


def totals_checks(found: Readings, before: ControlTotals, after: ControlTotals | None) -> Iterator[Check]:
    """``after`` is ``None`` where the restore stopped at ``before``, else the point behind it."""
    if not before.counts and not before.sums:
        told = "nothing: the recovery point counted no table"
        yield Check(name="control totals", expected="what the recovery point counted", found=told, passed=None)
    why = _why_not(before, after)
    for table, count in before.counts.items():
        last = None if after is None else after.counts.get(table)
        gone = after is not None and last is None
        until = count if last is None else last
        yield _check(f"rows of {table}", found.counts[table], (str(count), str(until)), why, gone=gone)
    for name, total in before.sums.items():
        reading = found.sums.get(name)
        if reading is None:
            told = "today's policy has no column of that name"
            yield Check(name=f"sum of {name}", expected=total, found=f"not judged: {told}", passed=None)
            continue
        until_sum = total if after is None else after.sums.get(name, total)
        gone = after is not None and name not in after.sums
        yield _check(f"sum of {name}", reading, (total, until_sum), why, gone=gone)


def _why_not(before: ControlTotals, after: ControlTotals | None) -> str:
    """Why a number cannot be held against the point's; empty where it can."""
    if after is not None:
        return "between two recovery points rows come and go"
    return "" if before.exact else "the point's numbers were read while others wrote"


def _check(name: str, reading: Reading, told: tuple[str, str], why: str, *, gone: bool) -> Check:
    """``told``: by the point before and by the one behind. ``gone``: the one behind does not count it any more."""
    before, after = told
    why = "the table is UNLOGGED: no backup has its rows" if reading.is_unlogged else why
    if reading.value is None:
        why_gone = f"{reading.fault}; not judged: the next point does not count it any more"
        return Check(
            name=name,
            expected="a table that can be read",
            found=why_gone if gone else reading.fault,
            passed=None if gone else False,
        )
    if why:
        expected = f"{before} before, {after} after" if before != after else before
        return Check(name=name, expected=expected, found=f"{reading.value}; not judged: {why}", passed=None)
    return Check(name=name, expected=before, found=reading.value, passed=reading.value == before)
