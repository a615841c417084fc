"""Reads WAL records with PostgreSQL's own ``pg_waldump``, of the version that wrote them.

What its output looks like: ``src/bin/pg_waldump/pg_waldump.c`` and ``src/backend/access/rmgrdesc/``. Given a range of
files it ends silently with the last one, and leaves out the record that goes on behind it; a record that began before
the first one it skips. So whoever wants all of a segment's records gives it the segment before as well.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from muniment.adapters.host.environment import program_environment
from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.wal.facts import MadeTablespace, SegmentFacts, WalRecord, facts_of, record_end
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.errors import ProgramFailed

_RECORD = re.compile(
    r"rmgr: \S+ +len \(rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+), prev \S+ desc: (.*)"
)
_ENDED = re.compile(r"(?:COMMIT|ABORT)(?:_PREPARED (\d+):)? (\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}) UTC")
_NAMED = "RESTORE_POINT "
_SWITCH = "SWITCH"
_TABLESPACE = re.compile(r'CREATE (\d+) "(/.*)"')  # as nothing else of these resource managers is printed
_LOG_ENDED = ("error in WAL record at", "could not find a valid record after")
# Of what these resource managers write, page images before a checkpoint are the most.
_OF_INTEREST = re.compile(r"desc: (?:COMMIT|ABORT|RESTORE_POINT|CREATE)")


@dataclass(frozen=True, slots=True)
class WalDump:
    """``folder`` holds segments under their names, or under their names on the timeline that they are read for."""

    programs: PostgresPrograms
    folder: Path

    def facts(self, first: WalSegment, last: WalSegment, of: Sequence[WalSegment]) -> tuple[SegmentFacts, ...]:
        """Of the last ones of what is read, whatever their timeline."""
        return facts_of(self.endings(first, last), of)

    def endings(self, first: WalSegment, last: WalSegment) -> Iterator[WalRecord]:
        """Ends of transactions, restore points, and tablespaces that are made."""
        for line in self._lines(first, last, "--rmgr=Transaction", "--rmgr=XLOG", "--rmgr=Tablespace"):
            if _OF_INTEREST.search(line) and (record := _parsed(line, first.size_bytes)):
                yield record

    def first_at(self, lsn: Lsn, first: WalSegment, last: WalSegment) -> WalRecord | None:
        """The first record that begins at ``lsn``, which lies in ``first``, or behind it."""
        lines = self._lines(first, last, f"--start={lsn}", "--limit=1")
        return next((record for line in lines if (record := _parsed(line, first.size_bytes))), None)

    def last(self, first: WalSegment, last: WalSegment) -> WalRecord | None:
        """The last record that is there whole."""
        newest = ""
        for newest in self._lines(first, last):  # noqa: B007
            pass
        return _parsed(newest, first.size_bytes)

    def _lines(self, first: WalSegment, last: WalSegment, *options: str) -> Iterator[str]:
        argv = self.programs.argv("pg_waldump", *options, self.folder / first.name, last.name)
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
                errors="backslashreplace",
                env=program_environment({"TZ": "UTC"}),
            ) as process,
        ):
            assert process.stdout is not None
            yield from (line.rstrip("\n") for line in process.stdout)
            # Whoever stops reading ends this generator here, and pg_waldump by closing its output.
            _prove_read(process.wait(), said)


def _prove_read(status: int, said: IO[bytes]) -> None:
    """The log may end before the last file does; anything else is a failure."""
    said.seek(0)
    stderr = said.read().decode(errors="replace").strip()
    if status != 0 and not any(end in stderr for end in _LOG_ENDED):
        raise ProgramFailed(program="pg_waldump", status=f"status {status}", stderr=stderr)


def _parsed(line: str, segment_bytes: int) -> WalRecord | None:
    """``None`` for what is no record: pg_waldump's remark that it skipped some bytes."""
    match = _RECORD.match(line)
    if match is None:
        return None
    length, xid, high, low, what = match.groups()
    start = Lsn(int(high, 16) << 32 | int(low, 16))
    end = record_end(start, int(length), segment_bytes, is_switch=what.startswith(_SWITCH))
    if ended := _ENDED.match(what):
        return WalRecord(start, end, int(ended[1] or xid), datetime.fromisoformat(ended[2] + "+00:00"))
    if what.startswith(_NAMED):
        return WalRecord(start, end, name=what.removeprefix(_NAMED))
    if made := _TABLESPACE.fullmatch(what):
        return WalRecord(start, end, tablespace=MadeTablespace(oid=int(made[1]), location=made[2]))
    return WalRecord(start, end)
