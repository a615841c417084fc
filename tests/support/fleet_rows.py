"""Lines of the fleet's page, of firms that are well, for tests that say what is not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.row import FirmRow, OpenIncident, VaultCell
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.vault import VaultSide

NOW = datetime(2026, 11, 28, 9, 2, 30, tzinfo=UTC)
LOOKED = NOW - timedelta(minutes=2)


def vault_cell(side: VaultSide, **changed: Any) -> VaultCell:
    region = {"primary": "eu-central-1", "replica": "eu-west-1"}[side]
    cell = VaultCell(
        side=side,
        region=region,
        seen_at=LOOKED,
        rpo_s=0.0,
        rpo_known_at=LOOKED,
        recoverable_to=LOOKED,
    )
    return cell.model_copy(update=changed)


def firm_row(firm: str = "acme", **changed: Any) -> FirmRow:
    night = NOW.replace(hour=1, minute=0, second=0)
    row = FirmRow(
        firm=firm,
        name=f"{firm.title()} & Söhne",
        tier="mid-size",
        region="eu-central-1",
        time_zone="Europe/Berlin",
        rpo_promise_s=900,
        rto_promise_s=3600,
        watched_since=NOW - timedelta(days=90),
        seen_at=LOOKED,
        server_seen_at=LOOKED,
        vaults=(vault_cell("primary"), vault_cell("replica")),
        evidence_at=NOW - timedelta(minutes=40),
        points=60,
        last_point="20261128T010500000Z",
        last_point_at=night + timedelta(minutes=5),
        last_copied_at=night + timedelta(minutes=5),
        last_verified_at=night + timedelta(minutes=5),
        last_drill="20261120T030000000Z",
        last_drill_at=NOW - timedelta(days=8),
        drill_rto_s=1260.0,
        window_start_at=NOW - timedelta(days=35),
        window_end_at=LOOKED,
        nights_due=30,
        nights_kept=30,
        next_night_at=night + timedelta(days=1),
        day=(60.0,) * 96,
        day_until=NOW.replace(minute=0, second=0),
    )
    return row.model_copy(update=changed)


def open_incident(**changed: Any) -> OpenIncident:
    incident = OpenIncident(
        id="20261128T084500000Z", cause="archiver-failing", severity="error", subject="its archiver fails"
    )
    return incident.model_copy(update=changed)


def fleet_seen(rows: Sequence[FirmRow], **changed: Any) -> FleetSeen:
    """As the last pass left it, two minutes ago."""
    seen = FleetSeen(
        rows=tuple(rows),
        open_incidents={},
        common_incidents=(),
        passes=(Pass(queue="default", began_at=LOOKED - timedelta(seconds=20), ended_at=LOOKED),),
        airflow=None,
        read_at=NOW,
    )
    return replace(seen, **changed)
