"""Whether a promise to a firm is kept, as far as the watch can tell: without evidence it is unknown and never kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from muniment.domain.fleet.moment import ago, moment_of, rounded_up, utc_minute
from muniment.domain.fleet.row import DutyCell, FirmRow
from muniment.domain.fleet.standing import Shape, rpos_of, worst_of
from muniment.domain.watch.duty import Duty, State
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, is_fresh

type Word = Literal["kept", "late", "missing", "broken", "suspended", "leaving", "new", "unknown", "not owed"]

DUTIES: tuple[Duty, ...] = get_args(Duty.__value__)
_SHAPES: Mapping[Word, Shape] = {
    "kept": "safe",
    "late": "risk",
    "missing": "lost",
    "broken": "lost",
    "suspended": "suspended",
    "leaving": "suspended",
    "new": "new",
    "unknown": "unknown",
}
_OF_EACH_PASS: frozenset[Duty] = frozenset({"wal flow", "channel test"})
"""Judged anew by each pass; the others by what the vaults prove, which is read by rotation."""

_ALL = frozenset(DUTIES)


class PromiseCell(NamedTuple):
    """``beside``: of what age its evidence is, or since when it is owed. ``utc``: when the evidence is of."""

    word: Word
    beside: str = ""
    utc: str = ""

    @property
    def shape(self) -> Shape | None:
        """``None``: nothing is owed, and nothing drawn."""
        return _SHAPES.get(self.word)


def rpo_promise(row: FirmRow, now: datetime) -> PromiseCell:
    """Broken by what one vault lacks; kept by what both hold."""
    rpos, promised = rpos_of(row, now), rounded_up(row.rpo_promise_s)
    worst, known = worst_of(rpos), [rpo for rpo in rpos if rpo is not None]
    utc = _utc(min((cell.rpo_known_at for cell in row.vaults if cell.rpo_known_at), default=None))
    if row.points == 0:
        return _without_points(row, f"promised {promised}", now)
    if any(rpo > row.rpo_promise_s for rpo in known):
        return PromiseCell("broken", f"{rounded_up(max(known))} of {promised}", utc)
    if worst is None:
        return PromiseCell("unknown", f"promised {promised}", utc)
    return PromiseCell("kept", f"{rounded_up(worst)} of {promised}", utc)


def _without_points(row: FirmRow, promised: str, now: datetime) -> PromiseCell:
    """WAL alone restores nothing."""
    if row.is_new:
        return PromiseCell("new", promised)
    if is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER):
        return PromiseCell("broken", f"no recovery point, {promised}", _utc(row.evidence_at))
    return PromiseCell("unknown", promised)


def rto_promise(row: FirmRow, now: datetime) -> PromiseCell:
    """By the last drill that passed, whatever its age: how old a drill may be is a duty of its own."""
    promised, utc = f"of {rounded_up(row.rto_promise_s)}", _utc(row.last_drill_at)
    if row.drill_rto_s is None or row.last_drill_at is None:
        return PromiseCell(
            "new" if row.is_new else "unknown", f"promised {rounded_up(row.rto_promise_s)}, no drill has shown it"
        )
    if not is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER):
        return PromiseCell("unknown", f"{rounded_up(row.drill_rto_s)} {promised} when last read", utc)
    word: Word = "broken" if row.drill_rto_s > row.rto_promise_s else "kept"
    return PromiseCell(word, f"{rounded_up(row.drill_rto_s)} {promised}, {ago(row.last_drill_at, now)}", utc)


def duty_promises(row: FirmRow, now: datetime) -> tuple[PromiseCell, ...]:
    """One of each of ``DUTIES``."""
    told = {cell.duty: cell for cell in row.duties or _by_lists(row)}
    told.setdefault("watch", DutyCell("watch", "unknown"))
    untold = PromiseCell("not owed" if row.duties else "unknown")
    zone = ZoneInfo(row.time_zone)
    current = _current(row, now)
    return tuple(_of_duty(row, told[duty], current, zone, now) if duty in told else untold for duty in DUTIES)


def _by_lists(row: FirmRow) -> tuple[DutyCell, ...]:
    lists: tuple[tuple[State, tuple[Duty, ...]], ...] = (
        ("missing", row.missing),
        ("late", row.late),
        ("suspended", row.suspended),
        ("unknown", row.unknown),
    )
    return tuple(DutyCell(duty, state) for state, duties in lists for duty in duties)


def _of_duty(row: FirmRow, cell: DutyCell, current: frozenset[Duty], zone: ZoneInfo, now: datetime) -> PromiseCell:
    if cell.duty == "watch" and cell.state != "suspended":
        return PromiseCell(
            "kept" if is_fresh(row.seen_at, now) else "missing", f"looked {ago(row.seen_at, now)}", _utc(row.seen_at)
        )
    if cell.state == "suspended" and (cell.suspended_until is None or cell.suspended_until > now):
        until = moment_of(cell.suspended_until, zone, now)
        return PromiseCell("suspended", f"until {until.local}" if until else "", _utc(cell.evidence_at))
    if cell.state == "suspended" or cell.duty not in current:
        return PromiseCell("unknown", f"{cell.state} when last seen, {ago(row.seen_at, now)}", _utc(cell.evidence_at))
    if cell.state == "kept" and cell.evidence_at is None:
        return PromiseCell("unknown", "no evidence")
    return PromiseCell(cell.state, _beside(cell, now), _utc(cell.evidence_at))


def _current(row: FirmRow, now: datetime) -> frozenset[Duty]:
    """Those whose state is not too old to be told."""
    if not is_fresh(row.seen_at, now):
        return frozenset()
    return _ALL if is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER) else _OF_EACH_PASS


def _beside(cell: DutyCell, now: datetime) -> str:
    last = f"last {ago(cell.evidence_at, now)}" if cell.evidence_at else "never came"
    if cell.state in ("missing", "late"):
        due = f"due {ago(cell.due_at, now)}, " if cell.due_at else ""
        return f"{due}{last}"
    return ago(cell.evidence_at, now) if cell.evidence_at else ""


def _utc(at: datetime | None) -> str:
    return utc_minute(at) if at else ""
