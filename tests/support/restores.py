"""A firm with a full backup and an increment in many small chunks, in both vaults, and what proves a restore of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_vault
from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import Substitution
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import BaseBackups
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault.registers import Backup, Point
from muniment.runbooks.restore.restore_cluster import RestoredCluster, restore_cluster
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS, SiteFactory
from tests.support.stored import archive_to, back_up, plan_for, restore_from, rows
from tests.support.wal import eventually

SLICE_BYTES = 2**20
ROWS = 20_000


@dataclass(frozen=True)
class Stored:
    """``full`` and ``increment`` are points; the second one has ten rows more."""

    site: Site
    source: LocalCluster
    full: Point
    increment: Point
    wal: Path

    def plan(self, point: Point, into: Path) -> RestorePlan:
        return plan_for(self.site.primary, point, into)

    def backup(self, point: Point) -> Backup:
        return catalog.find_backup(self.site.primary, point.backup)

    def through(self, store: FaultProxy) -> Vault:
        """The primary vault, its store behind another address."""
        logins = LOGINS[self.site.firm.id]["aws"]
        login: Login = replace(logins, extra={**logins.extra, "endpoint_url": store.endpoint_url})
        return build_vault(self.site.firm, "primary", login.clients())

    def restore(self, plan: RestorePlan, vault: Vault | None = None, **options: object) -> RestoredCluster:
        command = restore_from(self.wal)
        return restore_cluster(vault or self.site.primary, plan, restore_command=command, **options)  # type: ignore[arg-type]


def stored_firm(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs: PostgresPrograms, run_dir: Path
) -> Stored:
    name = f"restores-{programs.major}"
    source = cluster_factory(programs, archive_command=archive_to(run_dir / name / "wal"))
    rows(source, f"CREATE TABLE matter AS SELECT n AS id, md5(n::text) AS title FROM generate_series(1, {ROWS}) n")
    # Smaller than a policy may say, so that a small cluster has many chunks.
    small = BaseBackups().model_copy(update={"slice_size": SLICE_BYTES})
    site = site_factory(source, base_backups=small)
    full = back_up(site, "20261120T080000000Z")
    rows(source, "INSERT INTO matter SELECT -n FROM generate_series(1, 10) n")
    increment = back_up(site, "20261121T080000000Z")
    for item in site.primary.list("base/"):
        site.replica.put(item.key, site.primary.get(item.key), locked_until=None)
    return Stored(site, source, full, increment, run_dir / name / "wal")


def prove_whole(restored: RestoredCluster, programs: PostgresPrograms) -> None:
    """PostgreSQL's own word, and nothing left over."""
    programs.run("pg_verifybackup", "--no-parse-wal", "--ignore=tablespace_map", restored.data_dir)
    assert not (restored.data_dir / ".muniment").exists()


@contextmanager
def serving(restored: RestoredCluster, programs: PostgresPrograms) -> Iterator[LocalCluster]:
    """The server, behind its recovery's end."""
    access = restored.data_dir.with_name(f"{restored.data_dir.name}.hba")
    access.write_text("host all all 127.0.0.1/32 trust\n")
    access.chmod(0o644)
    cluster = LocalCluster(restored.data_dir, programs)
    try:
        cluster.start(enforced={"hba_file": str(access)})
        eventually(lambda: has_recovered(cluster))
        yield cluster
    finally:
        cluster.kill()


def has_recovered(cluster: LocalCluster) -> bool:
    try:
        return rows(cluster, "SELECT pg_is_in_recovery()") == [(False,)]
    except psycopg.OperationalError:
        return False


def chunks_asked_for(store: FaultProxy, backup: Backup) -> list[str]:
    keys = {chunk.key for archive in backup.archives for chunk in archive.chunks}
    return [key for key in (line.partition("/")[2].partition("/")[2] for line in store.seen) if key in keys]


@dataclass
class Intruder:
    """Root of the cloud: does what a vault's rules forbid, and makes it good after the test."""

    cloud: Cloud
    spoilt: dict[tuple[str, str, str], tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    """What was there: bytes and metadata."""

    def damage(self, vault: Vault, key: str) -> None:
        body = bytearray(vault.get(key))
        body[len(body) // 2] ^= 1
        self.write(vault, key, bytes(body))

    def write(self, vault: Vault, key: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        """Beside it stays what was there, where nothing else is given."""
        self._remember(vault, key)
        told = self.spoilt[vault.region, vault.bucket, key][1] if metadata is None else metadata
        self.cloud.client("s3", vault.region).put_object(Bucket=vault.bucket, Key=key, Body=body, Metadata=told)

    def remove(self, vault: Vault, key: str) -> None:
        self._remember(vault, key)
        self.cloud.client("s3", vault.region).delete_object(Bucket=vault.bucket, Key=key)

    def make_good(self) -> None:
        for (region, bucket, key), (body, metadata) in self.spoilt.items():
            self.cloud.client("s3", region).put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)

    def _remember(self, vault: Vault, key: str) -> None:
        place = (vault.region, vault.bucket, key)
        if place not in self.spoilt:
            body, metadata = vault.read(key)
            self.spoilt[place] = body, dict(metadata)


def substitution(key: str, vault: Vault, other: Vault, reason: str) -> Substitution:
    return Substitution(key=key, bucket=vault.bucket, taken_from=other.bucket, reason=reason)
