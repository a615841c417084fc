"""How far one vault's WAL reaches: where a look begins, which timeline it follows, and what of it is no hole.

Ordinarily one LIST. More is asked only where something is new (the first look, a switch of timelines, another cluster),
where something is missing, and by rotation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.adapters.vault.authenticity import read_mark
from muniment.adapters.vault.vault import Vault
from muniment.adapters.vault.wal_tail import followed, names_from
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.vault.registers import Point, RecoveryWindow
from muniment.domain.wal.names import WalSegment, history_name
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import WalHeld
from muniment.domain.watch.wal_held import (
    LOOK_BACK,
    along,
    held_from,
    lacking,
    needed_from,
    numbers_along,
    segment_of,
    walk_of,
    walked,
)
from muniment.errors import ObjectMissing
from muniment.runbooks.watch.newest_points import NewestPoints


@dataclass(slots=True)
class HeldWal:
    """One look at one vault's WAL. ``window``: the firm's point-in-time window. ``mark``: the vault's, where this look
    has read it."""

    vault: Vault
    points: NewestPoints
    server: ServerSeen | None
    window: timedelta
    now: datetime
    mark: FirmMark | None = None

    def after(self, before: WalHeld | None, *, whole: bool) -> WalHeld | None:
        """``None`` where nothing is known of the firm's WAL yet. Raises what a ``Vault`` raises."""
        begun = self._begun(before)
        if begun is None:
            return None
        held, lacks = self._on_the_servers_timeline(begun)
        if whole:
            held = self._walked(self._needed(held))
        seen = followed(self.vault, held, now=self.now)
        if seen.missing and not whole and (needed := self._needed(seen)) != seen:
            seen = followed(self.vault, needed, now=self.now)
        return lacking(seen, lacks, self.now) if lacks and not seen.missing else seen

    def _begun(self, before: WalHeld | None) -> WalHeld | None:
        """What was known, unless it is of a cluster that was replaced. That the server says so is not enough: what
        answers under the firm's name may be another database, and the vault's own mark tells."""
        if before is not None and (self.server is None or self._is_of(before)):
            return before
        self.mark = self.mark or read_mark(self.vault)
        if self.server is None or self.mark.system_identifier != self.server.system_identifier:
            return before
        return self._anew(self.server)

    def _is_of(self, held: WalHeld) -> bool:
        return self.server is not None and self.server.system_identifier == held.system_identifier

    def _anew(self, server: ServerSeen) -> WalHeld | None:
        """From the newest recovery point on, whose WAL was proven; where there is none, from a little before what the
        server writes."""
        history = self._history(server.system_identifier, server.timeline)
        if history is None:
            return None
        at = server.flush_lsn.offset_bytes // server.segment_bytes
        first = history.segment(max(0, at - LOOK_BACK), server.segment_bytes)
        near = held_from(first, first.number - 1, history, server.system_identifier, self.now)
        if (point := self._newest_point(near)) is not None:
            needs, proven = _wal_of(point, near)
            return held_from(needs, proven.number, history, server.system_identifier, self.now)
        found = numbers_along(near, names_from(self.vault, near, first)[0])
        if not found:
            return None
        begin = segment_of(near, min(found))
        return held_from(begin, begin.number - 1, history, server.system_identifier, self.now)

    def _on_the_servers_timeline(self, held: WalHeld) -> tuple[WalHeld, str | None]:
        """And the name of the history file that it would take, where that is not in the vault."""
        server = self.server
        if server is None or not self._is_of(held) or server.timeline == held.timeline:
            return held, None
        history = self._history(held.system_identifier, server.timeline)
        if history is None:
            return held, history_name(server.timeline)
        return along(held, history) or self._anew(server) or held, None

    def _history(self, system_identifier: int, timeline: int) -> TimelineHistory | None:
        """``None`` where its file is not in the vault. The first timeline has none."""
        if timeline == 1:
            return TimelineHistory(1)
        try:
            return WalArchive(self.vault, system_identifier).history(history_name(timeline))
        except ObjectMissing:
            return None

    def _needed(self, held: WalHeld) -> WalHeld:
        """With what the newest recovery point says: expire takes WAL that no point needs, and behind a hole a full
        backup begins anew."""
        point = self._newest_point(held)
        return held if point is None else needed_from(held, *_wal_of(point, held), self.now) or held

    def _newest_point(self, held: WalHeld) -> Point | None:
        """That lies on the history which is followed."""
        own = (each for each in self.points.newest() if each.system_identifier == held.system_identifier)
        return next((each for each in own if _lies_on(each, held)), None)

    def _walked(self, held: WalHeld) -> WalHeld:
        """With one page more of what is older than every look sees."""
        newest = self._newest_point(held)
        if newest is None:
            return held
        walk = walk_of(held, self._oldest_owed(held))
        if not walk:
            return held
        names, is_all = names_from(self.vault, held, segment_of(held, walk.start))
        return walked(held, names, walk, owed=_owed(newest.windows, held), is_all=is_all)

    def _oldest_owed(self, held: WalHeld) -> int:
        """By the oldest recovery point within the window: expire keeps what lies behind it, and asks an older one."""
        begin = self.now - self.window
        point = self.points.first_after(begin) if self.window else None
        if point is None or point.system_identifier != held.system_identifier or not _lies_on(point, held):
            return held.first
        return min(held.first, _wal_of(point, held)[0].number)


def _wal_of(point: Point, held: WalHeld) -> tuple[WalSegment, WalSegment]:
    first, last = (
        WalSegment.parse(name, held.segment_bytes) for name in (point.wal.first_segment, point.wal.last_segment)
    )
    return first, last


def _lies_on(point: Point, held: WalHeld) -> bool:
    return all(segment_of(held, each.number) == each for each in _wal_of(point, held))


def _owed(windows: Sequence[RecoveryWindow], held: WalHeld) -> list[range]:
    """What was there when the newest recovery point was registered: a hole of before is told by the point."""
    size = held.segment_bytes
    return [range(each.start_lsn.offset_bytes // size, each.end_lsn.offset_bytes // size) for each in windows]
