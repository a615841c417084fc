"""Firms as the watch saw them: one of whom all is known, one of whom nothing is, and a thousand."""

from datetime import UTC, datetime, timedelta

from muniment.domain.incidents.incident import Delivery, Incident, Member
from muniment.domain.incidents.trouble import Cause, Scope, Severity
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.duty import Duty, DutyState, State
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.server import ServerSeen, Slot
from muniment.domain.watch.vault import VaultSeen, VaultSide, WalHeld

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
REGIONS: dict[VaultSide, str] = {"primary": "us-east-1", "replica": "us-west-2"}
DUTIES: tuple[Duty, ...] = (
    "wal flow",
    "nightly point",
    "second copy",
    "verification",
    "drill",
    "sign-off",
    "documents",
    "configuration",
)
NEEDLE = "000000010000001600000042"
"""What no label may hold: in every text of ``seen_whole`` that is free."""


def seen_nothing(firm: str = "harbor-lane", now: datetime = NOW) -> FirmSeen:
    """On its first pass: nobody answered."""
    return FirmSeen(
        firm=firm,
        name="Harbor & Lane LLP",
        tier="professional",
        time_zone="America/Chicago",
        queue="us-east-1",
        rpo_promise_s=3600.0,
        rto_promise_s=3600.0,
        watched_since=now - timedelta(days=30),
        seen_at=now,
        server_unseen=f"no route to {NEEDLE}",
        vaults=tuple(
            VaultSeen(side=side, bucket=f"{firm}-vault", region=region, key=_key(region), seen_at=None, unseen=NEEDLE)
            for side, region in REGIONS.items()
        ),
    )


def seen_whole(firm: str = "harbor-lane", now: datetime = NOW, *, slots: int = 1) -> FirmSeen:
    """Everything that can be known is, and something is wrong with most of it."""
    seen = seen_nothing(firm, now)
    return seen.model_copy(
        update={
            "server": server_seen(now, slots=slots),
            "server_unseen": None,
            "vaults": tuple(vault_seen(side, now) for side in REGIONS),
            "evidence": evidence(now),
            "wal_free_bytes": 80 * 2**30,
            "duties": tuple(duty_state(duty, "kept", firm, now) for duty in DUTIES),
            "definition": {"cluster": {"password": NEEDLE}},
        }
    )


def _key(region: str) -> str:
    return f"arn:aws:kms:{region}:000000000000:key/{NEEDLE}"


def server_seen(now: datetime = NOW, *, slots: int = 1) -> ServerSeen:
    return ServerSeen(
        seen_at=now,
        server_at=now,
        system_identifier=7_400_000_000_000_000_001,
        timeline=1,
        is_standby=False,
        segment_bytes=16 * 2**20,
        flush_lsn=Lsn.parse("16/B374D848"),
        next_xid=1_000_000,
        is_quiet=True,
        archived_count=1_000,
        last_archived=NEEDLE,
        last_archived_at=now - timedelta(minutes=1),
        failed_count=1,
        last_failed=NEEDLE,
        last_failed_at=now - timedelta(days=1),
        ready=3,
        pg_wal_bytes=2**30,
        segments_written_at={NEEDLE: now},
        slots=tuple(
            Slot(name=NEEDLE, is_active=True, state="reserved", safe_bytes=2**30, retained_bytes=2**20)
            for _ in range(slots)
        ),
    )


def vault_seen(side: VaultSide, now: datetime = NOW) -> VaultSeen:
    hour = timedelta(hours=1)
    return VaultSeen(
        side=side,
        bucket=NEEDLE,
        region=REGIONS[side],
        key=_key(REGIONS[side]),
        seen_at=now,
        held=WalHeld(
            system_identifier=7_400_000_000_000_000_001,
            timeline=1,
            segment_bytes=16 * 2**20,
            number=0x16B3,
            seen_at=now,
        ),
        rpo_s=40.0 if side == "primary" else 100.0,
        at_risk_since=now - timedelta(seconds=40),
        behind_bytes=4_096,
        key_seen_at=now - hour,
        setting_faults={"versioning": NEEDLE},
        settings_seen_at=now - hour,
        windows=(
            RecoveryWindow(
                backup=NEEDLE,
                timeline=1,
                start_lsn=Lsn(0),
                end_lsn=Lsn(2**30),
                start_at=now - 20 * hour,
                end_at=now - 6 * hour,
            ),
        ),
        holes=(WalHole(start_at=now - 30 * hour, end_at=now - 20 * hour),),
        held_lsn=Lsn(2**30),
    )


def evidence(now: datetime = NOW) -> Evidence:
    night = now - timedelta(hours=6)
    return Evidence(
        read_at=now - timedelta(minutes=30),
        points=60,
        last_point=NEEDLE,
        last_point_at=night,
        last_copied_at=night,
        last_verified_at=night,
        incomplete=(NEEDLE,),
        last_drill=NEEDLE,
        last_drill_at=now - timedelta(days=9),
        drill_rto_s=612.5,
    )


def duty_state(duty: Duty, state: State, firm: str = "harbor-lane", now: datetime = NOW) -> DutyState:
    due = now - timedelta(hours=7)
    return DutyState(
        firm=firm, duty=duty, state=state, due_at=due, grace_until=due + timedelta(hours=6), evidence_at=due
    )


def ended_pass(now: datetime = NOW, queue: str = "us-east-1") -> Pass:
    began = now - timedelta(seconds=31)
    return Pass(queue=queue, began_at=began, ended_at=now, firms=1_000, fresh=950, seconds=31.0, requests=2_400)


def airflow_seen(now: datetime = NOW) -> AirflowSeen:
    return AirflowSeen(
        seen_at=now,
        scheduler_heartbeat_at=now,
        dag_processor_heartbeat_at=now,
        triggerer_heartbeat_at=now,
        paused=frozenset({"harbor-lane__backup"}),
    )


def incident(
    cause: Cause = "wal-at-risk", severity: Severity = "error", firms: tuple[str, ...] = ("harbor-lane",)
) -> Incident:
    return Incident(
        id="20261128T090000000Z",
        key=NEEDLE,
        cause=cause,
        scope=Scope(kind="key", name=NEEDLE),
        severity=severity,
        state="open",
        subject=NEEDLE,
        what=NEEDLE,
        kept=NEEDLE,
        hint=NEEDLE,
        runbook="docs/monitoring.md#wal-at-risk",
        members=tuple(Member(firm=firm, since=NOW, last_seen_at=NOW, what=NEEDLE) for firm in firms),
        observed_at=NOW,
        last_bad_at=NOW,
    )


def delivery(at: datetime = NOW, failure: str | None = None) -> Delivery:
    return Delivery(notice=NEEDLE, channel="pager", at=at, failure=failure)
