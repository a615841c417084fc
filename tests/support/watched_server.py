"""A server as the watch sees it, in values alone: what is written, committed, flushed, archived, and when."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from muniment.domain.wal.facts import next_record
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.server import Checkpoint, ServerSeen
from muniment.domain.watch.vault import WalHeld

SEGMENT_BYTES = 1 << 20
SYSTEM = 7_300_000_000_000_000_001
EPOCH = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@dataclass(slots=True)
class End:
    """Of a transaction: ``at``, when its record came to the disk; ``None``: it has not yet."""

    xid: int
    lsn: int
    is_commit: bool
    at: datetime | None = None


@dataclass(slots=True)
class WatchedServer:
    """PostgreSQL's rules, as far as the watch reads them. Instants are real ones; ``skew`` is the server's clock's."""

    skew: timedelta = timedelta(0)
    now: datetime = EPOCH
    insert: int = 5 * SEGMENT_BYTES
    flush: int = 5 * SEGMENT_BYTES
    next_xid: int = 700
    xmax: int = 700
    open: dict[int, int] = field(default_factory=dict)
    """Transaction id → where its first record ends."""
    ends: list[End] = field(default_factory=list)
    written_at: dict[int, datetime] = field(default_factory=dict)
    archived: int = 4
    checkpoint: Checkpoint | None = None
    timeline: int = 1

    def write(self, length: int = 64, *, flushed: bool = False) -> int:
        start = next_record(Lsn(self.insert), SEGMENT_BYTES).offset_bytes
        self.insert = start + length
        if flushed:
            self.sync()
        return self.insert

    def sync(self) -> None:
        for number in range(self.flush // SEGMENT_BYTES, self.insert // SEGMENT_BYTES):
            self.written_at[number] = self.now
        self.flush = self.insert
        for end in self.ends:
            end.at = end.at or self.now

    def begin(self) -> int:
        xid, self.next_xid = self.next_xid, self.next_xid + 1
        self.open[xid] = self.write()
        return xid

    def end(self, xid: int, *, commit: bool = True, flushed: bool = True) -> None:
        del self.open[xid]
        self.ends.append(End(xid, self.write(40), commit))
        self.xmax = max(self.xmax, xid + 1)
        if flushed:
            self.sync()

    def commit(self) -> None:
        self.end(self.begin())

    def switch(self) -> None:
        if self.insert % SEGMENT_BYTES:
            self.insert = (self.insert // SEGMENT_BYTES + 1) * SEGMENT_BYTES
            self.sync()

    def archive(self) -> None:
        self.archived = self.flush // SEGMENT_BYTES - 1

    def check_point(self) -> None:
        self.checkpoint = Checkpoint(
            server_at=(self.now + self.skew).replace(microsecond=0),
            timeline=self.timeline,
            redo_lsn=next_record(Lsn(self.insert), SEGMENT_BYTES),
            next_xid=self.next_xid,
            is_quiet=not self.open,
        )
        self.write(120, flushed=True)

    def crash(self) -> None:
        """What was not on the disk is gone, and its transaction ids are given away again."""
        self.ends = [end for end in self.ends if end.at is not None]
        self.ends += [End(xid, self.flush, False, self.now) for xid, lsn in self.open.items() if lsn <= self.flush]
        self.insert, self.open = self.flush, {}
        self.next_xid = self.xmax = max([700, *(end.xid + 1 for end in self.ends)])

    def seen(self, **changes: object) -> ServerSeen:
        on_disk = Lsn(self.insert) <= next_record(Lsn(self.flush), SEGMENT_BYTES)
        listed = tuple(sorted(xid for xid in self.open if xid < self.xmax)) if on_disk else ()
        told = {
            "seen_at": self.now,
            "server_at": self.now + self.skew,
            "system_identifier": SYSTEM,
            "timeline": self.timeline,
            "is_standby": False,
            "segment_bytes": SEGMENT_BYTES,
            "flush_lsn": Lsn(self.flush),
            "next_xid": self.xmax,
            "is_quiet": on_disk and not listed,
            "open_xids": listed,
            "archived_count": 0,
            "last_archived": None,
            "last_archived_at": None,
            "failed_count": 0,
            "last_failed": None,
            "last_failed_at": None,
            "ready": 0,
            "pg_wal_bytes": None,
            "segments_written_at": {
                WalSegment(self.timeline, number, SEGMENT_BYTES).name: (at + self.skew).replace(microsecond=0)
                for number, at in self.written_at.items()
            },
            "slots": (),
            "checkpoint": self.checkpoint,
        }
        return ServerSeen.model_validate(told | changes)

    def held(self, **changes: object) -> WalHeld:
        told = {
            "system_identifier": SYSTEM,
            "timeline": self.timeline,
            "segment_bytes": SEGMENT_BYTES,
            "number": self.archived,
            "seen_at": self.now,
        }
        return WalHeld.model_validate(told | changes)

    def after(self, **time: float) -> "WatchedServer":
        self.now += timedelta(**time)
        return self
