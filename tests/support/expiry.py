"""Nights that expire is shown, on two real vaults, and what it leaves."""

from collections.abc import Callable
from datetime import datetime, timedelta

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.retention.plan import ExpiryPlan
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.ports import utc_now
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from tests.fixtures.sites import SiteFactory
from tests.support.nights import Nights, copy_proof, wal_proof

KINDS = (keys.POINTS, keys.BASE, keys.WAL, keys.DOCUMENT_OBJECTS, keys.DOCUMENT_SNAPSHOTS, keys.CONFIGS)
# The policy keeps ten days; nights lie further back than the grace, so that only reasons decide.
RETENTION = timedelta(days=10)


def expiring_site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none", retention=RETENTION, point_in_time_window=timedelta(0))


def night(nights: Nights, days_ago: float, *, parent: Backup | None = None, documents: tuple[str, ...] = ()) -> Backup:
    site = nights.site
    at = utc_now() - timedelta(days=days_ago)
    backup = nights.take(at, parent=parent, documents=documents)
    copy_to_replica(site, backup_id=backup.id, snapshot_id=backup.point, config_id=backup.point, clock=utc_now)
    register_recovery_point(
        site,
        point_id=backup.point,
        run="test",
        backup_id=backup.id,
        wal=wal_proof(backup, at),
        copy=copy_proof(at),
        clock=utc_now,
    )
    return backup


def later() -> datetime:
    """After the grace: S3 stamped everything with the real time, a moment ago."""
    return utc_now() + timedelta(days=3)


def run(site: Site, backup: Backup, *, clock: Callable[[], datetime] = later, dry_run: bool = False) -> ExpiryPlan:
    return expire(site, point_id=backup.point, clock=clock, dry_run=dry_run)


def held(vault: Vault) -> set[str]:
    return {item.key for item in vault.list_versions("") if item.key.startswith(KINDS)}
