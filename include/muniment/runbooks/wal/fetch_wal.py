"""Hands one WAL file to a recovery: from the vault that was chosen, or from the other one where that fails.

What makes a tablespace is changed on the way, so that it makes it inside of the data directory that recovers.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.wal.names import SystemIdentifier, is_segment
from muniment.errors import Damaged, MunimentError, ObjectMissing, Transient, WalGap, WrongCluster, WrongVault
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.wal.replayable import Archived


@dataclass(frozen=True, slots=True)
class WalFetcher:
    """``home`` decides what is in the archive and what is not; ``other`` helps out where home lacks or damages a file.

    A dead region is answered by choosing the other vault as home, not by taking its word against a silent one's. An
    other that did not answer once is not asked again: each file that is not there would wait for it.
    """

    home: WalArchive
    other: WalArchive
    substituted: dict[str, str] = field(default_factory=dict)
    """File → why it was taken from the other vault."""
    other_is_away: Event = field(default_factory=Event)

    def read(self, name: str) -> bytes | None:
        """The plain file as a restored server may replay it, ``None`` where the archive ends before it.

        Raises ``WalGap`` where later segments of its timeline are there, and home's error where neither has it whole.
        """
        content = self._archived(name)
        if content is None:
            self._prove_end(name)
            return None
        return Archived(self._beside, self.home.files).replayable(name, content).content

    def _beside(self, name: str) -> bytes | None:
        with suppress(Damaged):
            return self._archived(name)
        return None

    def _archived(self, name: str) -> bytes | None:
        """``None`` where neither has it. Raises home's error where neither has it whole."""
        try:
            return self.home.read(name)
        except MunimentError as error:
            first = error
        content = self._of_other(name, first)
        if content is not None:
            self.substituted[name] = f"taken from {self.other.vault.bucket}: {first.what}"
        return content

    def _of_other(self, name: str, first: MunimentError) -> bytes | None:
        """``None`` where home has no such file, and the other has none either or does not answer."""
        if self.other_is_away.is_set() and isinstance(first, ObjectMissing):
            return None
        try:
            return self.other.read(name)
        except ObjectMissing:
            if not isinstance(first, ObjectMissing):
                raise first from None
        except MunimentError as second:
            if not isinstance(first, ObjectMissing):
                raise first from second
            if not isinstance(second, Transient):
                raise second from first
            self.other_is_away.set()
        return None

    def _prove_end(self, name: str) -> None:
        """Recovery that ended at a gap would open the server with the rest lost, and nobody would know."""
        if not is_segment(name):
            return
        behind = (found.key.rsplit("/", 1)[1] for found in self._behind(name))
        later = next((each for each in behind if is_segment(each)), None)
        if later:
            raise WalGap(firm=self.home.vault.firm, count=1, first=name, last=later, missing=name)

    def _behind(self, name: str) -> Iterator[ObjectVersion]:
        folder = self.home.key(name).rsplit("/", 1)[0] + "/"
        return self.home.vault.list(folder, after=self.home.key(name))


def open_fetcher(home: Vault, other: Vault, *, data_directory_belongs_to: SystemIdentifier | None) -> WalFetcher:
    """Raises ``WrongVault`` or ``WrongCluster`` before anything is handed out."""
    mark = _first_mark((home, other))
    if data_directory_belongs_to not in (None, mark):
        raise WrongCluster(
            firm=home.firm, connection="the data directory", actual=data_directory_belongs_to, expected=mark
        )
    return WalFetcher(WalArchive(home, mark), WalArchive(other, mark))


def _first_mark(vaults: Sequence[Vault]) -> SystemIdentifier:
    """Home's word; the other vault's where home's region does not answer."""
    home, other = vaults
    try:
        return prove_vault(home).system_identifier
    except WrongVault:
        raise
    except MunimentError as error:
        try:
            return prove_vault(other).system_identifier
        except MunimentError:
            raise error from None
