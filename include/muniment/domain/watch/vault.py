"""What one look at a firm's vault tells the watch, and what of it is kept from pass to pass."""

from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.record import Record
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.lsn_text import LsnText

type VaultSide = Literal["primary", "replica"]


class WalHeld(Record):
    """How far a vault's WAL reaches without a hole, on the timeline that serves."""

    system_identifier: int
    timeline: int
    segment_bytes: int
    number: int
    """Of the last segment behind which the next one is missing."""
    ahead: tuple[str, ...] = ()
    """Names behind the hole, in order: there, and of no use until it is filled."""
    missing: tuple[str, ...] = ()
    """Names of what is missing before ``ahead``, the first of them at most."""
    seen_at: AwareDatetime


class VaultSeen(Record):
    """``unseen``: why it could not be asked, in the error's own words; ``unseen_kind`` is that error's class."""

    side: VaultSide
    bucket: str
    region: str
    key: str
    """ARN of the KMS key."""
    seen_at: AwareDatetime | None
    """When it last answered; ``None``: never."""
    unseen: str | None = None
    unseen_kind: str | None = None
    held: WalHeld | None = None
    rpo_s: float | None = None
    """Age of the first commit that lies beyond ``held``; 0 where there is none; ``None``: unknown."""
    at_risk_since: AwareDatetime | None = None
    behind_bytes: int | None = None
    key_fault: str | None = None
    key_pending_deletion: bool = False
    key_seen_at: AwareDatetime | None = None
    setting_faults: dict[str, str] = Field(default_factory=dict)
    """By the protection's name: what is wrong with the bucket."""
    settings_seen_at: AwareDatetime | None = None
    windows: tuple[RecoveryWindow, ...] = ()
    """As the newest recovery point has registered them; the last one goes on to ``held_at``."""
    holes: tuple[WalHole, ...] = ()
    held_lsn: LsnText | None = None
