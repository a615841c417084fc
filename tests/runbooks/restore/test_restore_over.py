"""``--delta``: over the firm's own stopped cluster, only what differs is fetched."""

import os
import shutil
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, as_unprivileged, run_program
from muniment.adapters.staging.isolated_cluster import fenced_start_command
from muniment.adapters.wal.spool import spool_beside
from muniment.errors import ClusterRuns, TargetNotEmpty, WrongCluster
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.support.cut_overs import own
from tests.support.living import folder_of_the_firm
from tests.support.restores import ROWS, Stored, chunks_asked_for, has_recovered, prove_whole, serving
from tests.support.stored import rows
from tests.support.wal import eventually

pytestmark = pytest.mark.timeout(540)


def test_only_what_differs_is_fetched_and_what_does_not_belong_goes(
    stored: Stored, old: Path, programs17: PostgresPrograms, faulty_store: FaultProxy
) -> None:
    oid = next(path.name for path in sorted((old / "base" / "5").iterdir()) if path.stat().st_size > 100_000)
    changed = old / "base" / "5" / oid
    changed.write_bytes(b"\1" * (changed.stat().st_size + 8192))
    (old / "base" / "5" / "99999").write_bytes(b"a table that was made later")
    (old / "pg_wal" / "000000090000000000000001").write_bytes(b"another timeline's")
    (old / "base" / "1" / "1259").unlink()
    plan = stored.plan(stored.full, old)
    restored = stored.restore(plan, stored.through(faulty_store), delta=True, programs=programs17)
    prove_whole(restored, programs17)
    backup = stored.backup(stored.full)
    assert 0 < len(set(chunks_asked_for(faulty_store, backup))) < len(backup.archives[0].chunks) / 2
    assert not (old / "base" / "5" / "99999").exists()
    assert not list((old / "pg_wal").glob("0000*"))
    with serving(restored, programs17) as cluster:
        assert rows(cluster, "SELECT count(*) FROM matter") == [(ROWS + 10,)], "by replay, from the archive"


def test_for_a_chain_the_full_backups_files_are_taken_from_the_cluster(
    stored: Stored, old: Path, programs17: PostgresPrograms, faulty_store: FaultProxy
) -> None:
    plan = stored.plan(stored.increment, old)
    restored = stored.restore(plan, stored.through(faulty_store), delta=True, programs=programs17)
    prove_whole(restored, programs17)
    backup = stored.backup(stored.full)
    assert len(set(chunks_asked_for(faulty_store, backup))) < len(backup.archives[0].chunks) / 2
    with serving(restored, programs17) as cluster:
        assert rows(cluster, "SELECT count(*) FROM matter") == [(ROWS + 10,)]


def test_over_no_cluster_another_firms_or_a_running_one_nothing_is_written(
    stored: Stored, old: Path, tmp_path: Path, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    (tmp_path / "letter.txt").write_text("privileged")
    with pytest.raises(TargetNotEmpty):
        stored.restore(stored.plan(stored.full, tmp_path), delta=True)
    with pytest.raises(TargetNotEmpty):
        stored.restore(stored.plan(stored.full, old))
    other = cluster_factory(programs17, start=False)
    with pytest.raises(WrongCluster) as wrong:
        stored.restore(stored.plan(stored.full, other.data_dir), delta=True)
    assert wrong.value.what == (
        f"connection the data directory {other.data_dir} of firm {stored.site.firm.id} leads to cluster "
        f"{other.system_identifier()}, the firm's cluster is {stored.full.system_identifier}"
    )
    running = LocalCluster(old, programs17)
    shutil.copy(stored.source.passfile, running.passfile)
    running.start()
    try:
        with pytest.raises(ClusterRuns) as refused:
            stored.restore(stored.plan(stored.full, old), delta=True)
        assert rows(running, "SELECT count(*) FROM matter") == [(ROWS + 10,)]
    finally:
        running.kill()
    pid = refused.value.facts["pid"]
    assert str(refused.value) == (
        f"postgresql runs in {old} (pid {pid})\nKEPT: everything in {old}\n"
        f"HINT: stop it with `pg_ctl -D {old} stop`, or name an empty or a new folder."
    )
    assert not (old / ".muniment").exists()
    assert (tmp_path / "letter.txt").read_text() == "privileged"


def test_a_link_in_the_cluster_is_never_followed(
    stored: Stored, old: Path, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    """pg_wal's own excepted: what it leads to is emptied, and it stays."""
    letter = tmp_path / "letter.txt"
    letter.write_text("privileged")
    (old / "base" / "1" / "1259").unlink()
    (old / "base" / "1" / "1259").symlink_to(letter)
    (old / "base" / "note").symlink_to(tmp_path)
    elsewhere = tmp_path / "wal"
    shutil.move(old / "pg_wal", elsewhere)
    (old / "pg_wal").symlink_to(elsewhere)
    restored = stored.restore(stored.plan(stored.full, old), delta=True, programs=programs17)
    prove_whole(restored, programs17)
    assert letter.read_text() == "privileged"
    assert (old / "pg_wal").readlink() == elsewhere
    assert not list(elsewhere.glob("0000*"))


def test_behind_the_fence_its_server_writes_where_the_clusters_own_links_lead(
    stored: Stored, old: Path, programs17: PostgresPrograms
) -> None:
    elsewhere = folder_of_the_firm(old.with_name("wal"))
    shutil.copytree(old / "pg_wal", elsewhere, dirs_exist_ok=True)
    shutil.rmtree(old / "pg_wal")
    (old / "pg_wal").symlink_to(elsewhere)
    stored.restore(stored.plan(stored.full, old), delta=True, programs=programs17)
    copy = LocalCluster(old, programs17)
    shutil.copy(stored.source.passfile, copy.passfile)
    own(old)
    own(elsewhere)
    command = f"umask 077; {fenced_start_command(old, spool_beside(old), copy.port)} -w"
    try:
        run_program(
            as_unprivileged(["sh", "-c", command]), timeout_s=360, env={"PATH": f"{programs17.bin_dir}:{os.defpath}"}
        )
        eventually(lambda: has_recovered(copy))
        assert rows(copy, "SELECT count(*) FROM matter") == [(ROWS + 10,)]
    finally:
        copy.kill()
