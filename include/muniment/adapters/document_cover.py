"""Finds the snapshots that tell what was there at an instant. Few are read: each may name a million documents."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from include.muniment.adapters import catalog
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.document_recovery import Cover, covers
from include.muniment.domain.register import DocumentSnapshot
from include.muniment.errors import NoSnapshotCovers, NothingToRestore


class _TakenAt(BaseModel):
    """A snapshot's instant, read without its documents."""

    taken_at: AwareDatetime


def find_cover(vault: Vault, at: datetime | None) -> Cover:
    """The newest snapshot at or before ``at`` and, where it lies behind that one, the next; ``None``: the newest.

    Raises ``NothingToRestore``, or ``NoSnapshotCovers`` with the nearest on both sides.
    """
    listed = sorted(vault.list(keys.DOCUMENT_SNAPSHOTS), key=lambda item: item.key)
    names = [item.key.removeprefix(keys.DOCUMENT_SNAPSHOTS) for item in listed]
    if not names:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    if at is None:
        newest = catalog.find_snapshot(vault, names[-1])
        return Cover(newest.taken_at, newest)
    # S3 stored each after its instant: whatever it had by ``at`` is not later.
    behind = sum(item.modified_at <= at for item in listed)
    return _cover(vault, names, _first_after(names, behind, at, lambda name: _taken_at(vault, name)), at)


def _taken_at(vault: Vault, name: str) -> datetime:
    return _TakenAt.model_validate_json(vault.get_sealed(keys.document_snapshot(name))).taken_at


def _first_after(names: Sequence[str], low: int, at: datetime, taken_at: Callable[[str], datetime]) -> int:
    """Mostly the very next one. In a replica, where S3's dates are the copies', a few steps that grow."""
    high, step = low, 1
    while high < len(names) and taken_at(names[high]) <= at:
        low, high, step = high + 1, high + step, step * 2
    return bisect_right(names, at, low, min(high, len(names)), key=taken_at)


def _cover(vault: Vault, names: Sequence[str], first_after: int, at: datetime) -> Cover:
    base = catalog.find_snapshot(vault, names[first_after - 1]) if first_after else None
    if base is not None and base.taken_at == at:
        return Cover(at, base)
    following = catalog.find_snapshot(vault, names[first_after]) if first_after < len(names) else None
    if base is None or not covers(base, following, at):
        raise NoSnapshotCovers(
            firm=vault.firm, bucket=vault.bucket, at=_when(at), before=_named(base), after=_named(following)
        )
    return Cover(at, base, following)


def _named(snapshot: DocumentSnapshot | None) -> str:
    return f"{snapshot.id} of {_when(snapshot.taken_at)}" if snapshot else "none"


def _when(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
