"""A recovery point in words: what the log of a night says that was registered."""

from collections.abc import Iterator

from muniment.domain.units import human_size
from muniment.domain.vault.registers import Point


def point_lines(point: Point) -> Iterator[str]:
    stored = f"{human_size(point.size_bytes)}, stored in {human_size(point.stored_bytes)}"
    yield f"registered recovery point {point.id}: {point.kind} backup {point.backup}, {stored}"
    for window in point.windows[-1:]:
        until = f"{window.end_at:%Y-%m-%d %H:%M:%S} UTC" if window.end_at else f"LSN {window.end_lsn}"
        yield f"any instant from {window.start_at:%Y-%m-%d %H:%M:%S} UTC to {until} can be restored"
    yield f"{point.document_count:,} documents ({human_size(point.document_bytes)}), snapshot {point.documents}"
    totals = point.control_totals
    yield f"control totals of {len(totals.counts):,} tables and {len(totals.sums):,} sums, at LSN {totals.lsn}"
    yield "in both regions" if point.verified_replica_at else "IN THE PRIMARY REGION ALONE"
