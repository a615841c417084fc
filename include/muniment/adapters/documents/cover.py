"""Finds the snapshots that tell what was there at an instant; reads two at most: each may name a million documents."""

from datetime import datetime

from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.recovery import Cover, covers
from muniment.domain.vault.registers import SnapshotHead
from muniment.errors import NoSnapshotCovers, NothingToRestore


def find_cover(vault: Vault, at: datetime | None) -> Cover:
    """The newest snapshot at or before ``at`` and, where it lies behind that one, the next; ``None``: the newest.

    Raises ``NothingToRestore``, or ``NoSnapshotCovers`` with the nearest on both sides.
    """
    if at is None:
        newest = catalog.latest_snapshot(vault)
        if newest is None:
            raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
        return Cover(newest.taken_at, newest)
    before, after = neighbours(vault, at)
    if before is None and after is None:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    if before is None or not covers(before, after, at):
        raise NoSnapshotCovers(
            firm=vault.firm, bucket=vault.bucket, at=_when(at), before=_named(before), after=_named(after)
        )
    return _read(vault, before, after, at)


def nearest_cover(vault: Vault, at: datetime) -> Cover | None:
    """As ``find_cover``; where no two snapshots tell of ``at``, the last one before it, at its own instant."""
    before, after = neighbours(vault, at)
    if before is None:
        return None
    return _read(vault, before, after, at if covers(before, after, at) else before.taken_at)


def cover_by(vault: Vault, snapshot_id: str, at: datetime) -> Cover:
    """What a plan has found, found again: without a look at any other snapshot where ``at`` is its own instant."""
    named = catalog.snapshot_head(vault, snapshot_id)
    return _read(vault, named, None, at) if named.taken_at == at else find_cover(vault, at)


def neighbours(vault: Vault, at: datetime) -> tuple[SnapshotHead | None, SnapshotHead | None]:
    """The newest snapshot at or before ``at``, and the oldest one after it."""
    after = None
    for head in catalog.latest_snapshots(vault):
        if head.taken_at <= at:
            return head, after
        after = head
    return None, after


def _read(vault: Vault, before: SnapshotHead, after: SnapshotHead | None, at: datetime) -> Cover:
    base = catalog.find_snapshot(vault, before.id)
    if after is None or before.taken_at == at:
        return Cover(at, base)
    return Cover(at, base, catalog.find_snapshot(vault, after.id))


def _named(snapshot: SnapshotHead | None) -> str:
    return f"{snapshot.id} of {_when(snapshot.taken_at)}" if snapshot else "none"


def _when(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
