"""From which base backup and by how much WAL a restore gets to an instant, and how long that takes by the firm's own
drills."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from muniment.domain.fleet.documents_then import DocumentsThen
from muniment.domain.fleet.history import DrillSeen, NightSeen
from muniment.domain.fleet.recoverable import Held
from muniment.domain.fleet.verdict import Verdict
from muniment.domain.restore.estimate import Measured, Pace, estimate_s


@dataclass(frozen=True, slots=True)
class Way:
    base: NightSeen | None
    """``None``: its night is not known here."""
    segments: int | None
    """About: WAL between two nights is taken to have come evenly. ``None``: not known."""
    fetch_bytes: int | None
    """Of base backups and documents; ``None``: not known."""
    estimate_s: float | None
    """As ``muniment restore --plan`` computes it; ``None``: no drill has passed."""
    drills: int
    """That passed, and were used."""


def way_to(
    held: Held, at: datetime, documents: DocumentsThen | None, drills: Sequence[DrillSeen], verdict: Verdict
) -> Way:
    """``verdict``: that it comes back."""
    base = verdict.point or _base(held, at, verdict)
    segments = _segments(held, base, at) if base else None
    chain = base.chain_stored_bytes if base else None
    size = documents.size_bytes if documents else None
    fetch_bytes = None if chain is None else chain + (size or 0)
    measured = [found for each in drills if (found := measured_of(each))]
    if fetch_bytes is None or segments is None:
        measured = [replace(each, pace=None) for each in measured]
    estimate = estimate_s(measured, stored_bytes=fetch_bytes or 0, segments=segments or 0)
    return Way(base, segments, fetch_bytes, estimate, len(measured))


def measured_of(drill: DrillSeen) -> Measured | None:
    """As ``Measured.of`` reads a drill's evidence; ``None``: it tells nothing."""
    if not drill.passed or drill.recover_s is None:
        return None
    figures = drill.base_stored_bytes, drill.base_s, drill.wal_segments, drill.wal_s, drill.replay_s
    if drill.by != "muniment" or None in figures:
        return Measured(drill.recover_s)
    assert drill.base_stored_bytes is not None
    assert drill.base_s is not None
    assert drill.wal_segments is not None
    assert drill.wal_s is not None
    assert drill.replay_s is not None
    pace = Pace(drill.base_stored_bytes, drill.base_s, drill.wal_segments, drill.wal_s, drill.replay_s)
    return Measured(drill.recover_s, pace)


def _base(held: Held, at: datetime, verdict: Verdict) -> NightSeen | None:
    """The newest that leads there; one with damaged pages only where no other does."""
    stretch = verdict.stretch
    if stretch is None:
        return None
    nights = held.points if verdict.kind == "any instant" else held.other_points
    leading = [each for each in nights if stretch.begins_at <= each.taken_at <= at]
    sound = [each for each in leading if not each.is_damaged]
    return next(reversed(sound or leading), None)


def _segments(held: Held, base: NightSeen, at: datetime) -> int | None:
    """From where the base backup began to ``at``; of a recovery point, to where its control totals were read."""
    size = held.segment_bytes
    known = list(_known(held, base))
    begin = _position(known, base.began_at or base.taken_at)
    end = base.lsn.offset_bytes if at <= base.taken_at else _position(known, at)
    if size is None or begin is None or end is None:
        return None
    return max(1, int(end) // size - int(begin) // size + 1)


def _known(held: Held, base: NightSeen) -> Iterator[tuple[datetime, int]]:
    """When the log was where, of the base backup's cluster."""
    yield from (
        (each.registered_at, each.lsn.offset_bytes) for each in held.points if each.is_present == base.is_present
    )
    if held.end is not None and held.reaches_at is not None and base.is_present:
        yield held.reaches_at, held.end.offset_bytes


def _position(known: Iterable[tuple[datetime, int]], at: datetime) -> float | None:
    """Between the two that are known on both sides; before the first and behind the last, theirs."""
    ordered = sorted(known)
    if not ordered:
        return None
    for (earlier, begin), (later, end) in pairwise(ordered):
        if earlier <= at <= later:
            share = (at - earlier) / (later - earlier) if later > earlier else 0.0
            return begin + share * (end - begin)
    return float(ordered[0][1] if at < ordered[0][0] else ordered[-1][1])
