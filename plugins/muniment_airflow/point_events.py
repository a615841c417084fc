"""Airflow's events of a firm's recovery points: one a point, whether Airflow or the ``muniment`` command took it."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias

from muniment.domain.vault.registers import Point
from muniment_airflow.firms import recovery_point_asset

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.vault.vault import Vault


def by_command(firm_id: str) -> AssetAlias:
    """An outlet that makes no event of its own: only those that are added to it."""
    return AssetAlias(f"muniment://{firm_id}/recovery-point-by-command")


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


def tell_of_newest(vault: "Vault", firm_id: str, context: "Context") -> str | None:
    """The newest point that the last event does not know of, as an event; returns its id.

    The command cannot reach Airflow, which may be down on the day: whoever comes by next tells for it.
    """
    from muniment.adapters.vault import catalog

    asset = recovery_point_asset(firm_id)
    newest = next(catalog.latest_points(vault), None)
    last = next(iter(context["inlet_events"][asset].ascending(False).limit(1)), None)
    if newest is None or (last is not None and last.extra.get("point_id") == newest.id):
        return None
    context["outlet_events"][by_command(firm_id)].add(asset, extra=told_of(newest))
    return newest.id
