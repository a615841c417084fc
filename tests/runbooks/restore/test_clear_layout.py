"""A cluster on several file systems, with links of its host's, is restored over as it lies, or not touched."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from muniment.adapters.host import file_systems
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.vault.registers import Point
from muniment.errors import LayoutNotRestorable, ProgramFailed
from muniment.ports import utc_now
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import own
from tests.support.living import digests, folder_of_the_firm
from tests.support.restores import serving
from tests.support.stored import archive_to, back_up, plan_for, restore_from, rows

pytestmark = pytest.mark.timeout(360)
ROWS = 2250


@pytest.fixture(scope="module")
def other_disk(run_dir: Path) -> Iterator[Path]:
    """A folder of another file system than the clusters'."""
    place = Path("/dev/shm") / f"muniment-test-{uuid4().hex[:8]}"
    place.mkdir(mode=0o755)
    if place.stat().st_dev == run_dir.stat().st_dev:
        pytest.skip("/dev/shm is no file system of its own here")
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def wal_folder(run_dir: Path) -> Path:
    return run_dir / "wal-of-layouts"


@pytest.fixture(scope="module")
def source(
    module_cluster_factory: ClusterFactory, programs17: PostgresPrograms, other_disk: Path, wal_folder: Path
) -> LocalCluster:
    """Its tablespace and its pg_wal lie on the other disk, its settings where Debian has them."""
    cluster = module_cluster_factory(programs17, start=False, archive_command=archive_to(wal_folder))
    wal = folder_of_the_firm(other_disk / "wal")
    shutil.copytree(cluster.data_dir / "pg_wal", wal, dirs_exist_ok=True)
    shutil.rmtree(cluster.data_dir / "pg_wal")
    (cluster.data_dir / "pg_wal").symlink_to(wal)
    settings = folder_of_the_firm(cluster.data_dir.with_name("etc"))
    for name in ("postgresql.conf", "pg_hba.conf"):
        shutil.move(cluster.data_dir / name, settings / name)
        (cluster.data_dir / name).symlink_to(settings / name)
    (cluster.data_dir / "log").symlink_to(folder_of_the_firm(cluster.data_dir.with_name("log")))
    for place in (wal, settings, cluster.data_dir):
        own(place)
    cluster.start()
    space = folder_of_the_firm(other_disk / "space")
    rows(cluster, f"CREATE TABLESPACE archive_room LOCATION '{space}'")
    for name, where in (("matter", "pg_default"), ("closed", "archive_room")):
        rows(cluster, f"CREATE TABLE {name} TABLESPACE {where} AS SELECT generate_series(1, {ROWS}) AS id")
    return cluster


@pytest.fixture(scope="module")
def site(site_factory: SiteFactory, source: LocalCluster) -> Site:
    return site_factory(source)


@pytest.fixture(scope="module")
def point(site: Site, source: LocalCluster) -> Point:
    """An increment; its cluster has gone on since, and is stopped."""
    back_up(site, "20261120T080000000Z")
    rows(source, "INSERT INTO closed SELECT -n FROM generate_series(1, 10) n")
    made = back_up(site, "20261121T080000000Z")
    rows(source, "UPDATE closed SET id = id + 1 WHERE id > 0")
    source.stop()
    return made


def links_of(data_dir: Path) -> dict[str, str]:
    places = [*data_dir.iterdir(), *(data_dir / "pg_tblspc").iterdir()]
    return {place.name: str(place.readlink()) for place in places if place.is_symlink()}


def test_a_cluster_whose_disk_is_not_mounted_is_not_touched(
    site: Site, source: LocalCluster, point: Point, other_disk: Path, programs17: PostgresPrograms
) -> None:
    before = digests(source.data_dir)
    (other_disk / "space").rename(other_disk / "away")
    try:
        plan = plan_for(site.primary, point, source.data_dir)
        with pytest.raises(LayoutNotRestorable) as refused:
            restore_cluster(site.primary, plan, programs=programs17, restore_command=["false"], delta=True)
    finally:
        (other_disk / "away").rename(other_disk / "space")
    oid = next((source.data_dir / "pg_tblspc").iterdir()).name
    assert str(refused.value) == (
        f"a restore over {source.data_dir} could not keep its layout: pg_tblspc/{oid} leads to {other_disk / 'space'},"
        " which is not there\n"
        f"KEPT: everything in {source.data_dir}; nothing was fetched\n"
        "HINT: mount or make what is named, then give the same command again; or restore into an empty folder with"
        " `--into`."
    )
    assert digests(source.data_dir) == before


def test_the_plan_names_what_is_written_over_and_each_file_system(
    site: Site, source: LocalCluster, point: Point, other_disk: Path
) -> None:
    over = plan_restore(
        site.primary,
        site.firm,
        RecoveryTarget.parse(point.id),
        side="primary",
        into=source.data_dir,
        clock=utc_now,
        replaces=str(source.data_dir),
    )
    assert [each.place for each in over.tablespaces] == [str(other_disk / "space")]
    assert [each.places for each in over.space] == [(str(source.data_dir),), (str(other_disk / "space"),)]
    assert all(each.needed_bytes < over.space_needed_bytes for each in over.space), "what is there counts"


def test_until_the_new_one_is_whole_the_old_one_is_as_it_was(
    site: Site, source: LocalCluster, point: Point, programs17: PostgresPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pg_combinebackup cannot do shows before anything is emptied, and the old cluster serves on."""
    before = digests(source.data_dir)
    plan = plan_for(site.primary, point, source.data_dir)
    monkeypatch.setattr(file_systems, "copy_option", lambda *_: ("--no-such-option",))
    with pytest.raises(ProgramFailed, match="pg_combinebackup ended with status 1"):
        restore_cluster(site.primary, plan, programs=programs17, restore_command=["false"], delta=True)
    after = digests(source.data_dir)
    assert {path: after.get(path) for path in before} == before
    source.start()
    assert rows(source, "SELECT count(*) FROM closed") == [(ROWS + 10,)]
    source.stop()


def test_it_is_restored_over_as_it_lies(
    site: Site, source: LocalCluster, point: Point, other_disk: Path, programs17: PostgresPrograms, wal_folder: Path
) -> None:
    """Goes on with what the run before it had fetched."""
    before = links_of(source.data_dir)
    assert {"pg_wal", "postgresql.conf", "pg_hba.conf", "log"} < set(before)
    plan, command = plan_for(site.primary, point, source.data_dir), restore_from(wal_folder)
    found = restore_cluster(site.primary, plan, programs=programs17, restore_command=command, delta=True)
    kept = [f"--ignore={name}" for name in ("postgresql.conf", "pg_hba.conf")]
    programs17.run("pg_verifybackup", "--no-parse-wal", "--ignore=tablespace_map", *kept, source.data_dir)
    assert links_of(source.data_dir) == before
    assert not list(other_disk.rglob(".muniment"))
    assert not list((other_disk / "wal").glob("0000*"))
    for place in (source.data_dir, other_disk):
        own(place)
    with serving(found, programs17) as cluster:
        assert rows(cluster, "SELECT count(*), max(id) FROM closed") == [(ROWS + 10, ROWS + 1)], "by replay"
