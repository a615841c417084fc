"""Where a restore leads the tablespaces that its base backup has and that its WAL makes: below itself, each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from muniment.domain.backup.layout import Layout
from muniment.domain.restore.plan import PlacedTablespace
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.facts import MadeTablespace, SegmentFacts
from muniment.domain.wal.names import WalSegment


@dataclass(frozen=True, slots=True)
class ToldTablespaces:
    """``unread``: segments of whose tablespaces no ledger tells; they show when they are fetched."""

    made: tuple[MadeTablespace, ...]
    unread: int


def told_tablespaces(known: Mapping[str, SegmentFacts], segments: Sequence[WalSegment]) -> ToldTablespaces:
    """Of these segments, as the ledgers of the nights have it; nothing is fetched for it."""
    told = [_told(known, segment) for segment in segments]
    return ToldTablespaces(
        tuple(tablespace for each in told for tablespace in each or ()), sum(each is None for each in told)
    )


def _told(known: Mapping[str, SegmentFacts], segment: WalSegment) -> tuple[MadeTablespace, ...] | None:
    facts = known.get(segment.name)
    return facts.tablespaces if facts else None


def placed_tablespaces(backup: Backup, told: ToldTablespaces, layout: Layout) -> Iterator[PlacedTablespace]:
    """One that was dropped again by then is among those that the WAL makes."""
    for archive in backup.archives:
        if (own := archive.tablespace) is not None:
            place = str(layout.tablespaces[own.oid])
            yield PlacedTablespace(oid=own.oid, location=own.location, place=place, made_by="backup")
    for made in told.made:
        place = str(layout.link_of(made.oid))
        yield PlacedTablespace(oid=made.oid, location=made.location, place=place, made_by="WAL")
