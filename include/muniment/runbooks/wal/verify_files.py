"""Reads WAL files back once: each is checked the night it is new, and a ledger remembers it and what it tells."""

from collections.abc import Collection, Mapping, Sequence

from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.adapters.wal.ledgers import WalLedgers
from muniment.domain.record import new_id
from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.wal.facts import LedgerSpan, SegmentFacts, VerifiedObject, VerifiedWal, runs
from muniment.domain.wal.names import SystemIdentifier, WalSegment, is_segment
from muniment.errors import ProgramFailed, ProgramMissing
from muniment.ports import Clock, Progress, Step
from muniment.runbooks.wal.read_wal import WalReader, open_reader


def verify_new_files(
    site: Site,
    store: WalArchive,
    files: Mapping[str, ObjectVersion],
    archive: Archive,
    *,
    clock: Clock,
    progress: Progress,
) -> int:
    """Checks header and checksum of every file that the ledger does not know; returns how many these were.

    Raises ``ObjectDamaged``, ``ObjectMissing`` or ``WalSegmentInvalid`` for the first file that is wrong; then nothing
    is noted in the ledger. A file that was replaced since counts as new.
    """
    new = unverified(store.vault, store.system_identifier, files)
    if not new:
        return 0
    with progress.step("verify wal", len(new), "segments") as step, open_reader(store, archive) as reader:
        facts = _NightlyReading(reader, step, progress).read(list(new))
    ledger = VerifiedWal(
        firm=site.firm.id,
        system_identifier=store.system_identifier,
        verified_at=clock(),
        files=tuple(new.values()),
        facts=facts,
    )
    newest = max((name[8:24] for name in files if is_segment(name[:24])), default="0" * 16)
    span = LedgerSpan.around(store.system_identifier, [*new, *(each.name for each in facts)], newest)
    key = keys.verified_wal(store.system_identifier, new_id(ledger.verified_at), span.first, span.last)
    store.vault.put_register(key, ledger, locked_until=chain_locked_until(site.policy, ledger.verified_at))
    return len(new)


def unverified(
    vault: Vault, system_identifier: SystemIdentifier, files: Mapping[str, ObjectVersion]
) -> dict[str, VerifiedObject]:
    """Of ``files``, those that no run has checked as they are now, and what there will be to say of each."""
    new = {
        name: VerifiedObject(name=name, stored_bytes=found.size_bytes, modified_at=found.modified_at)
        for name, found in files.items()
    }
    for entry in WalLedgers(vault, system_identifier).verified(files):
        if new.get(entry.name) == entry:
            del new[entry.name]
    return new


class _NightlyReading:
    """Every new file once. What its records tell is read on the way, and never stands in the way."""

    def __init__(self, reader: WalReader, step: Step, progress: Progress) -> None:
        self.reader = reader
        self.step = step
        self.progress = progress
        self.tells = True

    def read(self, names: Sequence[str]) -> tuple[SegmentFacts, ...]:
        for _ in self.reader.pool.map(self._read_other, (name for name in names if not is_segment(name))):
            pass
        size_bytes = self.reader.archive.segment_bytes
        segments = frozenset(WalSegment.parse(name, size_bytes) for name in names if is_segment(name))
        return tuple(facts for run in runs(segments, self.reader.longest_run) for facts in self._run(run, segments))

    def _read_other(self, name: str) -> None:
        self.reader.store.read(name)
        self.step.advance(1)

    def _read_segment(self, segment: WalSegment) -> None:
        content = self.reader.store.read(segment.name)
        self.step.advance(1)
        try:
            if self.tells:
                self.reader.keep(segment, content)
        except OSError as error:
            self._fall_silent(error)

    def _run(self, run: Sequence[WalSegment], new: Collection[WalSegment]) -> tuple[SegmentFacts, ...]:
        """With the one behind, where it was read another night: what ends in it may have begun in this run."""
        for _ in self.reader.pool.map(self._read_segment, run):
            pass
        behind, before = run[-1].next(), self.reader.archive.previous(run[0])
        known = [behind] if behind not in new and self.reader.archive.holds(behind) else []
        try:
            return self.reader.facts([*run, *known]) if self.tells else ()
        except (ProgramMissing, ProgramFailed, OSError) as error:
            self._fall_silent(error)
            return ()
        finally:  # the last one is read with the next run
            self.reader.drop([*([before] if before else ()), *run[:-1], *known])

    def _fall_silent(self, error: Exception) -> None:
        self.tells = False
        self.progress.note(f"a restore to a time will have to read tonight's WAL itself: {error}")
