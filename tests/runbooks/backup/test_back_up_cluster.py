"""Runbook 2 on real PostgreSQLs and a real vault."""

import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import UNPRIVILEGED_UID, PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault.catalog import registered_backups
from muniment.domain.firm.firm import BaseBackups
from muniment.domain.progress import Unit
from muniment.domain.record import new_id
from muniment.domain.vault.registers import Backup, Tablespace
from muniment.errors import AnotherRunIsActive, BackupRefused, BackupStreamBroken, PageChecksumFailed, RunLockLost
from muniment.ports import utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment_demo.cloud import Cloud
from tests.bench.world import measured_backup
from tests.fixtures.clusters import ClusterFactory, settings_for_tests
from tests.fixtures.sites import SiteFactory
from tests.support.tars import extract, tar_of

MIB = 2**20


@dataclass
class Recorder:
    """A progress that remembers, and that calls ``midway`` once, after the first bytes."""

    midway: Callable[[], None] | None = None
    notes: list[str] = field(default_factory=list)
    done_bytes: int = 0
    total_bytes: int | None = None

    @contextmanager
    def step(self, name: str, total: int | None, unit: Unit) -> Iterator["Recorder"]:
        assert (name, unit) == ("base backup", "bytes")
        self.done_bytes, self.total_bytes = 0, total
        yield self

    def advance(self, amount: int) -> None:
        self.done_bytes += amount
        if self.midway is not None:
            call, self.midway = self.midway, None
            call()

    def expect(self, total: int) -> None:
        self.total_bytes = total

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(site: Site, statement: str) -> None:
    with psycopg.connect(site.postgres.conninfo.reveal(), autocommit=True) as connection:
        connection.execute(statement)


def back_up(site: Site, *, full: bool = False, progress: Recorder | None = None) -> Backup:
    return back_up_cluster(site, point_id=new_id(utc_now()), full=full, clock=utc_now, progress=progress)


def verified(site: Site, backup: Backup, folder: Path, programs: PostgresPrograms) -> Path:
    """Extracted and accepted by pg_verifybackup; WAL is not part of a base backup."""
    extract(site.primary, backup, folder)
    programs.run("pg_verifybackup", "--no-parse-wal", folder)
    return folder


def foreign_file(cluster: LocalCluster, name: str, content: bytes) -> None:
    """PostgreSQL backs up whatever lies in its data directory."""
    path = cluster.data_dir / name
    path.write_bytes(content)
    if os.geteuid() == 0:
        os.chown(path, UNPRIVILEGED_UID, -1)


def names_of(backup: Backup) -> set[str]:
    return {member.name for archive in backup.archives for member in archive.members}


def path_of(site: Site, table: str) -> str:
    return str(site.postgres.row("SELECT pg_relation_filepath(%s::regclass) AS path", table)["path"])


def test_the_chunks_of_a_full_backup_are_a_tar_that_pg_verifybackup_accepts(
    site: Site, programs: PostgresPrograms, tmp_path: Path
) -> None:
    run(site, "CREATE TABLE matter AS SELECT n, md5(n::text) AS name FROM generate_series(1, 50000) n")
    progress = Recorder()
    backup = back_up(site, progress=progress)
    assert backup.kind == "full"
    assert backup.server_version // 10000 == programs.major
    assert registered_backups(site.primary) == (backup,)
    assert progress.done_bytes == progress.total_bytes == backup.size_bytes
    folder = verified(site, backup, tmp_path / "restored", programs)
    assert (folder / "backup_label").read_text().startswith("START WAL LOCATION: " + str(backup.start_lsn))


def test_the_register_lists_every_file_of_the_tar_with_its_place(site17: Site) -> None:
    backup = back_up(site17)
    base = backup.archives[-1]
    plain = tar_of(site17.primary, base)
    assert len(plain) == base.size_bytes
    with tarfile.open(fileobj=BytesIO(plain)) as tar:
        members = [(entry.name + "/" * entry.isdir(), entry.offset, entry.size) for entry in tar]
    assert [(member.name, member.offset, member.size_bytes) for member in base.members] == members
    assert {"backup_label", "PG_VERSION", "pg_wal/"} < {name for name, _, _ in members}


def test_every_chunk_but_the_last_is_a_whole_slice(site17: Site) -> None:
    base = back_up(site17).archives[-1]
    assert [chunk.offset for chunk in base.chunks] == [16 * MIB * number for number in range(len(base.chunks))]
    assert {chunk.size_bytes for chunk in base.chunks[:-1]} == {16 * MIB}
    assert sum(chunk.size_bytes for chunk in base.chunks) == base.size_bytes


def test_a_point_has_one_backup_however_often_it_is_taken(site17: Site) -> None:
    point_id, progress = new_id(utc_now()), Recorder()
    first = back_up_cluster(site17, point_id=point_id, clock=utc_now)
    again = back_up_cluster(site17, point_id=point_id, clock=utc_now, progress=progress)
    assert again == first
    assert registered_backups(site17.primary) == (first,)
    assert progress.notes == [f"full base backup {first.id} of point {point_id} is registered already"]


def test_a_run_finds_its_backup_again_whatever_its_id_says(site17: Site) -> None:
    """The clock that named the run is ahead of this worker's, or hours behind, and others were made in between."""
    ahead, behind = (new_id(utc_now() + timedelta(hours=hours)) for hours in (1, -9))
    made = {point_id: back_up_cluster(site17, point_id=point_id, clock=utc_now) for point_id in (ahead, behind)}
    latest = back_up_cluster(site17, point_id=new_id(utc_now()), clock=utc_now)
    assert latest.parent == made[behind].id
    for point_id, backup in made.items():
        assert back_up_cluster(site17, point_id=point_id, clock=utc_now) == backup
    assert len(registered_backups(site17.primary)) == 3


def test_an_incremental_combined_with_its_full_one_is_a_whole_cluster(
    site17: Site, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    run(site17, "CREATE TABLE ledger AS SELECT n, md5(n::text) AS entry FROM generate_series(1, 200000) n")
    # Else the first reader sets hint bits on every page, and with checksums that is a change of every page.
    run(site17, "VACUUM ledger")
    parent = back_up(site17, full=True)
    run(site17, "UPDATE ledger SET entry = 'changed' WHERE n % 5000 = 0")
    progress = Recorder()
    backup = back_up(site17, progress=progress)
    assert (backup.kind, backup.parent) == ("incremental", parent.id)
    assert backup.size_bytes < parent.size_bytes / 3
    assert progress.notes == [f"incremental base backup: builds on {parent.id}, number 2 of at most 7"]
    assert progress.done_bytes == progress.total_bytes
    folders = [extract(site17.primary, each, tmp_path / each.kind) for each in (parent, backup)]
    programs17.run("pg_combinebackup", "--no-sync", "--output", tmp_path / "combined", *folders)
    programs17.run("pg_verifybackup", "--no-parse-wal", tmp_path / "combined")


def test_a_lost_manifest_makes_it_full_and_says_so(site17: Site, cloud: Cloud) -> None:
    parent = back_up(site17, full=True)
    cloud.client("s3", site17.primary.region).delete_object(Bucket=site17.primary.bucket, Key=parent.manifest.key)
    progress = Recorder()
    backup = back_up(site17, progress=progress)
    assert (backup.kind, backup.parent) == ("full", None)
    lost = f"object {parent.manifest.key} is missing from {site17.primary.bucket}"
    assert progress.notes[-1] == f"full base backup: nothing can be built on {parent.id}: {lost}"


def test_missing_wal_summaries_make_it_full_and_the_server_says_why(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    parent = back_up(site, full=True)
    cluster.configure(
        {
            **settings_for_tests(17),
            "summarize_wal": False,
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "archive_mode": False,
        }
    )
    cluster.restart()
    run(site, "CREATE TABLE unseen AS SELECT 1")
    cluster.configure(settings_for_tests(17))
    cluster.restart()
    progress = Recorder()
    backup = back_up(site, progress=progress)
    assert (backup.kind, backup.parent) == ("full", None)
    assert "WAL summaries are required on timeline 1" in progress.notes[-1]
    assert registered_backups(site.primary) == (parent, backup)


def test_a_tablespace_is_an_archive_of_its_own(
    site: Site, programs: PostgresPrograms, run_dir: Path, tmp_path: Path
) -> None:
    place = run_dir / f"tablespace {site.firm.id}"
    place.mkdir()
    if os.geteuid() == 0:
        os.chown(place, UNPRIVILEGED_UID, -1)
    run(site, f"CREATE TABLESPACE archive LOCATION '{place}'")
    run(site, "CREATE TABLE closed_matter TABLESPACE archive AS SELECT n FROM generate_series(1, 1000) n")
    backup = back_up(site)
    oid = site.postgres.row("SELECT oid FROM pg_tablespace WHERE spcname = 'archive'")["oid"]
    ours = next(archive for archive in backup.archives if archive.tablespace)
    assert ours.tablespace == Tablespace(oid=oid, location=str(place))
    assert ours.name == str(oid)
    assert ours.chunks[0].key == f"base/{backup.id}/{oid}/00000000"
    folder = verified(site, backup, tmp_path / "restored", programs)
    assert str(oid) in (folder / "tablespace_map").read_text()
    run(site, "DROP TABLE closed_matter")


def test_an_unlogged_table_comes_back_empty(site17: Site) -> None:
    run(site17, "CREATE UNLOGGED TABLE draft AS SELECT n FROM generate_series(1, 1000) n")
    path = path_of(site17, "draft")
    names = names_of(back_up(site17))
    assert path not in names
    assert f"{path}_init" in names


def test_a_relation_of_two_segment_files_is_there_with_both(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """Pages of zeroes are pages that were added and not used yet: valid, and quickly made."""
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    run(site, "CREATE TABLE huge (n int)")
    path = path_of(site, "huge")
    cluster.stop()
    os.truncate(cluster.data_dir / path, 1024 * MIB)
    foreign_file(cluster, f"{path}.1", b"")
    os.truncate(cluster.data_dir / f"{path}.1", 100 * MIB)
    cluster.start()
    base = back_up(site).archives[-1]
    sizes = {member.name: member.size_bytes for member in base.members}
    assert (sizes[path], sizes[f"{path}.1"]) == (1024 * MIB, 100 * MIB)
    second = next(member for member in base.members if member.name == f"{path}.1")
    chunk = next(chunk for chunk in base.chunks if chunk.offset <= second.offset < chunk.offset + chunk.size_bytes)
    plain = site.primary.get_sealed(chunk.key, sha256=chunk.sha256)
    header = tarfile.TarInfo.frombuf(plain[second.offset - chunk.offset :][:512], "utf-8", "strict")
    assert (header.name, header.size) == (second.name, 100 * MIB)


def test_names_with_blanks_and_umlauts_and_an_empty_database(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    foreign_file(cluster, "Akte Müller gegen Łódź (1).txt", b"geheim")
    foreign_file(cluster, "empty file", b"")
    run(site, 'CREATE DATABASE "büro leer" TEMPLATE template0')
    folder = verified(site, back_up(site), tmp_path / "restored", programs17)
    assert (folder / "Akte Müller gegen Łódź (1).txt").read_bytes() == b"geheim"
    assert (folder / "empty file").read_bytes() == b""


def test_three_thousand_tables(site17: Site, programs17: PostgresPrograms, tmp_path: Path) -> None:
    run(
        site17,
        "DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('CREATE TABLE t%s (id int)', n);"
        " IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    )
    backup = back_up(site17)
    assert sum(name.startswith("base/") for name in names_of(backup)) > 3000
    verified(site17, backup, tmp_path / "restored", programs17)


def test_somebody_writes_during_the_backup(site17: Site, programs17: PostgresPrograms, tmp_path: Path) -> None:
    site = site17
    run(site, "CREATE TABLE event (n int, note text)")
    ended = threading.Event()

    def write() -> None:
        with psycopg.connect(site.postgres.conninfo.reveal(), autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("INSERT INTO event SELECT n, md5(n::text) FROM generate_series(1, 1000) n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = back_up(site)
    finally:
        ended.set()
        writer.join()
    assert backup.stop_lsn > backup.start_lsn
    verified(site, backup, tmp_path / "restored", programs17)


def test_a_damaged_page_fails_the_backup_and_names_the_file_unless_a_person_wants_it_all_the_same(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms, tmp_path: Path
) -> None:
    cluster = cluster_factory(programs)
    site = site_factory(cluster)
    run(site, "CREATE TABLE ledger AS SELECT n FROM generate_series(1, 10000) n")
    run(site, "CREATE TABLE contact AS SELECT n FROM generate_series(1, 10000) n")
    paths = [path_of(site, table) for table in ("ledger", "contact")]
    cluster.stop()
    for path in paths:
        with (cluster.data_dir / path).open("r+b") as file:
            file.seek(8192 + 4000)
            file.write(b"\xff\x00\xff\x00")
    cluster.start()
    with pytest.raises(PageChecksumFailed) as raised:
        back_up(site)
    files = ", ".join(sorted(paths, key=lambda path: str(raised.value).index(path)))
    assert str(raised.value) == (
        f"page checksums failed while firm {site.firm.id} was backed up: {files}\n"
        "KEPT: every earlier backup; this one was not registered\n"
        "HINT: the cluster's own disk is damaged: check the hardware and restore the relation from the last good "
        "backup. So that all the rest is protected meanwhile: "
        f"`muniment backup {site.firm.id} --accept-damage`, a point that names these files and is no verified one."
    )
    assert registered_backups(site.primary) == ()
    taken = back_up_cluster(site, point_id="20261120T080000001Z", accept_damage=True, clock=utc_now)
    assert sorted(taken.damaged) == sorted(paths)
    assert registered_backups(site.primary) == (taken,)
    verified(site, taken, tmp_path / "restored", programs)
    # An increment would read what was changed alone, and find nothing.
    again = back_up_cluster(site, point_id="20261121T080000001Z", accept_damage=True, clock=utc_now)
    assert (again.kind, sorted(again.damaged)) == ("full", sorted(paths))


def test_a_server_that_restarts_midway_breaks_the_stream_and_nothing_is_registered(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs)
    site = site_factory(cluster)
    foreign_file(cluster, "filler", os.urandom(64 * MIB))
    with pytest.raises(BackupStreamBroken, match=f"the base backup stream of firm {site.firm.id} broke after "):
        back_up(site, progress=Recorder(midway=cluster.restart))
    assert registered_backups(site.primary) == ()
    assert not any(thread.name.startswith(("zstd", "chunk")) for thread in threading.enumerate())
    again = back_up(site)
    assert registered_backups(site.primary) == (again,)


def test_a_server_that_is_killed_midway_breaks_the_stream(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    foreign_file(cluster, "filler", os.urandom(64 * MIB))
    with pytest.raises(BackupStreamBroken, match="server closed the connection unexpectedly") as raised:
        back_up(site, progress=Recorder(midway=cluster.kill))
    what, kept, hint = str(raised.value).splitlines()
    received = raised.value.facts["received_bytes"]
    assert what.startswith(f"the base backup stream of firm {site.firm.id} broke after {received} bytes: ")
    assert kept == "KEPT: every registered backup; the chunks of this one are not registered and expire deletes them"
    assert hint == "HINT: the step is retried from the beginning; if it goes on, look at the server's log."
    assert registered_backups(site.primary) == ()


def test_what_the_server_cannot_send_fails_now_in_its_own_words(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    foreign_file(cluster, "x" * 120, b"")
    with pytest.raises(BackupRefused) as raised:
        back_up(site)
    assert str(raised.value) == (
        f"postgresql of firm {site.firm.id} refused the base backup: "
        f'file name too long for tar format: "{"x" * 120}"\n'
        "KEPT: every registered backup; this one was not registered\n"
        "HINT: correct what the server names, then run the step again; its log has the details."
    )
    assert registered_backups(site.primary) == ()


def test_a_second_run_at_once_is_refused(site17: Site) -> None:
    with site17.postgres.exclusively(), pytest.raises(AnotherRunIsActive):
        back_up(site17)
    assert registered_backups(site17.primary) == ()


def test_a_run_whose_lock_is_gone_registers_nothing(site17: Site) -> None:
    """Nothing else tells it: its stream goes on, and a second run may be at work by then."""

    def lose() -> None:
        run(site17, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

    with pytest.raises(RunLockLost):
        back_up(site17, progress=Recorder(midway=lose))
    assert registered_backups(site17.primary) == ()
    assert back_up(site17)


def test_memory_stays_within_its_bound_where_nothing_compresses(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster, base_backups=BaseBackups.model_validate({"slice_size": "32 MiB", "workers": 2}))
    foreign_file(cluster, "filler", os.urandom(400 * MIB))
    measured = measured_backup(site, full=True)
    assert measured.chunks == 14
    assert measured.stored_bytes > 400 * MIB
    assert measured.peak_bytes < 400 * MIB
