"""What one step of the night has proven, for the steps that follow. They travel with the run; no vault keeps them."""

from pydantic import AwareDatetime

from muniment.domain.record import Record
from muniment.domain.vault.registers import RecoveryWindow, WalHole, WalRange


class WalProof(Record):
    """What verify_wal_checkpoint has proven about one backup's WAL in the primary vault."""

    wal: WalRange
    windows: tuple[RecoveryWindow, ...]
    new_holes: tuple[WalHole, ...] = ()
    """Holes that the newest recovery point did not know of."""
    effective_rpo_s: float
    verified_at: AwareDatetime


class CopyProof(Record):
    """What copy_to_replica has copied and read back."""

    objects_copied: int
    objects_already_there: int
    bytes_copied: int
    verified_at: AwareDatetime
