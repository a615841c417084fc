"""How long a restore will take, from what the firm's own drills measured, and the room that it needs."""

from collections.abc import Sequence
from statistics import median

from muniment.domain.drill.evidence import Drill
from muniment.domain.vault.registers import Backup

DRILLS_USED = 5
"""The newest ones that passed: machines and vaults change."""


def estimate_s(drills: Sequence[Drill], *, stored_bytes: int, segments: int) -> float | None:
    """``stored_bytes`` of base backups and documents come at the pace of a drill's base backups, WAL at its own pace.

    ``drills`` are in order, oldest first. A drill of an earlier release has no figures; then its whole time stands for
    whatever is restored. ``None`` where none has passed.
    """
    passed = [drill for drill in drills if drill.passed and drill.recover_s is not None][-DRILLS_USED:]
    scaled = [found for drill in passed if (found := _scaled(drill, stored_bytes, segments)) is not None]
    whole = [drill.recover_s for drill in passed if drill.recover_s is not None]
    return median(scaled or whole) if whole else None


def space_needed_bytes(chain: Sequence[Backup]) -> int:
    """``chain`` from its full backup on: room for its parts and for the result that is put together from them."""
    return sum(backup.size_bytes for backup in chain) + (chain[0].size_bytes if len(chain) > 1 else 0)


def _scaled(drill: Drill, stored_bytes: int, segments: int) -> float | None:
    figures = drill.figures
    if figures is None or drill.by != "muniment" or figures.base_stored_bytes == 0:
        return None
    base_s = figures.base_s * stored_bytes / figures.base_stored_bytes
    wal_s = (figures.wal_s + figures.replay_s) * segments / max(1, figures.wal_segments)
    return base_s + wal_s
