"""A cluster that has more of everything than PostgreSQL's own settings hold room for."""

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster

ORIGINS = 1100
PREPARED = 120
LOCKS = 100_000
SEGMENT_MB = 64
"""A server with PostgreSQL's own min_wal_size does not start with these."""


def settings(major: int) -> dict[str, str | int | bool]:
    origins = "max_active_replication_origins" if major >= 18 else "max_replication_slots"
    return {
        "max_connections": 130,
        "max_worker_processes": 20,
        "max_wal_senders": 12,
        "max_prepared_transactions": 1010,
        "max_locks_per_transaction": 150,
        "max_replication_slots": 20,
        "track_commit_timestamp": True,
        origins: ORIGINS,
    }


def crowd(cluster: LocalCluster) -> None:
    """Wants ``settings``. Every second origin has progress; ``crowd_more`` gives it to the others, behind a backup."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE paid (cents int)")
        connection.execute("SELECT pg_create_physical_replication_slot('slot_' || n) FROM generate_series(1, 15) n")
        names = "SELECT pg_replication_origin_create('office ' || n) FROM generate_series(1, %s) n"
        connection.execute(names, (ORIGINS,))
        connection.execute("BEGIN; INSERT INTO paid VALUES (1)")
        connection.execute("SELECT pg_advisory_xact_lock(n) FROM generate_series(1, %s) n", (LOCKS,))
        connection.execute("PREPARE TRANSACTION 'holds much'")
        for number in range(PREPARED):
            connection.execute(f"BEGIN; INSERT INTO paid VALUES (1); PREPARE TRANSACTION 'transfer {number}'".encode())
    _advance(cluster, 0)


def crowd_more(cluster: LocalCluster) -> None:
    _advance(cluster, 1)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("BEGIN; INSERT INTO paid VALUES (2); PREPARE TRANSACTION 'behind the backup'")


def found(cluster: LocalCluster) -> tuple[int, int, int]:
    """Origins with progress, prepared transactions, and what one of them holds."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        asked = """
            SELECT (SELECT count(*) FROM pg_replication_origin_status), (SELECT count(*) FROM pg_prepared_xacts),
                   (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
        """
        told = connection.execute(asked).fetchone()
    assert told
    return told


EVERYTHING = (ORIGINS, PREPARED + 2, LOCKS)


def _advance(cluster: LocalCluster, remainder: int) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_replication_origin_advance('office ' || n, '0/1000') FROM generate_series(1, %s::int) n"
            " WHERE n %% 2 = %s",
            (ORIGINS, remainder),
        )
