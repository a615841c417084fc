"""What one look at a firm's PostgreSQL tells the watch: one connection, one exchange, and gone.

``pg_monitor`` suffices (docs/iam/watch-role.sql), nothing is written, and a server that says nothing costs nobody more
than the look's own time: a thousand of them may be under way at once.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.abc import RV, PQGen
from psycopg.rows import DictRow, dict_row
from psycopg.sql import NULL, SQL, Composable

from muniment.adapters.postgres.errors import connect_failure, failure
from muniment.adapters.postgres.server import PostgresServer, is_of_every_database
from muniment.adapters.postgres.session import session_conninfo, settings_of
from muniment.adapters.postgres.session_settings import statement
from muniment.domain.wal.facts import next_record
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.server import Checkpoint, ServerSeen, Slot
from muniment.errors import PostgresError, ServerUnavailable, SessionRefused, StatementRefused
from muniment.ports import Clock, utc_now

# Of this transaction too: it has begun with what role and database say.
_READ_ONLY = {"default_transaction_read_only": "on", "transaction_read_only": "on"}
_READ_COMMITTED = {"transaction_isolation": "read committed"}
# A role's own statement_timeout holds for the first of our settings: one of milliseconds may end it.
_TRIES = 5
# Why a server refuses is asked by what blocks. Not in the loop's own threads: whoever ends the loop waits for those.
_ASKING_WHY = ThreadPoolExecutor(16, "asking-why")
_NEWEST_SEGMENTS = 64
_MOST_OPEN_XIDS = 8
"""More of them and the cluster is at work: it archives, and nothing needs to be concluded from them."""

_READY = SQL("(SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready')")
# One scan: it asks the kernel for each file. Segments behind the one that is written to are there to be used again.
_PG_WAL = SQL("""(
WITH files AS MATERIALIZED (SELECT name, size, modification FROM pg_ls_waldir()),
  newest AS (SELECT name, modification FROM files
    WHERE length(name) = 24 AND name <= log.segment ORDER BY name DESC LIMIT {newest})
SELECT json_build_object('bytes', (SELECT sum(size)::bigint FROM files),
  'written_at', (SELECT json_object_agg(name, modification) FROM newest)))""").format(newest=_NEWEST_SEGMENTS)
# The snapshot is there before any of these functions is called: what it calls ended lies before insert_lsn.
_LOOK = """
SELECT clock_timestamp() AS server_at, pg_current_snapshot()::text AS snapshot, log.*,
       s.system_identifier, i.bytes_per_wal_segment AS segment_bytes,
       greatest(c.timeline_id, r.min_recovery_end_timeline) AS replayed_timeline,
       c.timeline_id, c.redo_lsn::text, c.checkpoint_time, c.next_xid, c.oldest_active_xid::text,
       a.archived_count, a.last_archived_wal, a.last_archived_time,
       a.failed_count, a.last_failed_wal, a.last_failed_time,
       (SELECT json_agg(json_build_object('name', slot_name, 'is_active', active, 'state', wal_status,
          'safe_bytes', safe_wal_size, 'restart_lsn', restart_lsn)) FROM pg_replication_slots) AS slots,
       {ready} AS ready, {pg_wal} AS pg_wal
  FROM (SELECT pg_is_in_recovery() AS is_standby,
               CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                    ELSE pg_current_wal_flush_lsn() END::text AS flush_lsn,
               CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END::text AS insert_lsn,
               CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_insert_lsn()) END AS segment
        OFFSET 0) log,
       pg_control_system() s, pg_control_init() i, pg_control_checkpoint() c, pg_control_recovery() r,
       pg_stat_archiver a
"""
_RIGHTS = """
SELECT has_function_privilege('pg_ls_archive_statusdir()', 'execute') AS ready,
       has_function_privilege('pg_ls_waldir()', 'execute') AS pg_wal
"""


def _look(ready: Composable = _READY, pg_wal: Composable = _PG_WAL) -> bytes:
    return SQL(_LOOK).format(ready=ready, pg_wal=pg_wal).as_bytes()


_WHOLE_LOOK = _look()


class _Connection(psycopg.AsyncConnection[DictRow]):
    async def wait(self, gen: PQGen[RV], interval: float = 1.0, timeout: float | None = None) -> RV:
        """Without psycopg's own way out of a cancelled query, which asks the silent server once more and waits for
        it: ``statement_timeout`` ends what is left behind."""
        return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


async def look_at_server(server: PostgresServer, *, timeout_s: float, clock: Clock = utc_now) -> ServerSeen:
    """In ``timeout_s`` at most, whatever the server does. What the role may not see is ``None`` in the answer.

    Raises ``PostgresError``: ``ServerUnavailable`` where it is silent.
    """
    try:
        async with asyncio.timeout(timeout_s):
            connection = await _first_connection(server, timeout_s)
            try:
                return await _asked(connection, server, timeout_s, clock)
            finally:
                await connection.close()
    except TimeoutError:
        why: PostgresError = ServerUnavailable(firm=server.firm, reason=f"no answer within {timeout_s:g} s")
    except psycopg.Error as error:
        why = failure(server.firm, error)
    # Out here it has no context: that would keep what had begun, and its socket open, for as long as the error is kept.
    raise why


async def _first_connection(server: PostgresServer, timeout_s: float) -> _Connection:
    """To the firm's own database, else to one that a cluster begins with: what is asked is the same in each."""
    refusals: list[PostgresError] = []
    for database in server.databases_to_try:
        try:
            return await _connected(server, database, timeout_s)
        except (SessionRefused, StatementRefused) as refused:
            refusals.append(refused)
            if is_of_every_database(refused):
                break
    raise refusals[0]


async def _connected(server: PostgresServer, database: str, timeout_s: float) -> _Connection:
    own = {"application_name": server.application, "dbname": database}
    # libpq's own limit is for what outlives us in a thread.
    conninfo = session_conninfo(server.conninfo.reveal(), connect_timeout=str(math.ceil(timeout_s)), **own)
    try:
        return await _Connection.connect(conninfo, autocommit=True, row_factory=dict_row)
    except psycopg.errors.ConnectionTimeout as silent:
        raise ServerUnavailable(firm=server.firm, reason=str(silent)) from None
    except psycopg.OperationalError as error:
        asked = error.pgconn is not None and bool(error.pgconn.used_password or error.pgconn.needs_password)
        ask = partial(connect_failure, server.firm, conninfo, str(error), was_asked_for_password=asked)
    raise await asyncio.get_running_loop().run_in_executor(_ASKING_WHY, ask)


async def _asked(connection: _Connection, server: PostgresServer, timeout_s: float, clock: Clock) -> ServerSeen:
    ours = {"statement_timeout": f"{math.ceil(timeout_s * 1000)}ms", **_READ_ONLY, **_READ_COMMITTED}
    settings = statement({**settings_of(connection, server.options), **ours})
    seen_at, began = clock(), time.monotonic()
    try:
        row = await _row(connection, settings, _WHOLE_LOOK)
    except psycopg.errors.InsufficientPrivilege:
        may = await _row(connection, settings, _RIGHTS.encode())
        narrower = _look(_READY if may["ready"] else NULL, _PG_WAL if may["pg_wal"] else NULL)
        seen_at, began = clock(), time.monotonic()
        row = await _row(connection, settings, narrower)
    return _seen(row, seen_at, time.monotonic() - began)


async def _row(connection: _Connection, settings: bytes, query: bytes) -> DictRow:
    """Of one exchange: the settings and the query are one transaction, undone where it fails."""
    cursor = connection.cursor()
    for _ in range(_TRIES - 1):
        with suppress(psycopg.errors.QueryCanceled):
            await cursor.execute(settings + b"; " + query)
            break
    else:
        await cursor.execute(settings + b"; " + query)
    while cursor.nextset():
        pass
    row = await cursor.fetchone()
    assert row is not None, "each of these statements has one row"
    return row


def _seen(row: Mapping[str, Any], seen_at: datetime, took_s: float) -> ServerSeen:
    flush, pg_wal = Lsn.parse(row["flush_lsn"] or "0/0"), row["pg_wal"] or {}
    return ServerSeen(
        seen_at=seen_at,
        took_s=took_s,
        server_at=row["server_at"],
        system_identifier=row["system_identifier"],
        timeline=row["replayed_timeline"] if row["is_standby"] else int(row["segment"][:8], 16),
        is_standby=row["is_standby"],
        segment_bytes=row["segment_bytes"],
        flush_lsn=flush,
        **_transactions(row, flush),
        archived_count=row["archived_count"],
        last_archived=row["last_archived_wal"],
        last_archived_at=row["last_archived_time"],
        failed_count=row["failed_count"],
        last_failed=row["last_failed_wal"],
        last_failed_at=row["last_failed_time"],
        ready=row["ready"],
        pg_wal_bytes=pg_wal.get("bytes"),
        segments_written_at=pg_wal.get("written_at") or {},
        slots=tuple(_slot(each, flush) for each in row["slots"] or ()),
        checkpoint=None if row["is_standby"] else _checkpoint(row),
    )


def _transactions(row: Mapping[str, Any], flush: Lsn) -> dict[str, Any]:
    """``xmin:xmax:xip_list``. A transaction at or above xmax may be open and is not listed; once it has ended, xmax is
    above it."""
    _, xmax, listed = row["snapshot"].split(":")
    still_open = tuple(int(xid) for xid in listed.split(",") if xid)
    insert = None if row["insert_lsn"] is None else Lsn.parse(row["insert_lsn"])
    on_disk = insert is not None and insert <= next_record(flush, row["segment_bytes"])
    is_telling = on_disk and len(still_open) <= _MOST_OPEN_XIDS
    return {
        "next_xid": int(xmax),
        "is_quiet": is_telling and not still_open,
        "open_xids": still_open if is_telling else (),
    }


def _checkpoint(row: Mapping[str, Any]) -> Checkpoint:
    """``next_xid`` is written as ``epoch:xid``. One at a shutdown has 0 for the oldest open transaction: it does not
    tell of prepared ones, which outlive it."""
    epoch, xid = (int(part) for part in row["next_xid"].split(":"))
    return Checkpoint(
        server_at=row["checkpoint_time"],
        timeline=row["timeline_id"],
        redo_lsn=Lsn.parse(row["redo_lsn"]),
        next_xid=epoch << 32 | xid,
        is_quiet=int(row["oldest_active_xid"]) == xid,
    )


def _slot(told: Mapping[str, Any], flush: Lsn) -> Slot:
    restart = told["restart_lsn"]
    return Slot(
        name=told["name"],
        is_active=told["is_active"],
        state=told["state"],
        safe_bytes=told["safe_bytes"],
        retained_bytes=None if restart is None else max(0, flush.bytes_since(Lsn.parse(restart))),
    )
