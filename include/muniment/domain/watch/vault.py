"""What one look at a firm's vault tells the watch, and what of it is kept from pass to pass."""

from typing import Literal, get_args

from pydantic import AwareDatetime, Field

from muniment.domain.record import Record
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn

type VaultSide = Literal["primary", "replica"]
SIDES: tuple[VaultSide, ...] = get_args(VaultSide.__value__)


class WalHeld(Record):
    """How far a vault's WAL reaches without a hole, along the history of the timeline that serves.

    What was seen lies from segment ``first`` to segment ``number``; which timeline recovery reads each of them from is
    told by ``ancestors``.
    """

    system_identifier: int
    timeline: int
    """Whose history it is: the server's, once its history file is in the vault."""
    ancestors: tuple[tuple[int, LsnText], ...] = ()
    """Where that timeline came from, as its history file has it."""
    segment_bytes: int
    first: int = 0
    """Of the first segment that the newest recovery point needs; without a point, of the first that was seen."""
    number: int
    """Of the last segment behind which the next one is missing; below ``first``: nothing is held."""
    more: bool = False
    """There is more behind it, which the next looks list: what is at risk is not known yet."""
    ahead: tuple[str, ...] = ()
    """Names behind the hole, in order, the first of them at most: there, and of no use until it is filled."""
    missing: tuple[str, ...] = ()
    """Names of what is missing before ``ahead``, the first of them at most."""
    missing_since: AwareDatetime | None = None
    """When the first of ``missing`` was looked for in vain the first time."""
    was_held: bool = False
    """The first of ``missing`` was there before: somebody has removed it."""
    missing_before: tuple[str, ...] = ()
    """Names of what is gone of the WAL before ``first``, within the point-in-time window: those instants are lost, the
    newest recovery point is not."""
    walked_to: int | None = None
    """The segment through which old WAL was listed again by rotation; ``None``: it begins anew."""
    seen_at: AwareDatetime

    @property
    def is_hole(self) -> bool:
        """A segment that is sent beside its neighbours may arrive before them: what is missing and never was there is a
        hole when the next look does not find it either."""
        is_new = self.missing_since is not None and self.missing_since >= self.seen_at
        return bool(self.missing) and (self.was_held or not is_new)

    @property
    def end_lsn(self) -> Lsn:
        return Lsn((self.number + 1) * self.segment_bytes)


class VaultSeen(Record):
    """``unseen``: why it could not be asked, in the error's own words; ``unseen_kind`` is that error's class."""

    side: VaultSide
    bucket: str
    region: str
    key: str
    """ARN of the KMS key."""
    seen_at: AwareDatetime | None
    """When it last answered; ``None``: never."""
    system_identifier: int | None = None
    """Of the cluster that serves, as ``firm.json`` names it."""
    unseen: str | None = None
    unseen_kind: str | None = None
    held: WalHeld | None = None
    rpo_s: float | None = None
    """Age of the first commit that lies beyond ``held``; 0 where there is none; ``None``: unknown."""
    rpo_known_at: AwareDatetime | None = None
    """When ``rpo_s`` was known last."""
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
