"""One look at a server: with ``pg_monitor`` alone, read-only, and in its own time whatever the server does."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres import watch_look
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.watch_look import look_at_server
from muniment.domain.secret import Secret
from muniment.domain.watch.server import ServerSeen
from muniment.errors import RightMissing, ServerReadOnly, ServerUnavailable, SessionRefused
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.support.hostile_settings import ENVIRONMENT, altered
from tests.support.wal import eventually, sql, status_files, switch_wal

ROLE = (ROOT / "docs" / "iam" / "watch-role.sql").read_text().replace(":'password'", "'brief'")
WRITES = (
    "CREATE TABLE written (n int)",
    "INSERT INTO letters VALUES ('x')",
    "SELECT text FROM letters",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('x')",
    "SELECT pg_reload_conf()",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_create_physical_replication_slot('x')",
    "CHECKPOINT",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "ALTER SYSTEM SET archive_mode = off",
    "CREATE ROLE another",
    "GRANT pg_write_all_data TO muniment_watch",
)


def prepared(cluster: LocalCluster) -> LocalCluster:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute(ROLE.encode())
        admin.execute("CREATE TABLE letters AS SELECT 'Dear Sir' AS text")
        admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'brief'")
    return cluster


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    """What was archived stays in pg_wal: a checkpoint would let it go."""
    settings: dict[str, Any] = {"max_prepared_transactions": 2, "wal_keep_size": "64MB"}
    return prepared(module_cluster_factory(programs, wal_segment_size_mb=1, **settings))


def server_of(cluster: LocalCluster, user: str = "muniment_watch", database: str = "postgres") -> PostgresServer:
    told = {"host": "127.0.0.1", "port": str(cluster.port), "user": user, "password": "brief"}
    return PostgresServer("acme", Secret(psycopg.conninfo.make_conninfo("", **told)), database)


@pytest.fixture
def server(cluster: LocalCluster) -> PostgresServer:
    return server_of(cluster)


def look(server: PostgresServer, timeout_s: float = 60) -> ServerSeen:
    return asyncio.run(look_at_server(server, timeout_s=timeout_s))


def settled(cluster: LocalCluster, server: PostgresServer) -> ServerSeen:
    """Whoever reads writes hint bits, the look included, and nothing brings those to the disk."""

    def is_settled() -> ServerSeen | None:
        sql(cluster, "CHECKPOINT")
        seen = look(server)
        return seen if seen.is_quiet or seen.open_xids else None

    return eventually(is_settled)  # type: ignore[no-any-return]


def test_the_role_of_the_watch_sees_what_it_needs(cluster: LocalCluster, server: PostgresServer) -> None:
    *_, last = switch_wal(cluster, 3)
    eventually(lambda: last in status_files(cluster, "done"))
    seen = settled(cluster, server)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        told = admin.execute(
            "SELECT s.system_identifier, c.redo_lsn::text, w.size, c.checkpoint_time"
            "  FROM pg_control_system() s, pg_control_checkpoint() c, (SELECT sum(size) AS size FROM pg_ls_waldir()) w"
        ).fetchone()
        written: dict[str, datetime] = dict(admin.execute("SELECT name, modification FROM pg_ls_waldir()").fetchall())
    assert told is not None and seen.checkpoint is not None
    assert told[:3] == (seen.system_identifier, str(seen.checkpoint.redo_lsn), seen.pg_wal_bytes)
    assert seen.checkpoint.redo_lsn < seen.flush_lsn
    assert (seen.timeline, seen.segment_bytes, seen.is_standby, seen.slots) == (1, 2**20, False, ())
    assert (seen.ready, seen.last_archived, seen.failed_count) == (0, last, 0)
    assert seen.segments_written_at[last] == written[last]
    assert set(seen.segments_written_at) <= set(written) and max(seen.segments_written_at) >= last
    assert seen.checkpoint.is_quiet and seen.checkpoint.next_xid == seen.next_xid
    assert seen.checkpoint.server_at == told[3]
    assert seen.seen_at <= seen.server_at and seen.took_s > 0


@pytest.mark.parametrize("statement", WRITES)
def test_the_role_of_the_watch_can_change_nothing(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.conninfo.reveal(), dbname="postgres", autocommit=True) as session:
        session.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_a_look_writes_nothing_whatever_the_role_may(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_look, "_WHOLE_LOOK", b"CREATE TABLE written (n int)")
    with pytest.raises(ServerReadOnly):
        look(PostgresServer("acme", Secret(cluster.conninfo())))


def test_what_the_role_may_not_see_hides_nothing_else(cluster: LocalCluster) -> None:
    seen = look(server_of(cluster, "clerk"))
    assert (seen.ready, seen.pg_wal_bytes, seen.segments_written_at) == (None, None, {})
    assert seen.checkpoint is not None and seen.next_xid >= seen.checkpoint.next_xid
    sql(cluster, "GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO clerk")
    seen = look(server_of(cluster, "clerk"))
    assert seen.ready is None and seen.pg_wal_bytes and seen.segments_written_at
    sql(cluster, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    with pytest.raises(RightMissing, match="permission denied for function pg_control_system"):
        look(server_of(cluster, "clerk"))
    sql(cluster, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


def test_environment_and_role_decide_nothing(
    cluster: LocalCluster, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute(altered("ROLE muniment_watch").encode())
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        try:
            assert look(server).timeline == 1
        finally:
            admin.execute("ALTER ROLE muniment_watch RESET ALL")


def test_open_transactions_are_told_and_prepared_ones_too(cluster: LocalCluster, server: PostgresServer) -> None:
    with psycopg.connect(cluster.conninfo()) as first, psycopg.connect(cluster.conninfo()) as second:
        xids = []
        for session in (first, second):
            session.execute("INSERT INTO letters VALUES ('Sir')")
            xids.append(session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone())
        second.execute("PREPARE TRANSACTION 'filed'")
        sql(cluster, "INSERT INTO letters VALUES ('Madam')")
        seen = settled(cluster, server)
        assert (seen.is_quiet, seen.open_xids) == (False, tuple(xid[0] for xid in xids if xid))
        first.commit()
        prepared_alone = settled(cluster, server)
        assert prepared_alone.open_xids == seen.open_xids[1:]
        assert prepared_alone.checkpoint is not None and not prepared_alone.checkpoint.is_quiet
        sql(cluster, "COMMIT PREPARED 'filed'")
        after = settled(cluster, server)
        assert (after.is_quiet, after.next_xid) == (True, prepared_alone.next_xid)


def test_what_is_not_on_the_disk_yet_makes_no_quiet_moment(cluster: LocalCluster, server: PostgresServer) -> None:
    walwriter = sql(cluster, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
    assert settled(cluster, server).is_quiet
    os.kill(walwriter, signal.SIGSTOP)
    try:
        sql(cluster, "SELECT pg_logical_emit_message(false, 'muniment', 'not flushed')")
        seen = look(server)
    finally:
        os.kill(walwriter, signal.SIGCONT)
    assert (seen.is_quiet, seen.open_xids) == (False, ())


def test_slots_and_what_they_hold(cluster: LocalCluster, server: PostgresServer) -> None:
    sql(cluster, "SELECT pg_create_physical_replication_slot('empty')")
    sql(cluster, "SELECT pg_create_physical_replication_slot('holds', true)")
    switch_wal(cluster, 3)
    holds, empty = sorted(look(server).slots, key=lambda slot: slot.retained_bytes or 0, reverse=True)
    assert (holds.name, holds.is_active, holds.state, holds.safe_bytes) == ("holds", False, "reserved", None)
    assert holds.retained_bytes is not None and holds.retained_bytes > 2 * 2**20
    assert (empty.name, empty.state, empty.retained_bytes) == ("empty", None, None)
    for name in ("empty", "holds"):
        sql(cluster, f"SELECT pg_drop_replication_slot('{name}')")


def test_in_another_database_where_the_firms_own_is_gone(cluster: LocalCluster) -> None:
    assert look(server_of(cluster, database="not there")).timeline == 1


def test_whom_the_server_does_not_let_in(cluster: LocalCluster) -> None:
    told = psycopg.conninfo.make_conninfo(server_of(cluster).conninfo.reveal(), password="hunter2")
    with pytest.raises(SessionRefused, match="SQLSTATE 28P01") as refused:
        look(PostgresServer("acme", Secret(told)))
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ServerUnavailable, match="postgresql of firm acme is not available: connection failed"):
        look(PostgresServer("acme", Secret("host=127.0.0.1 port=9 user=x")))


@pytest.fixture
def silent() -> Iterator[PostgresServer]:
    """Accepts, and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listener:
        port = listener.getsockname()[1]
        yield PostgresServer("silent", Secret(f"host=127.0.0.1 port={port} user=x password=y"))


def test_a_server_that_says_nothing_costs_itself_alone(server: PostgresServer, silent: PostgresServer) -> None:
    async def all_of_them() -> list[object]:
        looks = [look_at_server(silent, timeout_s=1) for _ in range(50)]
        return await asyncio.gather(*looks, look_at_server(server, timeout_s=60), return_exceptions=True)

    look(server)
    before = len(list(Path("/proc/self/fd").iterdir()))
    *away, seen = asyncio.run(all_of_them())
    assert isinstance(seen, ServerSeen)
    assert {str(each).splitlines()[0] for each in away} == {
        "postgresql of firm silent is not available: no answer within 1 s"
    }
    assert all(isinstance(each, ServerUnavailable) for each in away)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_server_that_hangs_in_the_middle(
    cluster: LocalCluster, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for the end of what was asked; the server ends it by itself."""
    monkeypatch.setattr(watch_look, "_WHOLE_LOOK", b"SELECT pg_sleep(3600)")
    with pytest.raises(ServerUnavailable, match=r"no answer within 0\.5 s"):
        look(server, timeout_s=0.5)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'muniment_watch'"
    eventually(lambda: sql(cluster, sleeping) == 0)


def test_a_standby_and_its_promotion(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> None:
    """The timeline is the one that is written, which the control file tells only after the next checkpoint."""
    cluster = prepared(module_cluster_factory(programs, wal_segment_size_mb=1))
    before = look(server_of(cluster))
    cluster.stop()
    told = cluster.data_dir / "standby.signal"
    told.touch()
    os.chown(told, cluster.data_dir.stat().st_uid, cluster.data_dir.stat().st_gid)
    cluster.start()
    seen = look(server_of(cluster))
    assert (seen.is_standby, seen.timeline, seen.checkpoint, seen.segments_written_at) == (True, 1, None, {})
    assert seen.flush_lsn >= before.flush_lsn and not seen.is_quiet and seen.next_xid >= before.next_xid
    sql(cluster, "SELECT pg_promote()")
    seen = look(server_of(cluster))
    assert (seen.is_standby, seen.timeline, seen.system_identifier) == (False, 2, before.system_identifier)


def test_on_the_other_versions_too(other_programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    seen = look(server_of(prepared(cluster_factory(other_programs, wal_segment_size_mb=1))))
    assert seen.ready is not None and seen.pg_wal_bytes and seen.segments_written_at
