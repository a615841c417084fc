"""Which WAL the replica vault lacks, as the two looks of a pass have shown it: no listing of its own is needed."""

from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.vault import WalHeld
from muniment.domain.watch.wal_held import segment_of

MOST_IN_A_PASS = 64
"""Segments of one firm. What is left over comes with the next pass; a firm that is far behind keeps nobody waiting."""


def wal_to_bring(seen: FirmSeen) -> tuple[str, ...] | None:
    """Names, oldest first; ``None`` where only a comparison of all can tell: another timeline, or no look yet."""
    primary, replica = (vault.held if vault.unseen is None else None for vault in seen.vaults)
    if primary is None:
        return ()
    if replica is None or replica.timeline != primary.timeline:
        return None
    if replica.system_identifier != primary.system_identifier:
        return None
    if replica.missing:
        return _around_a_hole(primary, replica)
    numbers = range(replica.number + 1, primary.number + 1)[:MOST_IN_A_PASS]
    return tuple(segment_of(primary, number).name for number in numbers)


def _around_a_hole(primary: WalHeld, replica: WalHeld) -> tuple[str, ...]:
    """What fills the hole; where nobody can, what lies behind it: the next base backup goes on from there."""
    filling = tuple(name for name in replica.missing if name not in primary.missing)
    return filling or tuple(name for name in primary.ahead if name not in replica.ahead)
