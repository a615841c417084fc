"""Hands one WAL file to a recovery: from the vault that was chosen, or from the other one where that fails.

What makes a tablespace is changed on the way, so that it makes it inside of the data directory that recovers.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.fallback import FallbackArchive
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.wal.names import SystemIdentifier, is_segment
from muniment.errors import Damaged, ObjectMissing, WalGap
from muniment.runbooks.identity import prove_vault, wrong_cluster
from muniment.runbooks.wal.replayable import Archived


@dataclass(frozen=True, slots=True)
class WalFetcher:
    """The preferred vault decides what is in the archive and what is not."""

    archive: FallbackArchive

    def substituted(self, name: str) -> str | None:
        """Why the file was taken from the other vault; ``None`` where it was not."""
        found = self.archive.vaults.substitution(name)
        return f"taken from {found.taken_from}: {found.reason}" if found else None

    def read(self, name: str) -> bytes | None:
        """The plain file as a restored server may replay it, ``None`` where the archive ends before it.

        Raises ``WalGap`` where later segments of its timeline are there, and what ``FallbackVault`` raises where
        neither vault has it whole.
        """
        content = self._archived(name)
        if content is None:
            self._prove_end(name)
            return None
        return Archived(self._beside, self.archive.preferred.files).replayable(name, content).content

    def _beside(self, name: str) -> bytes | None:
        with suppress(Damaged):
            return self._archived(name)
        return None

    def _archived(self, name: str) -> bytes | None:
        """``None`` where it is missing from preferred, and the other vault does not have it or does not answer."""
        with suppress(ObjectMissing):
            return self.archive.read(name)
        return None

    def _prove_end(self, name: str) -> None:
        """Recovery that ended at a gap would open the server with the rest lost, and nobody would know."""
        if not is_segment(name):
            return
        behind = (found.key.rsplit("/", 1)[1] for found in self._behind(name))
        later = next((each for each in behind if is_segment(each)), None)
        if later:
            raise WalGap(firm=self.archive.preferred.vault.firm, count=1, first=name, last=later, missing=name)

    def _behind(self, name: str) -> Iterator[ObjectVersion]:
        archive = self.archive.preferred
        folder = archive.key(name).rsplit("/", 1)[0] + "/"
        return archive.vault.list(folder, after=archive.key(name))


def open_fetcher(
    preferred: Vault, fallback: Vault, *, data_directory_belongs_to: SystemIdentifier | None
) -> WalFetcher:
    """The archive of the cluster that recovers, which may be one that was replaced since.

    Raises ``WrongVault`` or ``WrongCluster`` before anything is handed out.
    """
    vaults = FallbackVault(preferred, fallback)
    mark = vaults.read(keys.FIRM, prove_vault)
    cluster = data_directory_belongs_to or mark.system_identifier
    if cluster not in mark.clusters:
        raise wrong_cluster(mark, "the data directory", cluster)
    return WalFetcher(FallbackArchive(vaults, cluster))
