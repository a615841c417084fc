"""Airflow's events of a firm's recovery points: one a point, whether Airflow or the ``muniment`` command took it."""

from typing import TYPE_CHECKING, Any

from muniment.domain.vault.registers import Point

if TYPE_CHECKING:
    pass


def told_of(point: Point) -> dict[str, Any]:
    """An event's ``extra``. Times are ISO 8601 in UTC; ``windows`` are what can be restored with it, oldest first."""
    return {
        "point_id": point.id,
        "kind": point.kind,
        "run": point.run,
        "taken_at": point.taken_at.isoformat(),
        "windows": [
            {
                "start_at": window.start_at.isoformat(),
                "end_at": window.end_at.isoformat() if window.end_at else None,
                "end_lsn": str(window.end_lsn),
            }
            for window in point.windows
        ],
        "size_bytes": point.size_bytes,
        "documents": point.document_count,
        "in_second_region": point.verified_replica_at is not None,
    }
