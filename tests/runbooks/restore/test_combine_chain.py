"""A chain that was put together answers as the cluster did, by an index alone as by reading every row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.backup.combined_maps import PAGE_BYTES, blank_map, blank_page, untrusted_maps
from muniment.domain.vault.registers import Point
from muniment.errors import ProgramFailed
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.answers import index_only_count, sequential_count
from tests.support.kept import kept_where_it_differs
from tests.support.restores import prove_whole, serving
from tests.support.stored import archive_to, back_up, plan_for, restore_from, rows

pytestmark = pytest.mark.timeout(360)
ROWS = 2250
DELETED = 6


@pytest.fixture
def wal_folder(tmp_path: Path, run_dir: Path) -> Path:
    return run_dir / f"wal-{tmp_path.name}"


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs17: PostgresPrograms, wal_folder: Path) -> LocalCluster:
    """One table in the data directory and one in a tablespace, all of their pages marked as visible to everybody."""
    cluster = cluster_factory(programs17, archive_command=archive_to(wal_folder))
    place = cluster.data_dir.with_name("archive room")
    place.mkdir()
    cluster._hand_over(place)
    rows(cluster, f"CREATE TABLESPACE archive_room LOCATION '{place}'")
    for name, space in (("matter", "pg_default"), ("closed", "archive_room")):
        rows(cluster, f"CREATE TABLE {name} (id int) TABLESPACE {space}")
        rows(cluster, f"INSERT INTO {name} SELECT generate_series(1, {ROWS})")
        rows(cluster, f"CREATE UNIQUE INDEX ON {name} (id)")
        rows(cluster, f"VACUUM (ANALYZE) {name}")
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, source: LocalCluster) -> Site:
    return site_factory(source)


@pytest.fixture
def point(site: Site, source: LocalCluster) -> Point:
    """A full backup, six rows deleted of each table, an increment."""
    back_up(site, "20261120T080000000Z")
    for name in ("matter", "closed"):
        rows(source, f"DELETE FROM {name} WHERE id <= {DELETED}")
    return back_up(site, "20261121T080000000Z")


@pytest.fixture
def restored(
    site: Site, point: Point, run_dir: Path, programs17: PostgresPrograms, wal_folder: Path
) -> Iterator[LocalCluster]:
    plan = plan_for(site.primary, point, run_dir / site.firm.id / "data")
    found = restore_cluster(site.primary, plan, programs=programs17, restore_command=restore_from(wal_folder))
    prove_whole(found, programs17)
    with serving(found, programs17) as cluster:
        yield cluster


@pytest.mark.parametrize("table", ["matter", "closed"])
def test_what_was_deleted_before_an_increment_is_not_counted_after_a_restore(
    restored: LocalCluster, table: str
) -> None:
    assert sequential_count(restored, table) == ROWS - DELETED
    assert index_only_count(restored, table) == ROWS - DELETED


def test_nor_after_a_restore_over_the_stopped_cluster(
    site: Site, source: LocalCluster, point: Point, programs17: PostgresPrograms, wal_folder: Path
) -> None:
    """Its maps are as they should be; those of the chain take their place."""
    source.stop()
    plan, command = plan_for(site.primary, point, source.data_dir), restore_from(wal_folder)
    found = restore_cluster(site.primary, plan, programs=programs17, restore_command=command, delta=True)
    prove_whole(found, programs17)
    with serving(found, programs17) as cluster:
        for table in ("matter", "closed"):
            assert sequential_count(cluster, table) == index_only_count(cluster, table) == ROWS - DELETED


def test_what_differs_is_kept_and_its_place_is_said(site: Site, source: LocalCluster, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as raised, kept_where_it_differs(site, source, below=tmp_path):
        raise AssertionError
    (folder,) = tmp_path.iterdir()
    assert raised.value.__notes__ == [f"kept: {folder} (key of the vault: tests/golden/vaults.py)"]
    assert (folder / "vault" / "objects" / "firm.json").exists()
    assert (folder / "cluster-1" / "PG_VERSION").exists()


def test_every_map_that_an_increment_sent_in_part_is_known_from_the_registers(
    site: Site, source: LocalCluster, point: Point
) -> None:
    maps = untrusted_maps(tuple(catalog.find_backup(site.primary, backup) for backup in point.chain))
    named = {
        str(path)
        for (path,) in rows(
            source, "SELECT pg_relation_filepath(oid) || '_vm' FROM pg_class WHERE relname IN ('matter', 'closed')"
        )
    }
    assert named <= maps


def test_postgresql_finds_the_blank_pages_in_order(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """Their checksums, by its own program. Tried once up to the last page of a file, 131,071; that takes its time."""
    cluster = cluster_factory(programs17)
    cluster.stop()
    place = cluster.data_dir / "base" / "5" / "77777_vm"
    place.write_bytes(blank_map("base/5/77777_vm", blank_page(0), 300 * PAGE_BYTES))
    with place.open("r+b") as file:
        for number in (*(1 << bit for bit in range(9, 15)), 16_383, 20_000):
            file.seek(number * PAGE_BYTES)
            file.write(blank_page(number))
    cluster._hand_over(place)
    said = programs17.run("pg_checksums", "--check", "--filenode=77777", "-D", cluster.data_dir).stdout
    assert "Bad checksums:  0" in said
    place.write_bytes(blank_page(1))
    with pytest.raises(ProgramFailed, match="checksum verification failed in file"):
        programs17.run("pg_checksums", "--check", "--filenode=77777", "-D", cluster.data_dir)


def test_a_map_of_another_kind_is_made_anew() -> None:
    header = blank_page(0)[:24]
    assert blank_map("base/5/1_vm", header[:18] + b"\x04\x40" + header[20:], 2 * PAGE_BYTES) == b""
    assert blank_map("base/5/1_vm.1", header, 2 * PAGE_BYTES) == b""
    assert blank_map("base/5/1_vm", b"", 0) == b""
