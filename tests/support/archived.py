"""A firm with recovery points and the WAL behind them in its vault, archived without a process for each file."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import SHA256, WRITTEN_AT, WalArchive
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import ControlTotals, DocumentSnapshot, Point, WalRange
from muniment.domain.wal.facts import PAGE_BYTES
from muniment.domain.wal.names import Lsn, WalSegment, is_segment
from muniment.ports import Silent, utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.wal.verify_files import verify_new_files
from muniment.runbooks.wal.windows import windows_of
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.points import make_point
from tests.support.stored import archive_to, rows
from tests.support.wal import eventually, sql, status_files


@dataclass
class Archived:
    """``folder`` is where the server archives to; ``push`` brings what is there into the vaults."""

    site: Site
    cluster: LocalCluster
    folder: Path
    pushed: set[str] = field(default_factory=set)
    magic: int | None = None
    """Of another PostgreSQL, whose segments the pushed ones shall look like."""

    @classmethod
    def make(cls, site: Site, cluster: LocalCluster, folder: Path) -> "Archived":
        rows(cluster, "CREATE TABLE docket (id int PRIMARY KEY)")
        return cls(site, cluster, folder)

    @property
    def store(self) -> WalArchive:
        return WalArchive(self.site.primary, int(self.cluster.system_identifier()))

    def write(self, number: int) -> int:
        """One transaction; its id."""
        return int(rows(self.cluster, f"INSERT INTO docket VALUES ({number}) RETURNING xmin::text")[0][0])  # type: ignore[call-overload,no-any-return]

    def switch(self) -> Lsn:
        """Ends the segment behind a checkpoint and brings it into the vault; the position of the next one."""
        rows(self.cluster, "CHECKPOINT")
        ended = Lsn.parse(sql(self.cluster, "SELECT pg_switch_wal()::text"))
        self.push()
        return ended

    def push(self) -> None:
        eventually(lambda: not status_files(self.cluster, "ready"))
        for path in sorted(self.folder.iterdir()):
            if path.name not in self.pushed:
                self._store(path)

    def _store(self, path: Path) -> None:
        content = path.read_bytes()
        if self.magic is not None and is_segment(path.name):
            content = self.magic.to_bytes(2, "little") + content[2:]
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
        metadata = {SHA256: hashlib.sha256(content).hexdigest(), WRITTEN_AT: written_at}
        self.site.primary.put_sealed(self.store.key(path.name), content, locked_until=None, metadata=metadata)
        self.pushed.add(path.name)

    def verify(self) -> None:
        """The ledger of a night."""
        files = self.store.files()
        archive = self.store.archive(files, 2**20)
        verify_new_files(self.site, self.store, files, archive, clock=utc_now, progress=Silent())

    def delete(self, cloud: Cloud, name: str) -> None:
        """A segment is gone from the primary vault, as if it had never been archived."""
        s3, bucket = cloud.client("s3", self.site.primary.region), self.site.primary.bucket
        for found in list(self.site.primary.list_versions(self.store.key(name))):
            s3.delete_object(Bucket=bucket, Key=found.key, VersionId=found.version_id)

    def copy_to_replica(self, *, without: str) -> None:
        """The same keys with the same bytes."""
        primary, replica = self.site.vaults
        for found in primary.list(""):
            if not found.key.startswith(without) and replica.head(found.key) is None:
                there = primary.head(found.key)
                assert there is not None
                replica.put(found.key, primary.get(found.key), locked_until=None, metadata=there.metadata)

    def point(self, *, full: bool = False) -> Point:
        """Base backup, WAL, snapshot without documents, and the instant that control totals would be read at."""
        started = utc_now()
        backup = back_up_cluster(self.site, point_id=new_id(started), full=full, clock=utc_now)
        lsn = Lsn.parse(sql(self.cluster, "SELECT pg_current_wal_insert_lsn()::text"))
        self.switch()
        chain = catalog.chain_of(self.site.primary, backup)
        segment_bytes = backup.wal_segment_bytes
        first = WalSegment.holding(backup.start_lsn, backup.timeline, segment_bytes)
        last = WalSegment.ending(lsn, backup.stop_timeline, segment_bytes)
        point = make_point(
            backup.point,
            WalRange(timeline=last.timeline, first_segment=first.name, last_segment=last.name, through_lsn=last.end),
            at=utc_now(),
            firm=self.site.firm.id,
            taken_at=backup.finished_at,
            system_identifier=backup.system_identifier,
            chain=tuple(each.id for each in chain),
            kind=backup.kind,
            size_bytes=backup.size_bytes,
            stored_bytes=backup.stored_bytes,
            control_totals=ControlTotals(lsn=lsn, read_at=utc_now(), counts={}, sums={}),
            windows=windows_of(self.store, self.store.archive(self.store.files(), segment_bytes), (backup,)),
        )
        self.register(self.site.primary, point)
        return point

    def register(self, vault: Vault, point: Point) -> None:
        snapshot = DocumentSnapshot(id=point.documents, firm=point.firm, taken_at=point.taken_at, documents=())
        vault.put_sealed(keys.document_snapshot(point.documents), snapshot.to_json(), locked_until=None)
        vault.put_sealed(keys.config(point.config), b"{}", locked_until=None)
        vault.put_register(keys.point(point.id), point, locked_until=None)


def archived_firm(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs: object, folder: Path
) -> Archived:
    """Segments of 1 MiB, so that a test may write many."""
    cluster = cluster_factory(programs, wal_segment_size_mb=1, archive_command=archive_to(folder))  # type: ignore[arg-type]
    return Archived.make(site_factory(cluster), cluster, folder)


def commit_over_a_boundary(cluster: LocalCluster, segment_bytes: int) -> None:
    """A commit record whose first bytes are a segment's last. Wants a table ``matter (id int)``."""
    with psycopg.connect(cluster.conninfo()) as connection:

        def position() -> int:
            row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
            assert row is not None
            return int(row[0])

        def message(size_bytes: int) -> int:
            """Its overhead."""
            before = position()
            connection.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', %s::int))", (size_bytes,))
            return position() - before - size_bytes

        connection.execute("INSERT INTO matter VALUES (1)")
        while (left := -position() % segment_bytes) > PAGE_BYTES - 200:
            message(min(left - 4000, 4 * PAGE_BYTES) // 8 * 8)
        overhead = message(8)
        message(-position() % segment_bytes - overhead - 24)
        assert -position() % segment_bytes == 24
        connection.execute("COMMIT")
