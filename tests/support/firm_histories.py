"""What a firm's vaults may have told of it, with no more than a test needs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from muniment.domain.fleet.history import FirmHistory, NightSeen
from muniment.domain.wal.names import Lsn


def night_seen(taken_at: datetime, **changed: Any) -> NightSeen:
    """A whole one, verified in both vaults within the hour."""
    verified = taken_at + timedelta(hours=1)
    night = NightSeen(
        point=f"{taken_at:%Y%m%dT%H%M%S}000Z",
        taken_at=taken_at,
        registered_at=taken_at,
        kind="full",
        chain_length=1,
        timeline=1,
        lsn=Lsn(1 << 30),
        size_bytes=2 << 30,
        stored_bytes=1 << 30,
        effective_rpo_s=0.0,
        documents=1_000,
        document_bytes=1 << 20,
        verified_primary_at=verified,
        verified_replica_at=verified,
        in_replica=True,
    )
    return night.model_copy(update=changed)


def firm_history(firm: str, read_at: datetime, nights: Sequence[datetime] = (), **changed: Any) -> FirmHistory:
    history = FirmHistory(firm=firm, read_at=read_at, nights=tuple(night_seen(at) for at in sorted(nights)))
    return history.model_copy(update=changed)
