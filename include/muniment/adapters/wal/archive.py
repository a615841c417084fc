"""One cluster's WAL archive in one vault: what is there, and whether a file's bytes are what was pushed."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.vault.vault import Vault
from muniment.domain.recovery.wal_coverage import Archive, TimelineHistory
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.wal.names import SegmentHeader, SystemIdentifier, WalSegment, is_history, is_label
from muniment.errors import WalSegmentInvalid

# Metadata of each WAL object: the plain file's sha256 (hex), and its mtime on the server (ISO 8601, UTC).
SHA256 = "sha256"
WRITTEN_AT = "written-at"
# And of pg_wal when it was pushed, in bytes: free on its file system, and all of its files. What tells no pg_wal has
# neither: a file that a person pushed from elsewhere.
FREE_BYTES = "free-bytes"
PG_WAL_BYTES = "pg-wal-bytes"


@dataclass(frozen=True, slots=True)
class WalArchive:
    """One vault's ``wal/<system identifier>/``."""

    vault: Vault
    system_identifier: SystemIdentifier

    def key(self, name: str) -> str:
        return keys.wal(self.system_identifier, name)

    def files(self) -> Mapping[str, ObjectVersion]:
        """Every file by its name, in order."""
        found = self.vault.list(keys.wal_prefix(self.system_identifier))
        return {item.key.rsplit("/", 1)[1]: item for item in found}

    def read(self, name: str) -> bytes:
        """The plain file. Raises ``ObjectMissing``, ``ObjectDamaged`` or ``WalSegmentInvalid``."""
        return self.proven(name)[1]

    def proven(self, name: str) -> tuple[bytes, bytes]:
        """As it is stored, and the plain file. Raises what ``read`` raises."""
        there = self.vault.find(self.key(name))
        stored = self.vault.get(self.key(name), sha256=there.sha256)
        content = self.vault.unseal(self.key(name), stored)
        if there.metadata.get(SHA256) != hashlib.sha256(content).hexdigest():
            reason = "its contents are not those that were pushed"
            raise self.vault.damaged(self.key(name), reason)
        prove_segment(name, content, self.system_identifier)
        return stored, content

    def archive(self, names: Iterable[str], segment_bytes: int) -> Archive:
        """``names`` as values; the history files among them are read."""
        names = list(names)
        histories = [self.history(name) for name in names if is_history(name)]
        return Archive.of(names, histories, segment_bytes)

    def written_at(self, segment: WalSegment) -> datetime:
        """When the server wrote to this segment last: no commit in it is younger."""
        there = self.vault.find(self.key(segment.name))
        told = there.metadata.get(WRITTEN_AT)
        return datetime.fromisoformat(told) if told else there.modified_at

    def history(self, name: str) -> TimelineHistory:
        """Of a history file. Raises ``ObjectMissing`` or ``ObjectDamaged``."""
        content = self.vault.get_sealed(self.key(name))
        try:
            return TimelineHistory.parse(int(name[:8], 16), content.decode())
        except ValueError as error:
            raise self.vault.damaged(self.key(name), error) from error


def prove_segment(name: str, content: bytes, system_identifier: SystemIdentifier) -> None:
    """Raises ``WalSegmentInvalid`` for a segment, whole or partial, whose header belongs elsewhere."""
    if is_history(name) or is_label(name):
        return
    try:
        fault = SegmentHeader.parse(content).fault(name, system_identifier, len(content))
    except ValueError as error:
        fault = str(error)
    if fault:
        raise WalSegmentInvalid(segment=name, reason=fault)
