"""A lease: what somebody reads out of a vault, so that expire leaves it alone for that long and no longer.

It ends by itself, by the clock of the store that keeps it: neither a reader that was killed nor a worker whose clock is
wrong can keep anything for ever, or let anything go too early. docs/adr/0021-whoever-reads-a-point-holds-it.md says why
a reader and an expire that run at the same time cannot miss each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from muniment.domain.record import Record
from muniment.domain.wal.names import SystemIdentifier, WalSegment

LASTS = timedelta(hours=24)
"""Longer than anybody is asked for an approval; renewed for as long as a restore runs."""

LONGEST = timedelta(days=7)
"""Whatever a lease says of itself: whoever may write leases and nothing else must not be able to stop expire."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""Between the servers of one store: they date what they store, and tell what time it is."""

DELETES_FOR = timedelta(hours=1)
"""How long the mark of an expire that was killed stands in the way of readers; renewed while it deletes."""


class LeasedWal(Record):
    """Segments by position, both included, whatever timeline they are on."""

    system_identifier: int
    segment_bytes: int
    first_segment: str
    last_segment: str

    @classmethod
    def between(cls, system_identifier: SystemIdentifier, first: WalSegment, last: WalSegment) -> Self:
        return cls(
            system_identifier=system_identifier,
            segment_bytes=first.size_bytes,
            first_segment=first.name,
            last_segment=last.name,
        )

    @property
    def first(self) -> int:
        return WalSegment.parse(self.first_segment, self.segment_bytes).number

    @property
    def last(self) -> int:
        return WalSegment.parse(self.last_segment, self.segment_bytes).number

    def overlaps(self, other: "LeasedWal") -> bool:
        same = self.system_identifier == other.system_identifier
        return same and self.first <= other.last and other.first <= self.last


class Needs(Record):
    """What a reader reads, or what an expire is about to delete: ids, and WAL."""

    points: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    wal: tuple[LeasedWal, ...] = ()

    @classmethod
    def of_documents(cls, *snapshots: str | None) -> Self:
        """The objects of a snapshot stay for as long as it does."""
        return cls(snapshots=tuple(each for each in snapshots if each))

    def shared_with(self, other: "Needs") -> Iterator[str]:
        """What both name, for people."""
        for what, mine, theirs in (
            ("recovery point", self.points, other.points),
            ("base backup", self.backups, other.backups),
            ("document snapshot", self.snapshots, other.snapshots),
            ("config snapshot", self.configs, other.configs),
        ):
            yield from (f"{what} {each}" for each in mine if each in theirs)
        for stretch in self.wal:
            if any(stretch.overlaps(each) for each in other.wal):
                yield f"WAL between {stretch.first_segment} and {stretch.last_segment}"


class Lease(Record):
    """``leases/<id>.json``. It ends ``lasts_s`` after the instant at which its store says that it was written."""

    format: Literal[1] = 1
    id: str
    firm: str
    reader: str
    """Who reads, and what for: expire's plan and its record show it."""
    needs: Needs
    lasts_s: float

    def ends_at(self, written_at: datetime) -> datetime:
        return written_at + min(timedelta(seconds=self.lasts_s), LONGEST)


class Expiring(Record):
    """``audit/expiring.json``: what an expire deletes now. Who wants some of it has come too late."""

    format: Literal[1] = 1
    id: str
    firm: str
    deletes: Needs
    lasts_s: float

    def ends_at(self, written_at: datetime) -> datetime:
        return written_at + min(timedelta(seconds=self.lasts_s), DELETES_FOR)


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease as expire finds it. ``needs`` is ``None`` where it cannot be read: then it may need anything."""

    id: str
    reader: str
    until: datetime
    needs: Needs | None

    @property
    def why(self) -> str:
        return f"leased until {self.until:%Y-%m-%d %H:%M} to {self.reader}"


def stands(until: datetime, store_now: datetime) -> bool:
    """Both by the same store's clock."""
    return store_now <= until + CLOCKS_DIFFER
