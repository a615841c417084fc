"""A firm's series: what is known of it and current. What is unknown has no series; it is never 0."""

from collections.abc import Iterator
from datetime import datetime

from muniment.domain.watch.duty import DutyState, State
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, is_fresh
from muniment.domain.watch.metrics import Series
from muniment.domain.watch.recoverable import holes_now, recoverable_to
from muniment.domain.watch.server import ServerSeen, Slot
from muniment.domain.watch.vault import VaultSeen

_SLOT_STATES = ("reserved", "extended", "unreserved", "lost")
_PROMISE_STATE: dict[State, float] = {"missing": 0.0, "late": 1.0, "kept": 2.0}
_OF_THE_FLEET = frozenset({"watch", "channel test"})
"""Owed to all firms alike: the fleet's own metrics tell them once and not for each firm."""


def firm_series(seen: FirmSeen, now: datetime) -> Iterator[Series]:
    """``now``: when they are shown."""
    yield _instant("firm_observed_timestamp_seconds", (seen.firm, seen.queue), seen.seen_at)
    yield "rpo_promise_seconds", (seen.firm,), seen.rpo_promise_s
    if seen.left_registry_at is not None:
        yield _instant("firm_left_registry_timestamp_seconds", (seen.firm,), seen.left_registry_at)
    if seen.server is not None:
        yield from _of_server(seen, seen.server, now)
    for vault in seen.vaults:
        yield from _of_log(seen, vault, now)
        yield from _of_vault(seen, vault, now)
    yield from _of_replica(seen, now)
    yield from _of_evidence(seen, now)
    for duty in seen.duties:
        if duty.duty not in _OF_THE_FLEET:
            yield from _of_duty(duty, is_current=is_fresh(seen.seen_at, now))


def _instant(name: str, labels: tuple[str, ...], at: datetime) -> Series:
    return name, labels, at.timestamp()


def _of_server(seen: FirmSeen, server: ServerSeen, now: datetime) -> Iterator[Series]:
    firm = (seen.firm,)
    yield _instant("server_observed_timestamp_seconds", firm, server.seen_at)
    if not is_fresh(server.seen_at, now):
        return
    if server.ready is not None:
        yield "archiver_ready_files", firm, server.ready
    yield "archiver_failing", firm, float(_is_archiver_failing(server))
    if seen.wal_free_bytes is not None:
        yield "wal_free_bytes", firm, max(seen.wal_free_bytes, 0)
    yield from _of_slots(firm, server.slots)


def _is_archiver_failing(server: ServerSeen) -> bool:
    failed, archived = server.last_failed_at, server.last_archived_at
    return failed is not None and (archived is None or archived < failed)


def _of_slots(firm: tuple[str], slots: tuple[Slot, ...]) -> Iterator[Series]:
    states = {slot.state for slot in slots if slot.state is not None}
    for state in _SLOT_STATES if states else ():
        yield "slot_state", (*firm, state), float(state in states)
    limits = [slot.safe_bytes for slot in slots if slot.safe_bytes is not None]
    if limits:
        yield "slot_safe_bytes", firm, min(limits)


def _where(seen: FirmSeen, vault: VaultSeen) -> tuple[str, str]:
    """Firm and region. Two vaults in one region are two all the same: one series twice, and Prometheus takes none."""
    twins = [each for each in seen.vaults if each.region == vault.region]
    return seen.firm, vault.region if vault is twins[0] else f"{vault.region} ({vault.side})"


def _both_seen_at(seen: FirmSeen, vault: VaultSeen) -> datetime | None:
    """How far a vault is behind is known only where the log's end was seen as well."""
    if seen.server is None or vault.seen_at is None:
        return None
    return min(seen.server.seen_at, vault.seen_at)


def _rpo(seen: FirmSeen, vault: VaultSeen, now: datetime) -> float | None:
    return vault.rpo_s if is_fresh(_both_seen_at(seen, vault), now) else None


def _of_log(seen: FirmSeen, vault: VaultSeen, now: datetime) -> Iterator[Series]:
    where, at = _where(seen, vault), _both_seen_at(seen, vault)
    if at is not None:
        yield _instant("rpo_observed_timestamp_seconds", where, at)
    if not is_fresh(at, now):
        return
    if vault.rpo_s is not None:
        yield "rpo_seconds", (where[0], seen.tier, where[1]), vault.rpo_s
    if vault.behind_bytes is not None:
        yield "vault_held_bytes_behind", where, vault.behind_bytes


def _of_vault(seen: FirmSeen, vault: VaultSeen, now: datetime) -> Iterator[Series]:
    where = _where(seen, vault)
    if vault.seen_at is not None:
        yield _instant("vault_observed_timestamp_seconds", where, vault.seen_at)
    if is_fresh(vault.seen_at, now):
        yield from _of_windows(seen, vault, now)
    if is_fresh(vault.key_seen_at, now, ROTATION_STALE_AFTER):
        yield "key_usable", where, float(vault.key_fault is None and not vault.key_pending_deletion)
        yield "key_pending_deletion", where, float(vault.key_pending_deletion)
    if is_fresh(vault.settings_seen_at, now, ROTATION_STALE_AFTER):
        yield "vault_setting_ok", (*where, "all"), float(not vault.setting_faults)
        for setting in vault.setting_faults:
            yield "vault_setting_ok", (*where, setting), 0.0


def _of_windows(seen: FirmSeen, vault: VaultSeen, now: datetime) -> Iterator[Series]:
    where, holes = _where(seen, vault), holes_now(vault)
    if holes is not None:
        yield "wal_hole_count", where, len(vault.holes) + holes
    if not vault.windows:
        return
    yield _instant("recovery_window_start_timestamp_seconds", where, vault.windows[-1].start_at)
    end_at = recoverable_to(vault, _rpo(seen, vault, now))
    if end_at is not None:
        yield _instant("recovery_window_end_timestamp_seconds", where, end_at)


def _of_replica(seen: FirmSeen, now: datetime) -> Iterator[Series]:
    primary, replica = seen.vault("primary"), seen.vault("replica")
    if primary is None or replica is None:
        return
    ahead, behind = _rpo(seen, primary, now), _rpo(seen, replica, now)
    if ahead is not None and behind is not None:
        yield "replica_lag_seconds", (seen.firm,), max(behind - ahead, 0.0)


def _of_evidence(seen: FirmSeen, now: datetime) -> Iterator[Series]:
    found = seen.evidence
    if found is None:
        return
    firm = (seen.firm,)
    instants = {
        "evidence_observed_timestamp_seconds": found.read_at,
        "last_point_timestamp_seconds": found.last_point_at,
        "last_copied_point_timestamp_seconds": found.last_copied_at,
        "last_verified_point_timestamp_seconds": found.last_verified_at,
        "last_drill_timestamp_seconds": found.last_drill_at,
    }
    for name, at in instants.items():
        if at is not None:
            yield _instant(name, firm, at)
    if found.drill_rto_s is not None and is_fresh(found.read_at, now, ROTATION_STALE_AFTER):
        yield "drill_rto_seconds", firm, found.drill_rto_s


def _of_duty(duty: DutyState, *, is_current: bool) -> Iterator[Series]:
    """What is new is not owed yet, what a firm that leaves had is owed no more; what is suspended is neither kept nor
    anybody's alarm."""
    which = (duty.firm, duty.duty)
    if duty.suspension is not None:
        yield _instant("promise_suspended_until_timestamp_seconds", which, duty.suspension.until)
    if duty.state in {"new", "suspended", "leaving"}:
        return
    yield "promise_expected", which, 1.0
    if is_current and duty.state in _PROMISE_STATE:
        yield "promise_state", which, _PROMISE_STATE[duty.state]
