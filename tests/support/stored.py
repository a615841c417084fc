"""A recovery point made by hand, for tests of what reads it: the chain's own steps have tests of their own."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import SHA256, WRITTEN_AT
from muniment.domain.restore.plan import RestorePlan, WalToReplay
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, DocumentSnapshot, Point, WalRange
from muniment.domain.wal.names import WalSegment
from muniment.ports import utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from tests.support.points import make_point


def archive_to(folder: Path) -> str:
    """An archive_command that keeps WAL in a folder, so that a restore can be tested without our archive."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return f"cp %p {folder}/%f"


def restore_from(folder: Path) -> list[str]:
    return ["cp", f"{folder}/%f", "%p"]


def back_up(site: Site, point_id: str, *, full: bool = False) -> Point:
    """A base backup, its WAL, and a point that names it."""
    backup = back_up_cluster(site, point_id=point_id, full=full, clock=utc_now)
    site.postgres.row("SELECT pg_switch_wal()")
    point = _point(site, backup, point_id)
    _push_wal(site, point, backup.wal_segment_bytes)
    for vault in site.vaults[:1]:
        snapshot = DocumentSnapshot(id=point_id, firm=site.firm.id, taken_at=point.taken_at, documents=())
        vault.put_sealed(keys.document_snapshot(point_id), snapshot.to_json(), locked_until=None)
        vault.put_sealed(keys.config(point_id), b"{}", locked_until=None)
        vault.put_register(keys.point(point_id), point, locked_until=None)
    return point


def _push_wal(site: Site, point: Point, segment_bytes: int) -> None:
    """Out of the server's own folder, where it is until a checkpoint."""
    folder = Path(str(site.postgres.row("SHOW data_directory")["data_directory"])) / "pg_wal"
    first, last = (WalSegment.parse(name, segment_bytes) for name in (point.wal.first_segment, point.wal.last_segment))
    for segment in first.through(last):
        content = (folder / segment.name).read_bytes()
        metadata = {SHA256: hashlib.sha256(content).hexdigest(), WRITTEN_AT: point.taken_at.isoformat()}
        key = keys.wal(point.system_identifier, segment.name)
        if site.primary.head(key) is None:
            site.primary.put_sealed(key, content, locked_until=None, metadata=metadata)


def _point(site: Site, backup: Backup, point_id: str) -> Point:
    first = WalSegment.holding(backup.start_lsn, backup.timeline, backup.wal_segment_bytes)
    last = WalSegment.ending(backup.stop_lsn, backup.timeline, backup.wal_segment_bytes)
    return make_point(
        point_id,
        WalRange(
            timeline=backup.timeline, first_segment=first.name, last_segment=last.name, through_lsn=backup.stop_lsn
        ),
        at=datetime.now(UTC),
        firm=site.firm.id,
        system_identifier=backup.system_identifier,
        chain=tuple(each.id for each in catalog.chain_of(site.primary, backup)),
        kind=backup.kind,
        size_bytes=backup.size_bytes,
        stored_bytes=backup.stored_bytes,
    )


def plan_for(
    vault: Vault, point: Point, into: Path, settings: Mapping[str, str] | None = None, *, side: Side = "primary"
) -> RestorePlan:
    """As plan_restore makes it for ``latest``, without looking at an archive: these tests keep WAL in a folder."""
    version = catalog.find_backup(vault, point.backup).server_version
    return RestorePlan(
        id=point.id,
        firm=vault.firm,
        made_at=point.taken_at,
        target="latest",
        settings={"recovery_target_timeline": "latest", **(settings or {})},
        side=side,
        vault=vault.bucket,
        region=vault.region,
        point=point.id,
        chain=point.chain,
        server_version=version,
        timeline=point.wal.timeline,
        history=point.wal.timeline,
        serving=point.wal.timeline,
        replay=WalToReplay(wal=point.wal, segments=1, stored_bytes=0),
        config=point.config,
        into=str(into),
        fetch_bytes=point.stored_bytes,
        space_needed_bytes=point.size_bytes,
    )


def rows(cluster: LocalCluster, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []
