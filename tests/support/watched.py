"""What a watch may have seen and told, in full, for tests that only need some of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.fleet.row import FirmRow, VaultCell
from muniment.domain.incidents.incident import Incident, Member, Notice
from muniment.domain.incidents.trouble import Scope
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.duty import DutyState
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen, Mark
from muniment.domain.watch.passes import Sample
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen, VaultSide, WalHeld

NOW = datetime(2026, 11, 28, 3, 0, 0, 123456, tzinfo=UTC)
LASTING = timedelta(minutes=5)
SEGMENT = 16 << 20


def server_seen(at: datetime = NOW) -> ServerSeen:
    return ServerSeen(
        seen_at=at,
        server_at=at,
        system_identifier=7_560_000_000_000_000_001,
        timeline=1,
        is_standby=False,
        segment_bytes=SEGMENT,
        flush_lsn=Lsn(5 * SEGMENT + 4096),
        next_xid=900,
        is_quiet=True,
        archived_count=4,
        last_archived="000000010000000000000004",
        last_archived_at=at,
        failed_count=0,
        last_failed=None,
        last_failed_at=None,
        ready=0,
        pg_wal_bytes=3 * SEGMENT,
        segments_written_at={f"0000000100000000000000{number:02X}": at for number in range(4, 20)},
    )


def vault_seen(side: VaultSide, firm: str, at: datetime = NOW) -> VaultSeen:
    region = {"primary": "eu-central-1", "replica": "eu-west-1"}[side]
    return VaultSeen(
        side=side,
        bucket=f"muniment-{firm}-{side}",
        region=region,
        key=f"arn:aws:kms:{region}:000000000000:key/{firm}",
        seen_at=at,
        held=WalHeld(
            system_identifier=7_560_000_000_000_000_001, timeline=1, segment_bytes=SEGMENT, number=4, seen_at=at
        ),
        rpo_s=0.0,
        behind_bytes=4096,
    )


def firm_seen(firm: str = "acme", at: datetime = NOW, **changed: Any) -> FirmSeen:
    """One of whom everything answers."""
    seen = FirmSeen(
        firm=firm,
        name=f"{firm.title()} & Söhne",
        tier="enterprise",
        time_zone="Europe/Berlin",
        queue="default",
        rpo_promise_s=900,
        rto_promise_s=1800,
        watched_since=at - timedelta(days=9),
        seen_at=at,
        server=server_seen(at),
        vaults=(vault_seen("primary", firm, at), vault_seen("replica", firm, at)),
        evidence=Evidence(read_at=at, points=60, last_point="20261128T020000000Z", last_point_at=at),
        duties=tuple(
            DutyState(
                firm=firm, duty=duty, state="kept", due_at=at, grace_until=at + timedelta(hours=1), evidence_at=at
            )
            for duty in ("wal flow", "nightly point", "second copy", "verification", "drill", "documents", "watch")
        ),
        marks=tuple(
            Mark(at=at, timeline=1, flush_lsn=Lsn(number * SEGMENT), next_xid=900, is_quiet=True) for number in range(3)
        ),
        definition={"id": firm, "name": firm.title(), "tier": "enterprise", "cluster": {"connection": f"{firm}_pg"}},
    )
    return seen.model_copy(update=changed)


def firm_row(firm: str = "acme", at: datetime = NOW, **changed: Any) -> FirmRow:
    """The line of ``firm_seen``."""
    row = FirmRow(
        firm=firm,
        name=f"{firm.title()} & Söhne",
        tier="enterprise",
        region="eu-central-1",
        time_zone="Europe/Berlin",
        rpo_promise_s=900,
        rto_promise_s=1800,
        watched_since=at - timedelta(days=9),
        seen_at=at,
        server_seen_at=at,
        vaults=(
            VaultCell(side="primary", region="eu-central-1", seen_at=at, rpo_s=0.0, rpo_known_at=at, recoverable_to=at),
            VaultCell(side="replica", region="eu-west-1", seen_at=at, rpo_s=0.0, rpo_known_at=at, recoverable_to=at),
        ),
        evidence_at=at,
        points=60,
        last_point="20261128T020000000Z",
        last_point_at=at,
        nights_due=9,
        nights_kept=9,
        day=(0.0, None, 12.5),
        day_until=at.replace(minute=15, second=0, microsecond=0),
    )
    return row.model_copy(update=changed)


def sample(firm: str = "acme", at: datetime = NOW, rpo_primary_s: float | None = 12.5) -> Sample:
    return Sample(
        firm=firm,
        at=at,
        rpo_primary_s=rpo_primary_s,
        rpo_replica_s=None,
        behind_primary_bytes=4096,
        behind_replica_bytes=None,
        flush_lsn_bytes=(1 << 40) + 24,
        ready=0,
        pg_wal_bytes=3 * SEGMENT,
        wal_free_bytes=None,
    )


def incident(
    number: int = 1, *, key: str = "wal-at-risk-acme", firms: Sequence[str] = ("acme",), **changed: Any
) -> Incident:
    """An open one of WAL at risk in the region that ``firms`` share."""
    found = Incident(
        id=f"incident-{number}",
        key=key,
        cause="wal-at-risk",
        scope=Scope(kind="region", name="eu-central-1"),
        severity="critical",
        state="open",
        subject="commits at risk",
        what="the primary vault lacks WAL",
        kept="what it has",
        hint="look at the archiver.",
        runbook="docs/monitoring.md#wal-at-risk",
        members=tuple(Member(firm=firm, since=NOW, last_seen_at=NOW, what="12 s at risk") for firm in firms),
        observed_at=NOW,
        opened_at=NOW,
        last_bad_at=NOW,
    )
    return found.model_copy(update=changed)


def notice(number: int = 1, *, of: Incident | None = None) -> Notice:
    told = of or incident()
    return Notice(
        id=f"notice-{number}",
        incident=told.id,
        key=told.key,
        kind="opened",
        cause=told.cause,
        severity=told.severity,
        firms=tuple(member.firm for member in told.members),
        subject=told.subject,
        message=f"{told.what}\nKEPT: {told.kept}\nHINT: {told.hint}",
        made_at=NOW,
    )
