"""How far a firm could be brought back at this moment, and whether that is what it was promised."""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record

type Verdict = Literal["ok", "late", "one vault", "nothing", "unknown"]


class VaultStanding(Record):
    """``recoverable_to`` is ``None`` where the vault holds nothing that can be restored, or was not seen."""

    vault: str
    region: str
    recoverable_to: AwareDatetime | None = None
    unseen: str | None = None
    """Why it could not be asked."""


class Standing(Record):
    """One firm's; ``promised_s`` is its RPO, in seconds."""

    firm: str
    promised_s: float
    vaults: tuple[VaultStanding, ...]
    points: int
    newest_point: str | None
    server_unseen: str | None
    """Why the cluster could not be asked: then whatever was written since is taken for lost."""
    read_at: AwareDatetime

    @property
    def recoverable_to(self) -> AwareDatetime | None:
        return max((one.recoverable_to for one in self.vaults if one.recoverable_to), default=None)

    @property
    def behind_s(self) -> float | None:
        """What would be lost now, in seconds; ``None``: everything."""
        return self._behind_s(self.recoverable_to)

    @property
    def verdict(self) -> Verdict:
        """``late``: more than the RPO would be lost. ``one vault``: were it lost, the other one would not do."""
        if self.behind_s is None:
            return "unknown" if all(one.unseen for one in self.vaults) else "nothing"
        if self.behind_s > self.promised_s:
            return "late"
        left = (self._behind_s(one.recoverable_to) for one in self.vaults)
        return "ok" if all(s is not None and s <= self.promised_s for s in left) else "one vault"

    def _behind_s(self, until: AwareDatetime | None) -> float | None:
        return max(0.0, (self.read_at - until).total_seconds()) if until else None
