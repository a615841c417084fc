"""The JSON documents that make a backup, a snapshot and a recovery point exist.

Each is written last, once, and only after everything that it names was read back. docs/vault-format.md describes the
same fields for whoever writes another reader. Times are aware UTC datetimes, sizes are bytes, sha256 is lower-case hex.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, ConfigDict
from pydantic.dataclasses import dataclass

from muniment.domain.record import Record
from muniment.domain.vault.incomplete import Incomplete, UnreadDocument
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn

FORMAT = 1

CLOCKS_DIFFER = timedelta(hours=1)
"""By how much the clocks may differ whose times meet in one vault: a worker's, a database server's, S3's."""

type Measured = tuple[datetime, Lsn, str]
"""What points, backups and snapshots are ordered by: when, at which position, and the id where both are the same.

An id alone tells no order: a scheduled run that starts late is named after the hour that it was due at.
"""


class Chunk(Record):
    """One S3 object: ``encrypt(zstd(archive[offset : offset + size_bytes]))``; ``sha256`` is the stored bytes'."""

    key: str
    offset: int
    size_bytes: int
    stored_bytes: int
    sha256: str


class TarMember(Record):
    """One file inside an archive: ``offset`` is where its header begins, ``size_bytes`` its content's length."""

    name: str
    offset: int
    size_bytes: int


class Tablespace(Record):
    oid: int
    location: str


class Archive(Record):
    """One tar: ``base`` or, named by its OID, a tablespace."""

    name: str
    tablespace: Tablespace | None = None
    size_bytes: int
    chunks: tuple[Chunk, ...]
    members: tuple[TarMember, ...]


class StoredFile(Record):
    """A sealed object that is not a chunk: ``encrypt(zstd(content))``."""

    key: str
    size_bytes: int
    stored_bytes: int
    sha256: str


class Backup(Record):
    """``backup.json``: one registered base backup."""

    format: Literal[1] = 1
    id: str
    firm: str
    point: str
    kind: Literal["full", "incremental"]
    parent: str | None = None
    system_identifier: int
    server_version: int
    wal_segment_bytes: int
    collations: tuple[str, ...] = ()
    """By what its databases were sorted (``libc 2.36``, ``icu 153.120``); none in backups from before it was kept."""
    timeline: int
    start_lsn: LsnText
    stop_lsn: LsnText
    stop_timeline: int
    started_at: AwareDatetime
    finished_at: AwareDatetime
    slice_bytes: int
    zstd_level: int
    archives: tuple[Archive, ...]
    manifest: StoredFile
    left_out: tuple[str, ...] = ()
    """Links of the data directory, by their names there: PostgreSQL sends none, nor what they lead to."""
    damaged: tuple[str, ...] = ()
    """Files in which PostgreSQL found damaged pages, and a person took the backup all the same."""

    @property
    def size_bytes(self) -> int:
        return sum(archive.size_bytes for archive in self.archives)

    @property
    def measured(self) -> Measured:
        return self.finished_at, self.stop_lsn, self.id

    @property
    def stored_bytes(self) -> int:
        return self.manifest.stored_bytes + sum(c.stored_bytes for a in self.archives for c in a.chunks)

    def keys(self) -> tuple[str, ...]:
        """Every object that this register names, its own excepted."""
        return (self.manifest.key, *(c.key for a in self.archives for c in a.chunks))


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class DocumentVersion:
    """One document as it was current at the snapshot's instant, and the vault object that holds its bytes.

    A dataclass, because a firm may have a million: a pydantic model takes three times the memory.
    """

    bucket: str
    key: str
    version_id: str
    size_bytes: int
    etag: str
    modified_at: AwareDatetime
    object: str
    sha256: str | None = None
    """As S3 computed it when the copy was made, or as it was read then where S3 keeps none of the whole, which is so
    for what is copied in parts; ``None`` in snapshots from before it was read."""
    locked_until: AwareDatetime | None = None
    """Object Lock's end in both vaults."""


class DeletedDocument(Record):
    bucket: str
    key: str
    deleted_at: AwareDatetime


class DocumentChanges(Record):
    """What became of the documents that the snapshot before had as current. One whose contents are there under another
    key has not vanished."""

    before: int
    overwritten: int
    vanished: int


class SnapshotHead(Record):
    """What a snapshot's first bytes tell, without its documents."""

    format: Literal[1] = 1
    id: str
    firm: str
    taken_at: AwareDatetime
    previous: str | None = None
    changes: DocumentChanges | None = None
    """Since ``previous``; ``None`` in the first snapshot, and in those from before this was kept."""

    @property
    def measured(self) -> Measured:
        return self.taken_at, Lsn(0), self.id


class DocumentSnapshot(SnapshotHead):
    """Every document version that was current at ``taken_at``, and what was deleted since the snapshot before."""

    documents: tuple[DocumentVersion, ...]
    superseded: tuple[DocumentVersion, ...] = ()
    """Versions that came after ``previous`` and were overwritten or deleted before ``taken_at``."""
    deleted: tuple[DeletedDocument, ...] = ()
    unread: tuple[UnreadDocument, ...] = ()
    """Versions that were there and could not be read: in no vault, and no damage of the vault's."""

    @property
    def versions(self) -> Iterator[DocumentVersion]:
        """All whose objects must be kept, copied and verified as long as this snapshot is."""
        yield from self.documents
        yield from self.superseded

    @property
    def size_bytes(self) -> int:
        return sum(version.size_bytes for version in self.documents)


class RecoveryWindow(Record):
    """Any instant from ``start_lsn`` (a backup's stop) to ``end_lsn`` (the archive's continuous end) is restorable."""

    backup: str
    timeline: int
    start_lsn: LsnText
    end_lsn: LsnText
    start_at: AwareDatetime
    end_at: AwareDatetime | None = None


class ControlTotals(Record):
    """Numbers read from the live database in one snapshot at ``lsn``: compared after a restore, to the cent.

    A restore with ``recovery_target_lsn = lsn`` and ``recovery_target_inclusive = off`` sees the same rows, where
    ``exact`` says so; see adapters/postgres/control_totals.py.
    """

    lsn: LsnText
    exact: bool = True
    """False: the server was so busy that some transaction may lie on the other side of ``lsn``."""
    read_at: AwareDatetime
    counts: dict[str, int]
    sums: dict[str, str]


class WalRange(Record):
    timeline: int
    first_segment: str
    last_segment: str
    through_lsn: LsnText


class WalHole(Record):
    """No instant between these two can be restored: WAL in between is lost."""

    start_at: AwareDatetime
    end_at: AwareDatetime

    def __str__(self) -> str:
        return (
            f"no instant between {self.start_at:%Y-%m-%d %H:%M:%S} and {self.end_at:%Y-%m-%d %H:%M:%S} can be restored"
        )


class ClusterDatabase(Record):
    """What a database needs of the machine that opens it, as pg_database has it."""

    name: str
    encoding: str
    collate: str
    ctype: str
    provider: Literal["libc", "icu", "builtin"]
    locale: str | None = None
    """ICU's or the builtin provider's."""
    is_open: bool
    """False: nobody may connect to it, or an interrupted DROP DATABASE has left it invalid."""


class Point(Record):
    """``points/<id>.json``: base backup + WAL range + document snapshot + config snapshot of one night."""

    format: Literal[1] = 1
    id: str
    firm: str
    run: str
    began_at: AwareDatetime | None = None
    """When its base backup began, which ended at ``taken_at``; ``None`` in points from before this was kept."""
    taken_at: AwareDatetime
    registered_at: AwareDatetime
    system_identifier: int
    chain: tuple[str, ...]
    """Backup ids from the full one to this night's own."""
    kind: Literal["full", "incremental"]
    size_bytes: int
    stored_bytes: int
    wal: WalRange
    windows: tuple[RecoveryWindow, ...]
    new_holes: tuple[WalHole, ...] = ()
    """Holes in the WAL before this point that the point before it did not know of; absent in older points."""
    effective_rpo_s: float
    documents: str
    document_count: int
    document_bytes: int
    document_changes: DocumentChanges | None = None
    """As its document snapshot has them."""
    config: str
    control_totals: ControlTotals
    extensions: tuple[str, ...] | None = None
    """``name version`` of each extension of any database; ``None`` in points from before this was kept."""
    databases: tuple[ClusterDatabase, ...] | None = None
    """All but template0; ``None`` in points from before this was kept."""
    verified_primary_at: AwareDatetime
    verified_replica_at: AwareDatetime | None
    """``None``: that region did not answer. A later night may have brought it: the replica has its register then."""
    incomplete: Incomplete | None = None
    """What could not be read that night and is not in it; ``None``: all that the firm's file names is."""

    @property
    def is_damaged(self) -> bool:
        """A person took it although PostgreSQL found damaged pages: it is no verified point."""
        return self.incomplete is not None and self.incomplete.damages

    @property
    def backup(self) -> str:
        return self.chain[-1]

    @property
    def measured(self) -> Measured:
        return self.taken_at, self.control_totals.lsn, self.id
