"""Stores WAL files: the one that PostgreSQL names and, in the same breath, the others that wait."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from muniment.adapters.host.data_directory import data_directory_of, system_identifier_of
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import SHA256, WRITTEN_AT, prove_segment
from muniment.adapters.wal.space import space_of
from muniment.adapters.wal.spool import WalSpool, identity_of
from muniment.domain.firm.firm import Policy
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.wal.names import SegmentHeader, is_archivable, is_history, is_label
from muniment.errors import AlreadyRegistered, StoreUnavailable, WalConflict, WalSegmentInvalid
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault, wrong_cluster
from muniment.runbooks.wal.push_beside import Beside

# What is in memory at once is a segment's bytes, its compressed and its sealed form, for each worker.
_MEMORY_BYTES = 192 * 2**20
MOST_WORKERS = 8
# PostgreSQL's own archiver looks at 64 files before it reads the folder again (NUM_FILES_PER_DIRECTORY_SCAN).
MOST_IN_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class WalPusher:
    """What is the same for every file of one run. Make it with ``open_pusher``, which proves whose vault it is."""

    vault: Vault
    mark: FirmMark
    locked_until: datetime
    spool: WalSpool
    space: Mapping[str, str] = field(default_factory=dict)
    """Metadata: what room ``pg_wal`` had when the run began."""
    beside: Beside | None = None
    """The replica, where it is written as well."""

    @property
    def system_identifier(self) -> int:
        return self.mark.system_identifier

    def push(self, file: Path) -> str:
        """Stores one file and returns the identity of what was stored.

        Raises ``WalSegmentInvalid``, ``WrongCluster``, ``WalConflict`` and what a ``Vault`` raises. Once it has
        returned, S3 holds these bytes under this name: put there now, or before.
        """
        if not is_archivable(file.name):
            raise WalSegmentInvalid(segment=file.name, reason="this is no name of a WAL file")
        content, found = _read(file)
        self._prove_ours(file, content)
        digest = hashlib.sha256(content).hexdigest()
        written_at = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
        self._store(file.name, content, {SHA256: digest, WRITTEN_AT: written_at, **self.space})
        return identity_of(found)

    def _store(self, name: str, content: bytes, metadata: Mapping[str, str]) -> None:
        key = keys.wal(self.system_identifier, name)
        message = self.vault.seal(key, content)
        try:
            self.vault.put_message(key, message, locked_until=self.locked_until, metadata=metadata)
        except AlreadyRegistered:
            self._prove_same(key, name, metadata[SHA256])
            return
        if self.beside:
            self.beside.offer(key, message, locked_until=self.locked_until, metadata=metadata)

    def push_ahead(self, file: Path) -> None:
        """Stores a file that PostgreSQL has not named yet and leaves the acknowledgement for when it does."""
        identity = self.push(file)
        self.spool.acknowledge(file.name, identity)

    def _prove_ours(self, file: Path, content: bytes) -> None:
        if is_history(file.name) or is_label(file.name):
            return self._prove_cluster_of(file)
        self._prove_cluster(_system_identifier_in(content))
        return prove_segment(file.name, content, self.system_identifier)

    def _prove_cluster(self, actual: int | None) -> None:
        """What is no segment at all is told by ``prove_segment``."""
        if actual is not None and actual != self.system_identifier:
            raise wrong_cluster(self.mark, "pg_wal", actual)

    def _prove_cluster_of(self, file: Path) -> None:
        """History files and labels do not say whose they are; the data directory in which they lie does."""
        folder = data_directory_of(file)
        actual = system_identifier_of(folder) if folder else None
        if actual is None:
            reason = "it lies in no data directory, and the file itself does not tell whose it is"
            raise WalSegmentInvalid(segment=file.name, reason=reason)
        self._prove_cluster(actual)

    def _prove_same(self, key: str, name: str, digest: str) -> None:
        there = self.vault.head(key)
        if there is None:
            reason = "another write of the same object was under way"
            raise StoreUnavailable(
                service="S3", operation="PutObject", place=f"{self.vault.bucket}/{key}", reason=reason
            )
        if there.metadata.get(SHA256) != digest:
            raise WalConflict(segment=name, bucket=self.vault.bucket)


def open_pusher(
    vault: Vault,
    policy: Policy,
    spool: WalSpool,
    *,
    clock: Clock,
    folder: Path | None = None,
    replica: Vault | None = None,
) -> WalPusher:
    """Raises ``WrongVault`` before anything is written to another firm's. ``folder``: the server's ``pg_wal``.

    ``replica``: the other vault, to be asked with little patience; without it the primary alone is written.
    """
    mark = prove_vault(vault)
    return WalPusher(
        vault,
        mark,
        chain_locked_until(policy, clock()),
        spool,
        space_of(folder) if folder else {},
        Beside(replica, mark) if replica else None,
    )


@dataclass(slots=True)
class Batch:
    """A push under way: ``own`` alone decides what PostgreSQL is told."""

    own: Future[str]
    others: dict[str, Future[None]]
    pool: ThreadPoolExecutor

    def give_up(self) -> None:
        """Nothing more is begun; what is under way ends by itself."""
        self.pool.shutdown(wait=False, cancel_futures=True)


def push_wal(pusher: WalPusher, file: Path, *, at_most: int = MOST_IN_A_BATCH) -> Batch:
    """Begins to push ``file`` and, behind it and in order, the others that are ready."""
    waiting = islice(others_ready(file, pusher.spool), at_most)
    pool = ThreadPoolExecutor(workers_for(file.stat().st_size), "push")
    own = pool.submit(pusher.push, file)
    return Batch(own, {other.name: pool.submit(pusher.push_ahead, other) for other in waiting}, pool)


def workers_for(file_bytes: int) -> int:
    by_memory = _MEMORY_BYTES // (3 * max(file_bytes, 1))
    return max(1, min(MOST_WORKERS, 2 * (os.cpu_count() or 1), by_memory))


def others_ready(file: Path, spool: WalSpool) -> Iterator[Path]:
    """Files that PostgreSQL will name next: history files first, then oldest first, as its archiver goes."""
    ready = (file.parent / "archive_status").glob("*.ready")
    names = sorted((path.name.removesuffix(".ready") for path in ready), key=lambda name: (not is_history(name), name))
    for name in names:
        other = file.with_name(name)
        if name != file.name and is_archivable(name) and other.exists() and not spool.is_acknowledged(other):
            yield other


def _system_identifier_in(segment: bytes) -> int | None:
    with suppress(ValueError):
        return SegmentHeader.parse(segment).system_identifier
    return None


def _read(file: Path) -> tuple[bytes, os.stat_result]:
    """The bytes, and the identity that they had before and after."""
    with file.open("rb") as handle:
        before = os.fstat(handle.fileno())
        content = handle.read()
        after = os.fstat(handle.fileno())
    if identity_of(before) != identity_of(after) or len(content) != after.st_size:
        raise WalSegmentInvalid(segment=file.name, reason="it changed while it was read")
    return content, after
