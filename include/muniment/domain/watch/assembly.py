"""What the looks of one pass tell of a firm, put together with what was known before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.firm.firm import Firm
from muniment.domain.watch.at_risk import at_risk, with_mark
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen, Mark
from muniment.domain.watch.passes import Sample
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen


@dataclass(frozen=True, slots=True)
class Unanswered:
    """``why``: the error's own words; ``kind``: its class."""

    why: str
    kind: str


def firm_seen(
    firm: Firm,
    before: FirmSeen | None,
    server: ServerSeen | Unanswered,
    vaults: Sequence[VaultSeen],
    *,
    evidence: Evidence | Unanswered | None,
    host: str | None,
    now: datetime,
) -> FirmSeen:
    """``evidence`` is ``None`` where nobody tried to read it in this pass: then the last one stays, with its age."""
    answered = server if isinstance(server, ServerSeen) else None
    helds = [vault.held for vault in vaults]
    marks = before.marks if before else ()
    marks = with_mark(marks, answered, helds) if answered else marks
    known = evidence if isinstance(evidence, Evidence) else (before.evidence if before else None)
    last_server = answered or (before.server if before else None)
    unanswered = server if isinstance(server, Unanswered) else None
    recovery = firm.policy.recovery_class
    return FirmSeen(
        firm=firm.id,
        name=firm.name,
        tier=firm.tier,
        time_zone=firm.time_zone,
        queue=firm.queue,
        rpo_promise_s=recovery.rpo.total_seconds(),
        rto_promise_s=recovery.rto.total_seconds(),
        severity_weight=firm.policy.watch.severity_weight,
        host=host,
        watched_since=before.watched_since if before else now,
        seen_at=now,
        server=last_server,
        server_unseen=unanswered.why if unanswered else None,
        server_unseen_kind=unanswered.kind if unanswered else None,
        vaults=tuple(_at_risk(vault, before, marks, answered) for vault in vaults),
        evidence=known,
        whole_at=before.whole_at if before else None,
        evidence_unread=_unread(evidence, before),
        wal_free_bytes=_free_bytes(known, last_server),
        marks=marks,
        abandoned=before.abandoned if before else (),
        definition=firm.model_dump(mode="json"),
    )


def _unread(evidence: Evidence | Unanswered | None, before: FirmSeen | None) -> str | None:
    """As it was when somebody tried last."""
    if evidence is None:
        return before.evidence_unread if before else None
    return evidence.why if isinstance(evidence, Unanswered) else None


def _at_risk(vault: VaultSeen, before: FirmSeen | None, marks: Sequence[Mark], server: ServerSeen | None) -> VaultSeen:
    """Unknown where the one or the other did not answer: what was true before may not be true now."""
    known = before.vault(vault.side) if before else None
    known_at = known.rpo_known_at if known and known.bucket == vault.bucket else None
    unknown = {"rpo_s": None, "at_risk_since": None, "behind_bytes": None, "rpo_known_at": known_at}
    if server is None or vault.unseen is not None or vault.held is None:
        return vault.model_copy(update=unknown)
    risk = at_risk(marks, server, vault.held)
    return vault.model_copy(
        update={
            "rpo_s": risk.rpo_s,
            "rpo_known_at": known_at if risk.rpo_s is None else server.seen_at,
            "at_risk_since": risk.since,
            "behind_bytes": risk.behind_bytes,
        }
    )


def _free_bytes(evidence: Evidence | None, server: ServerSeen | None) -> int | None:
    if evidence is None or evidence.wal_free_bytes is None:
        return None
    then, now = evidence.wal_free_at_pg_wal_bytes, server.pg_wal_bytes if server else None
    grown = now - then if now is not None and then is not None else 0
    return max(evidence.wal_free_bytes - grown, 0)


def sample_of(seen: FirmSeen) -> Sample:
    primary, replica = seen.vault("primary"), seen.vault("replica")
    server = seen.server if seen.server_unseen is None else None
    return Sample(
        firm=seen.firm,
        at=seen.seen_at,
        rpo_primary_s=primary.rpo_s if primary else None,
        rpo_replica_s=replica.rpo_s if replica else None,
        behind_primary_bytes=primary.behind_bytes if primary else None,
        behind_replica_bytes=replica.behind_bytes if replica else None,
        flush_lsn_bytes=server.flush_lsn.offset_bytes if server else None,
        ready=server.ready if server else None,
        pg_wal_bytes=server.pg_wal_bytes if server else None,
        wal_free_bytes=seen.wal_free_bytes,
    )


def is_fresh(seen: FirmSeen) -> bool:
    """Server and both vaults answered in this pass."""
    return seen.server_unseen is None and all(vault.unseen is None for vault in seen.vaults)
