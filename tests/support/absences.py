"""A firm as the watch saw it, and an Airflow in which nothing is wrong."""

from datetime import datetime, timedelta
from typing import Any

from muniment.domain.firm.dag_names import FLEET_WATCH, POOL_NAMES, firm_dag_ids
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.vault import VaultSeen


def seen_of(firm: Firm, now: datetime, **changes: Any) -> FirmSeen:
    """Watched for a month."""
    vaults = tuple(
        VaultSeen(side=side, bucket=place.bucket, region=place.region, key=place.kms_key, seen_at=now)
        for side, place in (("primary", firm.vaults.primary), ("replica", firm.vaults.replica))
    )
    values: dict[str, Any] = {
        "firm": firm.id,
        "name": firm.name,
        "tier": firm.tier,
        "time_zone": firm.time_zone,
        "queue": firm.vaults.primary.region,
        "rpo_promise_s": firm.policy.recovery_class.rpo.total_seconds(),
        "rto_promise_s": firm.policy.recovery_class.rto.total_seconds(),
        "watched_since": now - timedelta(days=30),
        "seen_at": now,
        "vaults": vaults,
    }
    return FirmSeen(**{**values, **changes})


def sound_airflow(firms: list[Firm], now: datetime, **changes: Any) -> AirflowSeen:
    values: dict[str, Any] = {
        "seen_at": now,
        "scheduler_heartbeat_at": now,
        "dag_processor_heartbeat_at": now,
        "dag_ids": frozenset({FLEET_WATCH, *(dag for firm in firms for dag in firm_dag_ids(firm))}),
        "pools": dict.fromkeys(POOL_NAMES, 2),
    }
    return AirflowSeen(**{**values, **changes})
