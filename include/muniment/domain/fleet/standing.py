"""How a firm stands at an instant, by what the watch has kept of it: every page of the fleet judges by this.

===============  ===============================================================================================
not recoverable  points were owed, and nothing can be restored
at risk          RPO over the promise in a vault, a duty missing, a grave incident, a hole now
unknown          nobody knows: a look is too old, was never made, or did not show it
suspended        a person has said so, or the firm left the registry: neither kept nor missing
new              no night was due yet
safe             all of it is known, and well
===============  ===============================================================================================
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from muniment.domain.fleet.row import FirmRow, OpenIncident, VaultCell
from muniment.domain.incidents.severity import GRAVE
from muniment.domain.units import human_duration
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, STALE_AFTER, is_fresh
from muniment.domain.watch.vault import SIDES, VaultSide

type StandingState = Literal["not recoverable", "at risk", "unknown", "suspended", "new", "safe"]
type Shape = Literal["lost", "risk", "unknown", "suspended", "new", "safe"]
type _Reason = tuple[StandingState, str]

WORST_FIRST: tuple[StandingState, ...] = get_args(StandingState.__value__)
_SHAPES: tuple[Shape, ...] = get_args(Shape.__value__)


@dataclass(frozen=True, slots=True)
class Standing:
    """``why``: a line for each reason, the gravest first; empty for a firm that is safe."""

    state: StandingState
    why: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return WORST_FIRST.index(self.state)

    @property
    def shape(self) -> Shape:
        """What it is drawn as, and the end of its class on a page."""
        return _SHAPES[self.rank]


def standing_of(row: FirmRow, open_incidents: Sequence[OpenIncident], now: datetime) -> Standing:
    """The worst of all reasons. What was seen too long ago makes nobody safe, and nobody worse than unknown; that an
    incident is open is known without a look."""
    found = [*_by_incidents(open_incidents), *_by_looks(row, now)]
    found.sort(key=lambda reason: WORST_FIRST.index(reason[0]))
    state: StandingState = found[0][0] if found else "safe"
    return Standing(state, tuple(dict.fromkeys(line for _, line in found)))


def rpos_of(row: FirmRow, now: datetime) -> tuple[float | None, ...]:
    """Of each of ``row.vaults``, in seconds; ``None``: unknown. Known only while the vault, the log's end and what
    follows from both were seen lately, and only of a vault that something can be restored from: WAL alone restores
    nothing."""
    if not (is_fresh(row.server_seen_at, now) and is_fresh(row.seen_at, now)):
        return (None,) * len(row.vaults)
    return tuple(cell.rpo_s if _is_known(cell, now) else None for cell in row.vaults)


def _is_known(cell: VaultCell, now: datetime) -> bool:
    return cell.recoverable_to is not None and is_fresh(cell.rpo_known_at, now) and is_fresh(cell.seen_at, now)


def worst_of(rpos: Sequence[float | None]) -> float | None:
    """Of ``rpos_of``: that of both vaults, in seconds; ``None`` where that of one is unknown."""
    known = [rpo for rpo in rpos if rpo is not None]
    return max(known) if len(known) == len(SIDES) else None


def worst_rpo(row: FirmRow, now: datetime) -> float | None:
    """As ``worst_of``."""
    return worst_of(rpos_of(row, now))


def recoverable_to(row: FirmRow) -> datetime | None:
    """The last instant that comes back from one vault or the other, as it was seen last."""
    return max((cell.recoverable_to for cell in row.vaults if cell.recoverable_to), default=None)


def _by_incidents(incidents: Iterable[OpenIncident]) -> Iterator[_Reason]:
    for each in incidents:
        if each.severity in GRAVE:
            yield "at risk", f"incident: {each.subject}"


def _by_looks(row: FirmRow, now: datetime) -> Iterator[_Reason]:
    if row.is_unread:
        yield "unknown", "what the watch has kept of it cannot be read: its next pass writes it anew"
    elif not is_fresh(row.seen_at, now):
        yield "unknown", f"the watch has not looked {_since(row.seen_at, now)}"
    elif _is_waited_for(row):
        yield "new", "its vaults are not made yet"
    else:
        yield from _by_registers(row, now)
        yield from _by_duties(row)
        yield from _by_vaults(row, now)
    if row.left_registry_at is not None:
        yield "suspended", f"it left the registry on {row.left_registry_at:%Y-%m-%d}: no night is taken any more"


def _is_waited_for(row: FirmRow) -> bool:
    return row.is_new and row.evidence_at is None and all(cell.seen_at is None for cell in row.vaults)


def _by_registers(row: FirmRow, now: datetime) -> Iterator[_Reason]:
    if not is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER):
        yield "unknown", f"its registers were not read {_since(row.evidence_at, now)}"
    elif row.points == 0 and not row.is_new:
        yield _without_points(row)
    elif row.is_new:
        yield "new", "no night was due yet"
    if row.hole_now:
        yield "at risk", "WAL is missing in a vault: a hole now"


def _without_points(row: FirmRow) -> _Reason:
    if "nightly point" in row.missing or row.nights_due > 0:
        return "not recoverable", "there is no recovery point, and nights were due"
    if "nightly point" in row.late:
        return "at risk", "there is no recovery point yet: the first night is late"
    if "nightly point" in row.suspended:
        return "suspended", "there is no recovery point yet"
    return "unknown", "there is no recovery point, and nobody knows whether one was owed"


def _by_duties(row: FirmRow) -> Iterator[_Reason]:
    if row.missing:
        yield "at risk", f"missing: {', '.join(row.missing)}"
    # A firm that archives into an empty vault has nothing that WAL could be counted from.
    unknown = [duty for duty in row.unknown if not (row.is_new and duty == "wal flow")]
    if unknown:
        yield "unknown", f"unknown: {', '.join(unknown)}"
    if row.suspended:
        yield "suspended", f"suspended: {', '.join(row.suspended)}"


def _by_vaults(row: FirmRow, now: datetime) -> Iterator[_Reason]:
    cells = {cell.side: (cell, rpo_s) for cell, rpo_s in zip(row.vaults, rpos_of(row, now), strict=True)}
    for side in SIDES:
        cell, rpo_s = cells.get(side, (None, None))
        yield from _of_vault(row, side, cell, rpo_s, now)
    if not is_fresh(row.server_seen_at, now):
        yield "unknown", f"the server has not answered {_since(row.server_seen_at, now)}"


def _of_vault(
    row: FirmRow, side: VaultSide, cell: VaultCell | None, rpo_s: float | None, now: datetime
) -> Iterator[_Reason]:
    if cell is None or not is_fresh(cell.seen_at, now):
        yield "unknown", f"the {side} vault has not answered {_since(cell.seen_at if cell else None, now)}"
        return
    if cell.recoverable_to is None:
        if row.points:
            yield _without_way_back(row, side, now)
    elif rpo_s is None and not row.is_new:
        yield "unknown", f"the RPO of the {side} vault is unknown"
    if rpo_s is not None and rpo_s > row.rpo_promise_s:
        held, promised = human_duration(rpo_s), human_duration(row.rpo_promise_s)
        yield "at risk", f"RPO {held} in the {side} vault, promised {promised}"


def _without_way_back(row: FirmRow, side: VaultSide, now: datetime) -> _Reason:
    """WAL may flow into a vault that no point was copied to yet, and restores nothing."""
    if side == "replica" and row.last_copied_at is None and is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER):
        return "at risk", "nothing can be restored from the replica vault: no recovery point is in it"
    return "unknown", f"to which instant the {side} vault brings it back is unknown"


def _since(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "yet"
    if at - now > STALE_AFTER:
        return "by any clock that is right"
    return f"for {human_duration(max(now - at, timedelta(0)).total_seconds())}"
