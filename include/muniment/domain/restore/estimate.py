"""How long a restore will take, from what the firm's own drills measured, and the room that it needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from muniment.domain.drill.evidence import Drill
from muniment.domain.vault.registers import Backup

DRILLS_USED = 5
"""The newest ones that passed: machines and vaults change."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a drill fetched, and how long that took."""

    base_stored_bytes: int
    base_s: float
    wal_segments: int
    wal_s: float
    replay_s: float

    def scaled(self, stored_bytes: int, segments: int) -> float | None:
        """Seconds; ``None`` where no base backup was measured."""
        if self.base_stored_bytes == 0:
            return None
        base_s = self.base_s * stored_bytes / self.base_stored_bytes
        return base_s + (self.wal_s + self.replay_s) * segments / max(1, self.wal_segments)


@dataclass(frozen=True, slots=True)
class Measured:
    """A drill that passed. ``pace`` is ``None`` where what it fetched tells nothing of other restores: by the kit, WAL
    and documents were in the base backup's time."""

    recover_s: float
    pace: Pace | None = None

    @classmethod
    def of(cls, drill: Drill) -> Self | None:
        """``None``: it tells nothing."""
        if not drill.passed or drill.recover_s is None:
            return None
        figures = drill.figures
        if figures is None or drill.by != "muniment":
            return cls(drill.recover_s)
        base = figures.base_stored_bytes, figures.base_s
        return cls(drill.recover_s, Pace(*base, figures.wal_segments, figures.wal_s, figures.replay_s))


def estimate_s(drills: Iterable[Measured | None], *, stored_bytes: int, segments: int) -> float | None:
    """``stored_bytes`` of base backups and documents come at the pace of a drill's base backups, WAL at its own pace.

    ``drills`` are in order, oldest first. A drill of an earlier release has no figures; then its whole time stands for
    whatever is restored. ``None`` where none has passed.
    """
    passed = [drill for drill in drills if drill is not None][-DRILLS_USED:]
    paces = [
        found for drill in passed if drill.pace and (found := drill.pace.scaled(stored_bytes, segments)) is not None
    ]
    return median(paces or [drill.recover_s for drill in passed]) if passed else None


type ByTablespace = dict[int | None, int]
"""Bytes by the tablespace's OID; ``None`` is the data directory."""


def room_by_tablespace(chain: Sequence[Backup]) -> ByTablespace:
    """``chain`` from its full backup on: room for its parts and for the result that is put together from them."""
    parts: ByTablespace = {}
    for backup in chain:
        for oid, size_bytes in _sizes(backup).items():
            parts[oid] = parts.get(oid, 0) + size_bytes
    result = result_by_tablespace(chain) if len(chain) > 1 else {}
    return {oid: size_bytes + result.get(oid, 0) for oid, size_bytes in parts.items()}


def result_by_tablespace(chain: Sequence[Backup]) -> ByTablespace:
    """As the largest part has it: an increment holds little of what the full backup has."""
    sizes = [_sizes(backup) for backup in chain]
    return {oid: max(each.get(oid, 0) for each in sizes) for oid in sizes[-1]}


def space_needed_bytes(chain: Sequence[Backup]) -> int:
    return sum(room_by_tablespace(chain).values())


def _sizes(backup: Backup) -> ByTablespace:
    return {archive.tablespace.oid if archive.tablespace else None: archive.size_bytes for archive in backup.archives}
