"""What a vault's listing lacks of what a recovery point needs: told by names and sizes, without reading what is there.

The documents are not among it: which objects they are is in the point's document list, which has to be read.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import WalSegment, history_name

_CHUNK = re.compile(r"(.+)/(\d{8})")


@dataclass(frozen=True)
class Listing:
    """What LIST says of the current objects: key → size in bytes."""

    sizes: Mapping[str, int]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.sizes)

    def __contains__(self, key: str) -> bool:
        return key in self.sizes

    def under(self, prefix: str) -> list[str]:
        first = bisect_left(self._sorted, prefix)
        return self._sorted[first : bisect_left(self._sorted, prefix + "\U0010ffff")]


def absent(point: Point, listing: Listing, archive: Archive | None, stored_bytes: Mapping[str, int]) -> Iterator[str]:
    """The keys, or what is known of them. ``archive`` is ``None`` where no base backup tells how long a segment is;
    ``stored_bytes``: of each backup whose point is known."""
    for backup_id in point.chain:
        yield from absent_of_backup(backup_id, listing, stored_bytes.get(backup_id))
    yield from absent_beside(point, listing)
    if archive is not None:
        yield from absent_wal(point, archive)


def absent_beside(point: Point, listing: Listing) -> Iterator[str]:
    """Its document list and its configuration."""
    for key in (keys.document_snapshot(point.documents), keys.config(point.config)):
        if key not in listing:
            yield key


def absent_wal(point: Point, archive: Archive) -> Iterator[str]:
    """From where its base backup began to where its control totals were read, along the timelines' histories."""
    size = archive.segment_bytes
    first, proven = (WalSegment.parse(name, size) for name in (point.wal.first_segment, point.wal.last_segment))
    totals = WalSegment.ending(point.control_totals.lsn, proven.timeline, size)
    through = max(proven, totals, key=lambda segment: segment.number)
    missing = archive.missing(first.start, first.timeline, through)
    names = [history_name(through.timeline)] if missing is None else [segment.name for segment in missing]
    yield from (keys.wal(point.system_identifier, name) for name in names)


def absent_of_backup(backup_id: str, listing: Listing, stored_bytes: int | None) -> Iterator[str]:
    """Chunks are numbered, so one that is gone from the middle shows; one from the end shows in the sum."""
    folder, register = keys.backup(backup_id), keys.backup_register(backup_id)
    there = listing.under(folder)
    lacking = [key for key in (register, keys.backup_manifest(backup_id)) if key not in listing]
    lacking += [folder + name for name in _gaps([key.removeprefix(folder) for key in there])]
    found = sum(listing.sizes[key] for key in there if key != register)
    if not lacking and stored_bytes is not None and found != stored_bytes:
        lacking = [f"{folder} ({found:,} of {stored_bytes:,} bytes)"]
    yield from lacking


def _gaps(names: Sequence[str]) -> Iterator[str]:
    last: dict[str, int] = {"base": 0}
    for name in names:
        if found := _CHUNK.fullmatch(name):
            last[found[1]] = max(last.get(found[1], 0), int(found[2]))
    there = set(names)
    for archive, number in last.items():
        yield from (chunk for each in range(number + 1) if (chunk := f"{archive}/{each:08d}") not in there)
