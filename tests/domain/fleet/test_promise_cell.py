"""A promise is kept by evidence that is new enough, and by nothing else."""

from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.promise_cell import DUTIES, PromiseCell, duty_promises, rpo_promise, rto_promise
from muniment.domain.fleet.row import DutyCell, FirmRow
from muniment.domain.watch.duty import Duty, State
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, STALE_AFTER
from tests.support.fleet_rows import LOOKED, NOW, firm_row, vault_cell

NIGHT = NOW - timedelta(hours=8)
LONG_AGO = NOW - timedelta(hours=3)
_ages = st.integers(-3 * 3600, 9 * 3600).map(lambda seconds: NOW - timedelta(seconds=seconds))
_instants = st.none() | _ages
_cells = st.lists(
    st.builds(
        DutyCell,
        st.sampled_from(DUTIES),
        st.sampled_from(get_args(State.__value__)),
        _instants,
        _instants,
        _instants,
    ),
    unique_by=lambda cell: cell.duty,
).map(tuple)


def _is_old(at: datetime | None, lasts: timedelta) -> bool:
    return at is None or abs(NOW - at) > lasts


@given(_cells, _ages, _instants)
def test_nothing_is_kept_without_evidence_that_is_new_enough(
    cells: tuple[DutyCell, ...], seen_at: datetime, evidence_at: datetime | None
) -> None:
    row = firm_row(duties=cells, seen_at=seen_at, evidence_at=evidence_at)
    told = {cell.duty: cell for cell in cells}
    for duty, promise in zip(DUTIES, duty_promises(row, NOW), strict=True):
        if promise.word != "kept":
            continue
        assert not _is_old(seen_at, STALE_AFTER)
        if duty != "watch":
            assert (told[duty].state, told[duty].evidence_at is None) == ("kept", False)
        if duty not in {"watch", "wal flow", "channel test"}:
            assert not _is_old(evidence_at, ROTATION_STALE_AFTER)


@given(_cells)
def test_what_was_suspended_missing_or_unknown_at_a_pass_of_now_is_told_as_that(cells: tuple[DutyCell, ...]) -> None:
    words = dict(zip(DUTIES, duty_promises(firm_row(duties=cells), NOW), strict=True))
    for cell in cells:
        if cell.state in {"missing", "late", "unknown", "leaving", "new"} and cell.duty != "watch":
            assert words[cell.duty].word == cell.state
    assert all(
        (words[duty].word == "not owed") == bool(cells)
        for duty in set(DUTIES) - {"watch", *(cell.duty for cell in cells)}
    )


def _of(duty: Duty, state: State, row: dict[str, Any] | None = None, **cell: Any) -> PromiseCell:
    found = firm_row(duties=(DutyCell(duty, state, **cell),), **row or {})
    return duty_promises(found, NOW)[DUTIES.index(duty)]


@pytest.mark.parametrize(
    ("said", "word", "beside"),
    [
        (_of("nightly point", "kept", evidence_at=NIGHT), "kept", "8 h ago"),
        (_of("nightly point", "kept"), "unknown", "no evidence"),
        (
            _of("nightly point", "missing", due_at=NIGHT, evidence_at=NIGHT - timedelta(days=1)),
            "missing",
            "due 8 h ago, last 32 h ago",
        ),
        (_of("drill", "late", due_at=NIGHT), "late", "due 8 h ago, never came"),
        (_of("drill", "new"), "new", ""),
        (
            _of("drill", "suspended", suspended_until=NOW + timedelta(days=9), evidence_at=NIGHT),
            "suspended",
            "until 7 Dec 10:02 CET",
        ),
        (_of("drill", "suspended"), "suspended", ""),
        (_of("drill", "suspended", suspended_until=LONG_AGO), "unknown", "suspended when last seen, 2 min ago"),
        (_of("nightly point", "leaving", evidence_at=NIGHT), "leaving", "8 h ago"),
        (
            _of("nightly point", "kept", {"seen_at": LONG_AGO}, evidence_at=NIGHT),
            "unknown",
            "kept when last seen, 3 h ago",
        ),
        (
            _of("second copy", "kept", {"evidence_at": LONG_AGO}, evidence_at=NIGHT),
            "unknown",
            "kept when last seen, 2 min ago",
        ),
        (_of("wal flow", "kept", {"evidence_at": LONG_AGO}, evidence_at=LOOKED), "kept", "2 min ago"),
        (_of("watch", "kept", {"seen_at": LONG_AGO}, evidence_at=LONG_AGO), "missing", "looked 3 h ago"),
        (_of("watch", "missing", evidence_at=LONG_AGO), "kept", "looked 2 min ago"),
    ],
)
def test_duties(said: PromiseCell, word: str, beside: str) -> None:
    assert (said.word, said.beside) == (word, beside)


def test_evidence_is_dated_in_utc() -> None:
    assert _of("drill", "kept", evidence_at=NIGHT).utc == "2026-11-28 01:02 UTC"


def test_a_line_from_before_the_duties_were_kept_in_it_tells_what_it_has_and_keeps_nothing() -> None:
    row = firm_row(missing=("drill",), suspended=("sign-off",))
    words = {duty: cell.word for duty, cell in zip(DUTIES, duty_promises(row, NOW), strict=True)}
    assert words == {**dict.fromkeys(DUTIES, "unknown"), "drill": "missing", "sign-off": "suspended", "watch": "kept"}


def _with_rpo(primary: float | None, replica: float | None, **changed: Any) -> FirmRow:
    return firm_row(vaults=(vault_cell("primary", rpo_s=primary), vault_cell("replica", rpo_s=replica)), **changed)


@pytest.mark.parametrize(
    ("row", "word", "beside"),
    [
        (_with_rpo(0.0, 40.0), "kept", "40 s of 15 min"),
        (_with_rpo(0.0, 900.5), "broken", "15 min 01 s of 15 min"),
        (_with_rpo(0.0, None), "unknown", "promised 15 min"),
        (_with_rpo(6000.0, None), "broken", "1 h 40 min of 15 min"),
        (_with_rpo(0.0, 0.0, points=0), "broken", "no recovery point, promised 15 min"),
        (_with_rpo(0.0, 0.0, points=0, evidence_at=LONG_AGO), "unknown", "promised 15 min"),
        (_with_rpo(None, None, points=0, is_new=True), "new", "promised 15 min"),
        (_with_rpo(0.0, 0.0, seen_at=LONG_AGO), "unknown", "promised 15 min"),
    ],
)
def test_rpo(row: FirmRow, word: str, beside: str) -> None:
    cell = rpo_promise(row, NOW)
    assert (cell.word, cell.beside) == (word, beside)


@pytest.mark.parametrize(
    ("changed", "word", "beside"),
    [
        ({}, "kept", "21 min of 1 h, 8 d ago"),
        ({"drill_rto_s": 3600.5}, "broken", "1 h 01 min of 1 h, 8 d ago"),
        ({"drill_rto_s": None}, "unknown", "promised 1 h, no drill has shown it"),
        ({"last_drill_at": None}, "unknown", "promised 1 h, no drill has shown it"),
        ({"evidence_at": LONG_AGO}, "unknown", "21 min of 1 h when last read"),
        ({"drill_rto_s": None, "is_new": True}, "new", "promised 1 h, no drill has shown it"),
    ],
)
def test_rto(changed: dict[str, Any], word: str, beside: str) -> None:
    cell = rto_promise(firm_row(**changed), NOW)
    assert (cell.word, cell.beside) == (word, beside)
