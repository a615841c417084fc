"""A firm's line on the fleet's page, from what a pass of the watch has seen of it and from the line before."""

from collections.abc import Sequence
from datetime import datetime

from muniment.domain.firm.cron import next_run
from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import nightly_schedule
from muniment.domain.fleet.day import Day, worst
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.nights_kept import nights
from muniment.domain.fleet.row import DutyCell, FirmRow, VaultCell
from muniment.domain.watch.assembly import sample_of
from muniment.domain.watch.duty import Duty, DutyState, State, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.judging import is_onboarding
from muniment.domain.watch.recoverable import holes_now, recoverable_to
from muniment.domain.watch.vault import VaultSeen


def row_of(
    seen: FirmSeen,
    history: FirmHistory | None,
    before: FirmRow | None,
    firm: Firm | None,
    now: datetime,
    *,
    suspensions: Sequence[Suspension] = (),
) -> FirmRow:
    """``history``: ``None`` where nobody has read it in this pass: then its nights are those of the line ``before``.
    ``firm``: as the registry has it, or had it last. ``suspensions``: of the last ``NIGHTS_OVER``, ended ones too."""
    primary = seen.vault("primary")
    cells = tuple(_cell(vault, before) for vault in seen.vaults)
    row = FirmRow(
        firm=seen.firm,
        name=seen.name,
        tier=seen.tier,
        region=primary.region if primary else "",
        time_zone=seen.time_zone,
        rpo_promise_s=seen.rpo_promise_s,
        rto_promise_s=seen.rto_promise_s,
        watched_since=seen.watched_since,
        seen_at=seen.seen_at,
        server_seen_at=seen.server.seen_at if seen.server else None,
        server_unseen=seen.server_unseen,
        vaults=cells,
        is_new=_is_new(seen),
        left_registry_at=seen.left_registry_at,
        holes=max((len(vault.holes) for vault in seen.vaults), default=0),
        hole_now=any(holes_now(vault) for vault in seen.vaults),
    )
    parts = (_of_evidence(seen.evidence), _of_window(seen, cells), _of_duties(seen), _of_day(seen, before))
    merged = {name: value for part in parts for name, value in part.items()}
    return row.model_copy(update=merged | _of_nights(seen, history, before, firm, suspensions, now))


def _cell(vault: VaultSeen, before: FirmRow | None) -> VaultCell:
    known = next((cell for cell in before.vaults if cell.side == vault.side), None) if before else None
    return VaultCell(
        side=vault.side,
        region=vault.region,
        seen_at=vault.seen_at,
        unseen=vault.unseen,
        rpo_s=vault.rpo_s,
        rpo_known_at=vault.rpo_known_at,
        recoverable_to=_recoverable_to(vault, known),
    )


def _recoverable_to(vault: VaultSeen, known: VaultCell | None) -> datetime | None:
    """What was known to come back comes back still while nobody sees more, unless WAL of it is gone."""
    by_now = recoverable_to(vault, vault.rpo_s)
    before = known.recoverable_to if known and known.rpo_known_at == vault.rpo_known_at else None
    if vault.rpo_s is not None or before is None or _has_lost(vault):
        return by_now
    return max(before, by_now or before)


def _has_lost(vault: VaultSeen) -> bool:
    return vault.unseen is None and (not vault.windows or vault.held is None or bool(vault.held.missing))


def _is_new(seen: FirmSeen) -> bool:
    """Also one whose vaults are not made yet."""
    if is_onboarding(seen):
        return True
    has_none = seen.evidence is not None and seen.evidence.points == 0 and seen.evidence.last_point_at is None
    return has_none and "nightly point" in _in_state(seen, "new")


def _of_evidence(found: Evidence | None) -> dict[str, object]:
    if found is None:
        return {}
    return {
        "evidence_at": found.read_at,
        "points": found.points,
        "last_point": found.last_point,
        "last_point_at": found.last_point_at,
        "last_copied_at": found.last_copied_at,
        "last_verified_at": found.last_verified_at,
        "last_drill": found.last_drill,
        "last_drill_at": found.last_drill_at,
        "last_drill_failed": found.last_drill_failed,
        "drill_rto_s": found.drill_rto_s,
    }


def _of_window(seen: FirmSeen, cells: Sequence[VaultCell]) -> dict[str, object]:
    for vault, cell in zip(seen.vaults, cells, strict=True):
        if vault.windows:
            return {"window_start_at": vault.windows[-1].start_at, "window_end_at": cell.recoverable_to}
    return {}


def _of_duties(seen: FirmSeen) -> dict[str, object]:
    states: tuple[State, ...] = ("missing", "late", "suspended", "unknown")
    return {"duties": duty_cells(seen.duties)} | {state: _in_state(seen, state) for state in states}


def duty_cells(states: Sequence[DutyState]) -> tuple[DutyCell, ...]:
    return tuple(
        DutyCell(
            duty=each.duty,
            state=each.state,
            due_at=each.due_at,
            evidence_at=each.evidence_at,
            suspended_until=each.suspension.until if each.suspension else None,
        )
        for each in states
    )


def _in_state(seen: FirmSeen, state: State) -> tuple[Duty, ...]:
    return tuple(each.duty for each in seen.duties if each.state == state)


def _of_day(seen: FirmSeen, before: FirmRow | None) -> dict[str, object]:
    """Of the very values that the series has."""
    sample, promise_s = sample_of(seen), seen.rpo_promise_s
    rpo_s = worst((sample.rpo_primary_s, sample.rpo_replica_s), promise_s)
    day = Day(before.day, before.day_until) if before else Day()
    day = day.with_look(seen.seen_at, rpo_s, promise_s)
    return {"day": day.values, "day_until": day.until}


def _of_nights(
    seen: FirmSeen,
    history: FirmHistory | None,
    before: FirmRow | None,
    firm: Firm | None,
    suspensions: Sequence[Suspension],
    now: datetime,
) -> dict[str, object]:
    found: dict[str, object] = {}
    if firm and history:
        counted = nights(firm, seen, history, suspensions, now)
        found = {"nights_due": counted.due, "nights_kept": counted.kept}
    elif before:
        found = {"nights_due": before.nights_due, "nights_kept": before.nights_kept}
    if firm and seen.left_registry_at is None:
        nightly = nightly_schedule(firm)
        found["next_night_at"] = next_run(nightly.cron, nightly.time_zone, now)
    return found
