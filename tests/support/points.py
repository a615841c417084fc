"""A recovery point as its register has it, whatever lies behind it."""

from datetime import datetime
from typing import Any

from muniment.domain.vault.registers import ControlTotals, Point, WalRange

_INSTANTS = ("taken_at", "registered_at", "verified_primary_at", "verified_replica_at")
_AMOUNTS = ("size_bytes", "stored_bytes", "effective_rpo_s", "document_count", "document_bytes")


def make_point(point_id: str, wal: WalRange, *, at: datetime, **known: Any) -> Point:
    """Of a full backup and nothing else, all of it done at one instant; ``known`` says what is otherwise."""
    values: dict[str, Any] = {
        **dict.fromkeys(_INSTANTS, at),
        **dict.fromkeys(_AMOUNTS, 0),
        **{"firm": "alder", "run": "test", "kind": "full", "chain": (point_id,), "system_identifier": 7, "windows": ()},
        **{"documents": point_id, "config": point_id},
        "control_totals": ControlTotals(lsn=wal.through_lsn, read_at=at, counts={}, sums={}),
    }
    return Point(id=point_id, wal=wal, **{**values, **known})
