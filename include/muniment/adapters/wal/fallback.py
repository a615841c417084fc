"""One cluster's WAL as two vaults hold it together: what one lacks or has damaged, the other may have whole."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.wal_coverage import Archive, TimelineHistory
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.wal.names import SystemIdentifier, WalSegment, is_history


@dataclass(frozen=True, slots=True)
class FallbackArchive:
    """File by file by the rule of ``FallbackVault``."""

    vaults: FallbackVault
    system_identifier: SystemIdentifier

    @property
    def preferred(self) -> WalArchive:
        return WalArchive(self.vaults.preferred, self.system_identifier)

    def with_lent(self, own: Mapping[str, ObjectVersion]) -> Mapping[str, ObjectVersion]:
        """Every file of either by its name: ``own``, as preferred has listed them, and what else fallback has.

        A fallback that does not answer raises: a listing without it would look like a hole in the archive.
        """
        fallback = self.vaults.fallback
        lent = WalArchive(fallback, self.system_identifier).files() if fallback is not None else {}
        return {**lent, **own}

    def archive(self, names: Iterable[str], segment_bytes: int) -> Archive:
        names = list(names)
        return Archive.of(names, map(self.history, filter(is_history, names)), segment_bytes)

    def history(self, name: str) -> TimelineHistory:
        return self._of(name, lambda each: each.history(name))

    def read(self, name: str) -> bytes:
        """The plain file."""
        return self._of(name, lambda each: each.read(name))

    def written_at(self, segment: WalSegment) -> datetime:
        return self._of(segment.name, lambda each: each.written_at(segment))

    def _of[T](self, name: str, ask: Callable[[WalArchive], T]) -> T:
        return self.vaults.read(name, lambda vault: ask(WalArchive(vault, self.system_identifier)))
