"""One cluster's WAL as two vaults hold it together: what one lacks or has damaged, the other may have whole."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.wal_coverage import Archive, TimelineHistory
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.wal.names import WalSegment, is_history
from muniment.errors import MunimentError


@dataclass(frozen=True, slots=True)
class EitherArchive:
    """``home`` is asked first for a file. ``other`` may be gone with its region; without it nobody helps out."""

    home: WalArchive
    other: WalArchive | None = None

    def files(self) -> Mapping[str, ObjectVersion]:
        """Every file of either by its name; home's word where both have one.

        An ``other`` that does not answer raises: a listing without it would look like a hole in the archive.
        """
        lent = self.other.files() if self.other is not None else {}
        return {**lent, **self.home.files()}

    def archive(self, names: Iterable[str], segment_bytes: int) -> Archive:
        names = list(names)
        return Archive.of(names, map(self.history, filter(is_history, names)), segment_bytes)

    def history(self, name: str) -> TimelineHistory:
        return self._either(lambda each: each.history(name))

    def read(self, name: str) -> bytes:
        """The plain file. Raises home's error where neither has it whole."""
        return self._either(lambda each: each.read(name))

    def written_at(self, segment: WalSegment) -> datetime:
        return self._either(lambda each: each.written_at(segment))

    def _either[T](self, ask: Callable[[WalArchive], T]) -> T:
        try:
            return ask(self.home)
        except MunimentError as error:
            if self.other is None:
                raise
            with suppress(MunimentError):
                return ask(self.other)
            raise error from None
