"""What a firm's nights tell together: which are of the cluster that serves, what a chain holds, windows and holes."""

from collections.abc import Iterable, Sequence

from muniment.domain.fleet.history import NightSeen
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.vault.registers import RecoveryWindow, WalHole


def related(nights: Iterable[NightSeen], mark: FirmMark) -> tuple[NightSeen, ...]:
    """Oldest first, each with what the others tell of it."""
    ordered = sorted(nights, key=lambda night: (night.taken_at, night.lsn, night.point))
    present = {night.point for night in mark.present(ordered)}
    newest = {night.system_identifier: night.point for night in ordered}
    stored = {night.chain[-1]: night.stored_bytes for night in ordered if night.chain}
    return tuple(
        night.model_copy(
            update={
                "is_present": night.point in present,
                "chain_stored_bytes": _chain_bytes(night, stored),
                "windows": night.windows if newest[night.system_identifier] == night.point else (),
            }
        )
        for night in ordered
    )


def _chain_bytes(night: NightSeen, stored: dict[str, int]) -> int | None:
    """What was known stays: a parent's night may expire before its base backup does."""
    if night.chain and all(backup in stored for backup in night.chain):
        return sum(stored[backup] for backup in night.chain)
    return night.chain_stored_bytes


def windows_of(nights: Sequence[NightSeen]) -> tuple[RecoveryWindow, ...]:
    """Of all clusters that served, each as its newest night has registered it."""
    return tuple(window for night in nights for window in night.windows)


def holes_of(nights: Sequence[NightSeen]) -> tuple[WalHole, ...]:
    found = {(hole.start_at, hole.end_at): hole for night in nights for hole in night.new_holes}
    return tuple(found[each] for each in sorted(found))
