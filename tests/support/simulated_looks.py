"""A fleet whose answers are made up: what the watch makes of them is the product's own."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from muniment.adapters.site.site import Side
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.assembly import Unanswered
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.server import Checkpoint, ServerSeen
from muniment.domain.watch.vault import VaultSeen
from muniment.ports import Clock
from muniment.runbooks.watch.looks import unseen
from tests.support.fleets import evidence, server_seen, vault_seen

SEGMENT = 16 * 2**20
BEGIN = datetime(2026, 11, 28, 9, tzinfo=UTC)


# Before anybody looked: on an idle cluster it lies in a segment that was archived.
_CHECKPOINT = Checkpoint(
    server_at=BEGIN - timedelta(hours=1), timeline=1, redo_lsn=Lsn(99 * SEGMENT), next_xid=1000, is_quiet=True
)


@dataclass
class SimulatedClock:
    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time_: float) -> None:
        self.now += timedelta(**time_)


@dataclass
class SimulatedFirm:
    """What its cluster and vaults would say. ``archived``: the number of the last segment that both vaults have."""

    segment: int = 100
    archived: int = 99
    next_xid: int = 1000
    server_says: Unanswered | None = None
    silent: set[Side] = field(default_factory=set)
    lacks: dict[Side, int] = field(default_factory=dict)
    """How many segments fewer that vault has."""
    latency_s: float = 0.0
    evidence_read: bool = True
    evidence_says: Unanswered | None = None

    abandoned: tuple[int, ...] = ()
    timeline: int = 1
    is_gone: bool = False
    is_standby: bool = False
    hangs: bool = False
    """Its database takes the connection and says nothing."""

    def commit(self) -> None:
        self.next_xid += 1

    def switch(self, *, is_archived: bool = True) -> None:
        self.segment += 1
        self.archived += is_archived


@dataclass(frozen=True, slots=True)
class SimulatedLooks:
    firm: Firm
    says: SimulatedFirm
    clock: Clock
    host: str | None = "10.0.0.7"

    async def server(self) -> ServerSeen | Unanswered:
        await asyncio.sleep(3600 if self.says.hangs else self.says.latency_s)
        if self.says.server_says is not None:
            return self.says.server_says
        log = Lsn(self.says.segment * SEGMENT + 4096)
        now, written = self.clock(), {"flush_lsn": log, "next_xid": self.says.next_xid, "checkpoint": _CHECKPOINT}
        written |= {"timeline": self.says.timeline, "is_standby": self.says.is_standby}
        seen = server_seen(now).model_copy(update={**written, "slots": (), "segments_written_at": {}})
        return seen.model_copy(update={"last_failed": None, "last_failed_at": None, "ready": 0})

    def get_ready(self) -> None: ...

    def vault(self, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool) -> VaultSeen:
        time.sleep(self.says.latency_s)
        if side in self.says.silent:
            return unseen(self.firm, side, before, "connect timeout", "StoreUnavailable")
        now, number = self.clock(), self.says.archived - self.says.lacks.get(side, 0)
        place = self.firm.vaults.primary if side == "primary" else self.firm.vaults.replica
        seen = vault_seen(side, now)
        assert seen.held
        held = seen.held.model_copy(update={"number": number, "first": min(number, 0), "missing": (), "ahead": ()})
        said = {"bucket": place.bucket, "region": place.region, "key": place.kms_key, "held": held}
        return seen.model_copy(update={**said, "key_seen_at": now, "key_fault": None, "setting_faults": {}})

    def evidence(self) -> Evidence | Unanswered | None:
        """Of a firm whose every duty is kept."""
        now = self.clock()
        if self.says.evidence_says is not None:
            return self.says.evidence_says
        if not self.says.evidence_read:
            return None
        made = evidence(now)
        night = {name: now for name in ("last_point_at", "last_copied_at", "last_verified_at", "last_drill_at")}
        also = {name: now for name in ("last_documents_at", "last_configuration_at", "last_sign_off_at")}
        return made.model_copy(update={**night, **also, "read_at": now, "incomplete": (), "last_drill_failed": False})

    def history(self, before: FirmHistory | None, answered: Sequence[Side]) -> FirmHistory | None:
        """Each look adds a line: who was asked, and how often."""
        told = before.unread if before else ()
        return FirmHistory(firm=self.firm.id, read_at=self.clock(), unread=(*told, "+".join(answered)))

    def abandoned(self) -> tuple[int, ...]:
        return self.says.abandoned

    def remains(self) -> bool:
        return not self.says.is_gone
