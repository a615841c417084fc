"""``firm.json``: whose vault it is, which cluster is the firm's, and which ones were."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime

from muniment.domain.record import Record


class OfCluster(Protocol):
    """A recovery point, as its cluster sees it."""

    @property
    def system_identifier(self) -> int: ...


class FormerCluster(Record):
    """One that was the firm's until another one was adopted in its place. Its recovery points stay restorable."""

    system_identifier: int
    until: AwareDatetime
    adoption: str
    """Id of the record that says on whose word."""


class FirmMark(Record):
    """``firm.json``: whose vault this is. Read before anything else."""

    format: Literal[1] = 1
    firm: str
    system_identifier: int
    role: Literal["primary", "replica"]
    created_at: AwareDatetime
    mac_key: str | None = None
    """The firm's MAC key as an AWS Encryption SDK message, base64; ``None`` in vaults from before there was one."""
    former: tuple[FormerCluster, ...] = ()
    """In the order in which they were replaced. One that was adopted again is among them as well."""

    @property
    def clusters(self) -> tuple[int, ...]:
        """System identifiers: the one that serves, then the others, the last one replaced first; each once."""
        return tuple(dict.fromkeys((self.system_identifier, *(f.system_identifier for f in reversed(self.former)))))

    def replaced_at(self, system_identifier: int) -> datetime | None:
        """``None`` for the one that serves, and for one that never did."""
        if system_identifier == self.system_identifier:
            return None
        return max((each.until for each in self.former if each.system_identifier == system_identifier), default=None)

    def present[T: OfCluster](self, points: Iterable[T]) -> tuple[T, ...]:
        """Those of the cluster that serves, in their order; until it has any, those of the last one before it that has.

        One that was taken back has older points than the one that had its place meanwhile.
        """
        own: dict[int, list[T]] = {}
        for point in points:
            own.setdefault(point.system_identifier, []).append(point)
        return next((tuple(own[each]) for each in self.clusters if each in own), ())

    def precedes(self, other: "FirmMark") -> bool:
        """Whether ``other`` is what became of this one by adoptions that this vault has not heard of yet."""
        known = len(self.former)
        behind = self.former == other.former[:known] and known < len(other.former)
        return behind and other.former[known].system_identifier == self.system_identifier
