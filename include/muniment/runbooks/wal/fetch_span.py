"""The WAL that a recovery replays, fetched before its server starts: what the server then runs needs no credentials."""

import shlex
from collections.abc import Collection, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.concurrency import at_once
from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.restore.tablespaces_in_place import note_changes
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.wal.fallback import FallbackArchive
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.names import Lsn, SystemIdentifier, TimelineId, WalSegment, is_history
from muniment.errors import Damaged, MunimentError
from muniment.ports import Progress, Silent
from muniment.runbooks.wal.replayable import Archived

FETCHED_AT_ONCE = 16
# A position that is a record's begin is found in its own segment or, behind a switch, in one of the next two.
_SEGMENTS_BEHIND = 2


@dataclass(frozen=True, slots=True)
class WalSpan:
    """Segments by number, on every timeline that may have them."""

    first: int
    last: int
    timelines: range
    segment_bytes: int

    @classmethod
    def from_backup(cls, backup: Backup, through: Lsn, timeline: TimelineId) -> "WalSpan":
        size = backup.wal_segment_bytes
        first = WalSegment.holding(backup.start_lsn, backup.timeline, size).number
        last = WalSegment.holding(through, timeline, size).number + _SEGMENTS_BEHIND
        return cls(first, last, range(backup.timeline, timeline + 1), size)

    def lacks_any(self, names: Collection[str]) -> bool:
        """Whether a segment is in ``names`` on none of the timelines."""
        return not all(
            any(WalSegment(line, number, self.segment_bytes).name in names for line in self.timelines)
            for number in range(self.first, self.last + 1)
        )

    def names(self) -> Iterator[str]:
        for number in range(self.first, self.last + 1):
            for line in self.timelines:
                yield WalSegment(line, number, self.segment_bytes).name


def fetch_wal_beside(
    vaults: FallbackVault,
    system_identifier: SystemIdentifier,
    span: WalSpan,
    into: Path,
    progress: Progress | None = None,
) -> int:
    """What the archives have of ``span``, and each timeline's history. Returns the number of files in ``into``.

    A segment that makes a tablespace is changed so that it makes it inside of the data directory; progress names it.
    What is in ``into`` already is not fetched again. Raises what ``FallbackVault`` raises for a file that neither vault
    has whole, and where its fallback does not tell what it has and the preferred vault has not all; a segment that
    neither of them names shows when the server asks for it.
    """
    into.mkdir(mode=0o755, exist_ok=True)
    progress = progress or Silent()
    archive = FallbackArchive(vaults, system_identifier)
    names = _names(archive, span)
    wanted = [*filter(is_history, names), *(name for name in span.names() if name in names)]

    def whole(name: str) -> bytes | None:
        with suppress(Damaged):
            return archive.read(name)
        return None

    archived = Archived(whole, lambda: sorted(names))

    def fetch(name: str) -> None:
        replayable = archived.replayable(name, archive.read(name))
        note_changes(into, name, replayable)
        replace_file(into / name, replayable.content, durable=False)
        for made in replayable.creations:
            progress.note(f"tablespace {made.oid}, {made.location} of the firm's, is made in the copy's own folder")

    missing = [name for name in wanted if not (into / name).exists()]
    with progress.step("fetch WAL", len(missing), "segments") as step:
        for _ in at_once(fetch, missing, FETCHED_AT_ONCE):
            step.advance(1)
    return len(wanted)


def _names(archive: FallbackArchive, span: WalSpan) -> Set[str]:
    """Of every file. The fallback's region may be what was lost: that hurts only where something is lacking here."""
    own = archive.preferred.files()
    try:
        return archive.with_lent(own).keys()
    except MunimentError:
        if span.lacks_any(own):
            raise
        return own.keys()


def copy_from(folder: Path) -> str:
    """``restore_command``: cp ends with 1 where there is no such file, which ends recovery."""
    quoted = shlex.quote(str(folder.absolute())).replace("%", "%%")
    return f"cp {quoted}/%f %p"
