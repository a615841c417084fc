"""Segments of one archive in a scratch folder: fetched and checked once each, and dumped there."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.wal.waldump import WalDump
from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.wal.facts import SegmentFacts
from muniment.domain.wal.names import MAGIC_OF_MAJOR, SegmentHeader, WalSegment
from muniment.ports import WalSource
from muniment.runbooks.wal.push_wal import workers_for

# What lies in the scratch folder at once while many are read: 16 of the usual segments.
LONGEST_RUN_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class WalReader:
    """Make it with ``open_reader``. Methods raise ``ObjectMissing``, ``ObjectDamaged`` or ``WalSegmentInvalid``."""

    store: WalSource
    archive: Archive
    folder: Path
    pool: ThreadPoolExecutor
    majors: dict[str, int] = field(default_factory=dict)
    """Segment name → the PostgreSQL that wrote it."""

    @property
    def longest_run(self) -> int:
        return max(1, LONGEST_RUN_BYTES // self.archive.segment_bytes)

    def fetch(self, segments: Iterable[WalSegment]) -> None:
        """Those that are not there yet, several at once."""
        missing = [segment for segment in segments if not self._path(segment).exists()]
        for _ in self.pool.map(self._fetch, missing):
            pass

    def keep(self, segment: WalSegment, content: bytes) -> None:
        self._path(segment).write_bytes(content)
        self.majors[segment.name] = MAGIC_OF_MAJOR[SegmentHeader.parse(content).magic]

    def facts(self, run: Sequence[WalSegment]) -> tuple[SegmentFacts, ...]:
        """Of segments that follow each other on one timeline. A record that began in the one before is among them.

        Raises ``ProgramMissing`` where this machine has no pg_waldump of their version, and ``ProgramFailed``.
        """
        before = self.archive.previous(run[0])
        with self.dump([*([before] if before else ()), *run]) as (dump, first, last):
            return dump.facts(first, last, run)

    @contextmanager
    def dump(self, route: Sequence[WalSegment]) -> Iterator[tuple[WalDump, WalSegment, WalSegment]]:
        """``route`` follows one history and may change timelines: its files go by the names that the last one has."""
        self.fetch(route)
        programs = PostgresPrograms.find(self.majors[route[-1].name])
        with tempfile.TemporaryDirectory(dir=self.folder) as named:
            names = [WalSegment(route[-1].timeline, each.number, each.size_bytes) for each in route]
            for segment, name in zip(route, names, strict=True):
                (Path(named) / name.name).symlink_to(self._path(segment))
            yield WalDump(programs, Path(named)), names[0], names[-1]

    def drop(self, segments: Iterable[WalSegment]) -> None:
        for segment in segments:
            self._path(segment).unlink(missing_ok=True)

    def _fetch(self, segment: WalSegment) -> None:
        self.keep(segment, self.store.read(segment.name))

    def _path(self, segment: WalSegment) -> Path:
        return self.folder / segment.name


@contextmanager
def open_reader(store: WalSource, archive: Archive) -> Iterator[WalReader]:
    """Its scratch folder goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="muniment-wal-"))
    pool = ThreadPoolExecutor(workers_for(archive.segment_bytes), "wal")
    try:
        yield WalReader(store, archive, folder, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(folder)
