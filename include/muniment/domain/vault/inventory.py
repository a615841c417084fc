"""What lies in one vault, as LIST tells it and as its registers explain it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, Self

from muniment.domain.holds.hold import Hold
from muniment.domain.leases.lease import Standing
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.named_documents import NamedDocuments
from muniment.domain.vault.registers import Backup, Point
from muniment.domain.wal.names import Lsn, SystemIdentifier, WalSegment, is_history, is_segment

type Kind = Literal["point", "snapshot", "config", "backup", "wal", "document", "ledger"]

KINDS: tuple[Kind, ...] = ("point", "snapshot", "config", "backup", "wal", "document", "ledger")
_PREFIXES: dict[Kind, str] = {
    "point": keys.POINTS,
    "snapshot": keys.DOCUMENT_SNAPSHOTS,
    "config": keys.CONFIGS,
    "backup": keys.BASE,
    "wal": keys.WAL,
    "document": keys.DOCUMENT_OBJECTS,
    "ledger": keys.VERIFIED_WAL,
}
PREFIXES = tuple(_PREFIXES.values())
"""All that retention ever looks at: firm.json, restore-kit/, holds/, drills/, acts/, restores/ and the rest of audit/
are not its own."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is kept or goes as one: a point, a backup with all its chunks, a WAL file, a document version."""

    kind: Kind
    id: str
    versions: tuple[ObjectVersion, ...]

    @property
    def size_bytes(self) -> int:
        return sum(version.size_bytes for version in self.versions)

    @property
    def first_at(self) -> datetime:
        return min(version.modified_at for version in self.versions)

    @property
    def last_at(self) -> datetime:
        return max(version.modified_at for version in self.versions)

    @property
    def last_key(self) -> str:
        """The object that was written last, whose lock ends last: a backup's is its register. Times have seconds."""
        return max(self.versions, key=lambda version: (is_register(version), version.modified_at, version.key)).key


def is_register(version: ObjectVersion) -> bool:
    """Of a base backup."""
    return version.key.startswith(keys.BASE) and version.key.endswith("/backup.json")


def group_versions(versions: Iterable[ObjectVersion]) -> tuple[Group, ...]:
    """Groups in the order of ``KINDS``, each kind by id. Keys of other kinds are left out."""
    gathered: dict[tuple[int, str], list[ObjectVersion]] = {}
    for version in versions:
        named = _kind_and_id(version.key)
        if named:
            gathered.setdefault((KINDS.index(named[0]), named[1]), []).append(version)
    return tuple(Group(KINDS[kind], name, tuple(gathered[kind, name])) for kind, name in sorted(gathered))


def _kind_and_id(key: str) -> tuple[Kind, str] | None:
    for kind, prefix in _PREFIXES.items():
        if key.startswith(prefix):
            rest = key.removeprefix(prefix)
            return kind, (rest.split("/")[0] if kind == "backup" else rest.removesuffix(".json"))
    return None


@dataclass(frozen=True, slots=True)
class WalFile:
    """A file of the archive: ``number`` is ``None`` for what lies at no position, a history file for one."""

    system_identifier: SystemIdentifier
    name: str
    number: int | None

    @classmethod
    def of(cls, group_id: str, segment_bytes: Mapping[SystemIdentifier, int]) -> Self:
        """``group_id`` is the key behind ``wal/``. A label or a partial segment lies where its segment does."""
        system_text, _, rest = group_id.partition("/")
        system, name = int(system_text) if system_text.isdecimal() else 0, rest.rpartition("/")[2]
        size = segment_bytes.get(system)
        at = WalSegment.parse(name[:24], size).number if size and is_segment(name[:24]) else None
        return cls(system, name, at)

    @property
    def position(self) -> str | None:
        """The sixteen digits that tell where it lies, whatever the segments' size; they sort as positions do."""
        return self.name[8:24] if is_segment(self.name[:24]) else None

    @property
    def is_history(self) -> bool:
        return is_history(self.name)

    @property
    def is_segment(self) -> bool:
        return is_segment(self.name)


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What retention and the copy need to know of a registered base backup; its tar members are many and not needed."""

    id: str
    point: str
    parent: str | None
    system_identifier: SystemIdentifier
    segment_bytes: int
    start: Lsn
    stop: Lsn
    finished_at: datetime
    keys: tuple[str, ...]

    @classmethod
    def of(cls, backup: Backup) -> Self:
        return cls(
            id=backup.id,
            point=backup.point,
            parent=backup.parent,
            system_identifier=backup.system_identifier,
            segment_bytes=backup.wal_segment_bytes,
            start=backup.start_lsn,
            stop=backup.stop_lsn,
            finished_at=backup.finished_at,
            keys=(*backup.keys(), keys.backup_register(backup.id)),
        )


@dataclass(frozen=True)
class Inventory:
    """One vault at one moment. ``leases``: of both vaults, those that stand. ``serving``: the firm's cluster now;
    ``None``: the newest point's."""

    bucket: str
    versions: tuple[ObjectVersion, ...]
    points: tuple[Point, ...]
    backups: Mapping[str, BackupFacts]
    documents: NamedDocuments
    holds: tuple[Hold, ...] = ()
    leases: tuple[Standing, ...] = ()
    serving: SystemIdentifier | None = None

    @cached_property
    def present(self) -> frozenset[str]:
        """Keys that can be read."""
        return frozenset(version.key for version in self.versions if version.is_current)

    @cached_property
    def incomplete_snapshots(self) -> frozenset[str]:
        """Of which some object is missing here."""
        return self.documents.incomplete(key for key in self.present if key.startswith(keys.DOCUMENT_OBJECTS))

    @cached_property
    def segments(self) -> dict[SystemIdentifier, set[int]]:
        """The WAL segments that can be read, by number, of each cluster that has a registered backup."""
        found: dict[SystemIdentifier, set[int]] = {}
        sizes = self.segment_bytes
        for key in self.present:
            if key.startswith(keys.WAL):
                file = WalFile.of(key.removeprefix(keys.WAL), sizes)
                if file.number is not None and file.is_segment:
                    found.setdefault(file.system_identifier, set()).add(file.number)
        return found

    @cached_property
    def segment_bytes(self) -> dict[SystemIdentifier, int]:
        return {backup.system_identifier: backup.segment_bytes for backup in self.backups.values()}
