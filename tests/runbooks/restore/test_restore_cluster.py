"""What was backed up comes back as a cluster that starts, recovers and hurts nobody."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import (
    UNPRIVILEGED_GID,
    UNPRIVILEGED_UID,
    PostgresPrograms,
    as_unprivileged,
    run_program,
)
from muniment.adapters.site.site import Site
from muniment.adapters.staging.isolated_cluster import fenced_start_command
from muniment.adapters.wal.spool import spool_beside
from muniment.domain.restore.settings import start_command
from muniment.errors import DiskFull, ObjectDamaged, TargetNotEmpty, WrongVault
from muniment.ports import utc_now
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.restore.restore_cluster import RestoredCluster, restore_cluster
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.living import digests, folder_of_the_firm
from tests.support.stored import archive_to, back_up, plan_for, restore_from, rows

type Start = Callable[[RestoredCluster, PostgresPrograms], LocalCluster]

pytestmark = pytest.mark.timeout(360)


@pytest.fixture
def wal_folder(tmp_path: Path, run_dir: Path) -> Path:
    return run_dir / f"wal-{tmp_path.name}"


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs: PostgresPrograms, wal_folder: Path) -> LocalCluster:
    cluster = cluster_factory(programs, archive_command=archive_to(wal_folder))
    rows(cluster, "CREATE TABLE matter AS SELECT n AS id, md5(n::text) AS title FROM generate_series(1, 5000) n")
    return cluster


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a restored data directory under the hands of the bootstrap's own cluster class."""
    started: list[LocalCluster] = []

    def run(restored: RestoredCluster, programs: PostgresPrograms) -> LocalCluster:
        hba = restored.data_dir.with_name(f"{restored.data_dir.name}.hba")
        hba.write_text("host all all 127.0.0.1/32 trust\n")
        hba.chmod(0o644)
        cluster = LocalCluster(restored.data_dir, programs)
        started.append(cluster)
        cluster.start(enforced={"hba_file": str(hba)})
        wait_for_the_end_of_recovery(cluster)
        return cluster

    yield run
    for cluster in started:
        cluster.kill()


def wait_for_the_end_of_recovery(cluster: LocalCluster) -> None:
    for _ in range(3000):
        with contextlib.suppress(psycopg.OperationalError):
            if rows(cluster, "SELECT pg_is_in_recovery()") == [(False,)]:
                return
        time.sleep(0.1)
    pytest.fail(cluster.log_path.read_text())


def test_a_full_backup_comes_back_with_what_was_written_after_it(
    source: LocalCluster,
    site_factory: SiteFactory,
    wal_folder: Path,
    run_dir: Path,
    programs: PostgresPrograms,
    start: Start,
) -> None:
    site = site_factory(source)
    point = back_up(site, "20261120T080000000Z")
    rows(source, "INSERT INTO matter VALUES (0, 'after the backup')")
    rows(source, "SELECT pg_switch_wal()")
    source.stop()
    into = run_dir / site.firm.id / "data"
    plan = plan_for(site.primary, point, into)
    restored = restore_cluster(site.primary, plan, programs=programs, restore_command=restore_from(wal_folder))
    cluster = start(restored, programs)
    assert rows(cluster, "SELECT count(*), min(id) FROM matter") == [(5001, 0)]
    assert rows(cluster, "SHOW archive_mode") == [("off",)]
    assert not (into / ".muniment").exists()


def test_a_chain_is_put_together(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    wal_folder: Path,
    run_dir: Path,
    programs17: PostgresPrograms,
    start: Start,
) -> None:
    source = cluster_factory(programs17, archive_command=archive_to(wal_folder))
    place = run_dir / f"space-{wal_folder.name}"
    place.mkdir(mode=0o777)
    if os.geteuid() == 0:
        os.chown(place, UNPRIVILEGED_UID, UNPRIVILEGED_GID)
    rows(source, f"CREATE TABLESPACE archive_room LOCATION '{place}'")
    rows(source, "CREATE TABLE matter AS SELECT n AS id FROM generate_series(1, 5000) n")
    rows(source, "CREATE TABLE closed TABLESPACE archive_room AS SELECT n AS id FROM generate_series(1, 5000) n")
    site = site_factory(source)
    back_up(site, "20261120T080000000Z")
    rows(source, "INSERT INTO matter SELECT -n FROM generate_series(1, 10) n")
    point = back_up(site, "20261121T080000000Z")
    assert (point.kind, len(point.chain)) == ("incremental", 2)
    source.stop()
    into = run_dir / site.firm.id / "data"
    plan = plan_for(site.primary, point, into)
    restored = restore_cluster(site.primary, plan, programs=programs17, restore_command=restore_from(wal_folder))
    cluster = start(restored, programs17)
    assert rows(cluster, "SELECT count(*) FROM matter") == [(5010,)]
    assert rows(cluster, "SELECT count(*) FROM closed") == [(5000,)]
    (oid,) = restored.tablespaces
    assert (into / "pg_tblspc" / str(oid)).resolve() == (into.with_name("data-tablespaces") / str(oid)).resolve()
    assert not place.samefile((into / "pg_tblspc" / str(oid)).resolve())


def test_a_restore_never_writes_into_a_place_that_holds_something(site17: Site, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("privileged")
    point = back_up(site17, "20261120T080000000Z")
    with pytest.raises(TargetNotEmpty) as refused:
        restore_cluster(site17.primary, plan_for(site17.primary, point, tmp_path))
    assert str(refused.value) == (
        f"{tmp_path} is not empty\nKEPT: everything in {tmp_path}\n"
        "HINT: name an empty or a new folder; a restore that was killed goes on with its own plan."
    )
    assert (tmp_path / "letter.txt").read_text() == "privileged"


def test_another_firms_vault_is_refused_before_anything_is_read(site17: Site, tmp_path: Path) -> None:
    plan = plan_for(site17.primary, back_up(site17, "20261120T080000000Z"), tmp_path / "data")
    with pytest.raises(WrongVault):
        restore_cluster(replace(site17.primary, firm="somebody-else"), plan)
    with pytest.raises(WrongVault):
        restore_cluster(site17.replica, plan)
    assert not (tmp_path / "data").exists()


def test_too_little_space_is_said_before_the_first_byte(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(site17.primary, back_up(site17, "20261120T080000000Z"), tmp_path / "data")
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"no space left in .*data: \d+ bytes needed, 1000 there"):
        restore_cluster(site17.primary, plan)
    assert not (tmp_path / "data").exists()


def test_a_damaged_chunk_stops_the_restore_and_is_named(site17: Site, cloud: Cloud, tmp_path: Path) -> None:
    point = back_up(site17, "20261120T080000000Z")
    key = f"base/{point.backup}/base/00000000"
    body = bytearray(site17.primary.get(key))
    body[len(body) // 2] ^= 1
    cloud.client("s3").put_object(Bucket=site17.primary.bucket, Key=key, Body=bytes(body))
    with pytest.raises(ObjectDamaged, match=f"object {key} in {site17.primary.bucket} is damaged"):
        plan = plan_for(site17.primary, point, tmp_path / "data")
        restore_cluster(site17.primary, plan, restore_command=restore_from(tmp_path))


@pytest.mark.parametrize("fenced", [False, True], ids=["by hand", "fenced in"])
def test_the_firms_own_settings_do_not_lead_its_copy_back_to_it(
    source: LocalCluster,
    site_factory: SiteFactory,
    wal_folder: Path,
    run_dir: Path,
    programs: PostgresPrograms,
    *,
    fenced: bool,
) -> None:
    """``restore --into``, started as the command that made it says, on the host that the settings are about."""
    own = folder_of_the_firm(run_dir / f"own-{wal_folder.name}")
    with (source.data_dir / "postgresql.conf").open("a") as file:
        file.write(f"data_directory = '{source.data_dir}'\nexternal_pid_file = '{own}/pid'\n")
        file.write(f"logging_collector = on\nlog_directory = '{own}'\n")
    site = site_factory(source)
    point = back_up(site, "20261120T080000000Z")
    source.stop()
    into = run_dir / site.firm.id / "data"
    plan = plan_for(site.primary, point, into)
    restore_cluster(site.primary, plan, programs=programs, restore_command=restore_from(wal_folder))
    before = digests(own, source.data_dir)
    copy = LocalCluster(into, programs)
    shutil.copy(source.passfile, copy.passfile)
    copy._hand_over_all()
    command = f"umask 077; {start_command(str(into), copy.port)} -w -l {into}/start.log"
    if fenced:
        command = f"{fenced_start_command(into, spool_beside(into), copy.port)} -w"
    try:
        run_program(
            as_unprivileged(["sh", "-c", command]), timeout_s=360, env={"PATH": f"{programs.bin_dir}:{os.defpath}"}
        )
        wait_for_the_end_of_recovery(copy)
        assert rows(copy, "SHOW data_directory") == [(str(into),)]
        spoil = f"COPY (SELECT 'spoilt') TO '{own}/deed'"
        if fenced:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Permission denied"):
                rows(copy, spoil)
    finally:
        copy.kill()
    assert digests(own, source.data_dir) == before


def test_a_tablespace_in_place_is_backed_up_like_any_other_or_the_backup_is_refused(
    source: LocalCluster,
    site_factory: SiteFactory,
    wal_folder: Path,
    run_dir: Path,
    programs: PostgresPrograms,
    start: Start,
) -> None:
    """As a cluster has it that was itself restored, where nobody moved it since."""
    place = folder_of_the_firm(run_dir / f"space-{wal_folder.name}")
    rows(source, f"CREATE TABLESPACE ordinary LOCATION '{place}'")
    with psycopg.connect(source.conninfo(), autocommit=True) as session:
        session.execute("SET allow_in_place_tablespaces = on")
        session.execute("CREATE TABLESPACE inside LOCATION ''")
        session.execute("CREATE TABLE closed TABLESPACE inside AS SELECT n AS id FROM generate_series(1, 5000) n")
    site = site_factory(source)
    oid = rows(source, "SELECT oid FROM pg_tablespace WHERE spcname = 'inside'")[0][0]
    stopped = [found.what for found in check_firm(site, clock=utc_now) if found.severity == "stop"]
    left_out = f"a base backup of PostgreSQL 15 leaves out pg_tblspc/{oid}: tablespaces that are folders of the data"
    assert any(what.startswith(left_out) for what in stopped) == (programs.major == 15)
    if programs.major == 15:
        return
    point = back_up(site, "20261120T080000000Z")
    source.stop()
    into = run_dir / site.firm.id / "data"
    plan = plan_for(site.primary, point, into)
    restored = restore_cluster(site.primary, plan, programs=programs, restore_command=restore_from(wal_folder))
    cluster = start(restored, programs)
    assert rows(cluster, "SELECT count(*) FROM closed") == [(5000,)]
    assert len(restored.tablespaces) == 2
