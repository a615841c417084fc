"""Work of every kind that PostgreSQL stores in a way of its own: what a chain has to bring back, changed six times.

Our own, and no test of what PostgreSQL does with it: what counts is that the files of each kind change between backups.
"""

from pathlib import Path

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster

BENCH = "bench"
# 780 bytes a row and nine tenths of each page empty: a page a row, so little WAL, and more than one file of 1 GiB.
ROWS_OF_A_GIGABYTE = 131_500
_BIG = "INSERT INTO big SELECT n, repeat('x', 780) FROM generate_series({first}, {last}) n"

SCHEMA = (
    "CREATE TYPE stage AS ENUM ('intake', 'open', 'closed')",
    "CREATE SEQUENCE case_numbers START 100 CACHE 5",
    "CREATE TABLE matter (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stage stage, title text, tags int[],"
    " words tsvector, place point, during tsrange, opened date, number bigint DEFAULT nextval('case_numbers'))",
    "CREATE INDEX ON matter USING hash (title)",
    "CREATE INDEX ON matter USING gin (tags)",
    "CREATE INDEX ON matter USING gin (words) WITH (fastupdate = on)",
    "CREATE INDEX ON matter USING gist (place)",
    "CREATE INDEX ON matter USING gist (during)",
    "CREATE INDEX ON matter USING spgist (title)",
    "CREATE INDEX ON matter USING brin (opened)",
    "CREATE INDEX ON matter (stage, opened) INCLUDE (id) WHERE stage <> 'closed'",
    "CREATE INDEX ON matter (lower(title))",
    "INSERT INTO matter (stage, title, tags, words, place, during, opened) SELECT 'open', 'Matter ' || n, ARRAY[n % 7,"
    " n % 11], to_tsvector('simple', 'matter ' || n), point(n, n % 90), tsrange(timestamp '2026-01-01' + n * interval"
    " '1 h', NULL), date '2026-01-01' + n % 300 FROM generate_series(1, 6000) n",
    "CREATE TABLE entry (id int, at date, amount numeric(14,2), note text, PRIMARY KEY (id, at))"
    " PARTITION BY RANGE (at)",
    *(
        f"CREATE TABLE entry_{half} PARTITION OF entry FOR VALUES FROM ('{first}') TO ('{last}')"
        for half, first, last in (("a", "2026-01-01", "2026-07-01"), ("b", "2026-07-01", "2027-01-01"))
    ),
    "INSERT INTO entry SELECT n, date '2026-01-01' + n % 364, n * 1.01, 'entry ' || n FROM generate_series(1, 6000) n",
    "CREATE TABLE share (matter int, who text, PRIMARY KEY (matter, who)) PARTITION BY HASH (matter)",
    *(f"CREATE TABLE share_{n} PARTITION OF share FOR VALUES WITH (MODULUS 3, REMAINDER {n})" for n in range(3)),
    "INSERT INTO share SELECT n, 'clerk ' || n % 9 FROM generate_series(1, 3000) n",
    "CREATE TABLE paper (id int PRIMARY KEY, body text STORAGE EXTERNAL)",
    "INSERT INTO paper SELECT n, repeat(md5(n::text), 300) FROM generate_series(1, 200) n",
    "CREATE TABLE letter (id int PRIMARY KEY, matter int REFERENCES matter (id), body text)",
    "INSERT INTO letter SELECT n, n, repeat('Dear Sir, ', n % 40) FROM generate_series(1, 3000) n",
    "CREATE TABLE mover AS SELECT n AS id FROM generate_series(1, 4000) n",
    "CREATE UNIQUE INDEX ON mover (id)",
    "CREATE TABLE heap AS SELECT n AS id, md5(n::text) AS word FROM generate_series(1, 4000) n",
    "CREATE UNIQUE INDEX heap_by_word ON heap (word)",
    "CREATE TABLE emptied AS SELECT n AS id FROM generate_series(1, 4000) n",
    "CREATE UNIQUE INDEX ON emptied (id)",
    "CREATE UNLOGGED TABLE passing AS SELECT n AS id FROM generate_series(1, 1000) n",
    "CREATE TABLE staying AS SELECT n AS id FROM generate_series(1, 1000) n",
    "CREATE UNIQUE INDEX ON staying (id)",
    "CREATE MATERIALIZED VIEW by_stage AS SELECT stage, count(*) AS matters FROM matter GROUP BY stage",
    "CREATE UNIQUE INDEX ON by_stage (stage)",
    "CREATE TABLE big (id int, filler text STORAGE PLAIN) WITH (fillfactor = 10, autovacuum_enabled = off)",
    "CREATE UNIQUE INDEX ON big (id)",
    _BIG.format(first=1, last=500),
    "SELECT lo_from_bytea(n, decode(repeat(md5(n::text), 200), 'hex')) FROM generate_series(20001, 20030) n",
    "VACUUM (FREEZE, ANALYZE)",
)

# Each is one night: what changes the files in a way of its own, VACUUM between, deletions behind the last VACUUM.
NIGHTS = (
    (
        "UPDATE matter SET title = title || ' (moved)', tags = tags || 12 WHERE id % 50 = 0",
        "DELETE FROM matter WHERE id > 5990",
        "INSERT INTO paper SELECT n, repeat(md5(n::text), 900) FROM generate_series(201, 260) n",
        "VACUUM paper",
        "DELETE FROM paper WHERE id % 10 = 0",
        "CREATE DATABASE by_wal STRATEGY wal_log",
        "DELETE FROM mover WHERE id <= 6",
    ),
    (
        "TRUNCATE emptied",
        "INSERT INTO emptied SELECT n FROM generate_series(1, 3000) n",
        "VACUUM (ANALYZE) emptied",
        "CLUSTER heap USING heap_by_word",
        "VACUUM (ANALYZE) heap",
        "DELETE FROM heap WHERE word < '01'",
        "CREATE DATABASE by_copy TEMPLATE bench STRATEGY file_copy",
        "SELECT setval('case_numbers', 9000)",
    ),
    (
        "ALTER TABLE mover SET TABLESPACE room",
        "VACUUM (ANALYZE) mover",
        _BIG.format(first=501, last=ROWS_OF_A_GIGABYTE),
        "VACUUM (ANALYZE) big",
        "DELETE FROM matter WHERE id % 31 = 0 AND NOT EXISTS (SELECT FROM letter l WHERE l.matter = matter.id)",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY by_stage",
        "VACUUM FULL pg_class",
        "VACUUM FULL pg_database",
    ),
    (
        "DELETE FROM mover WHERE id % 100 = 0",
        "DELETE FROM big WHERE id > 1000",
        "VACUUM (TRUNCATE) big",
        "SELECT lo_unlink(n) FROM generate_series(20001, 20010) n",
        "VACUUM pg_largeobject",
        "DO $$ BEGIN FOR n IN 1..60 LOOP EXECUTE format('CREATE TABLE churn_%s (id int PRIMARY KEY)', n); END LOOP;"
        " FOR n IN 1..50 LOOP EXECUTE format('DROP TABLE churn_%s', n); END LOOP; END $$",
        "VACUUM (ANALYZE) pg_catalog.pg_attribute",
        "ALTER TYPE stage ADD VALUE 'archived'",
        "COMMENT ON TABLE matter IS 'changed'",
    ),
    (
        _BIG.format(first=200_000, last=202_500),
        "VACUUM big",
        "DELETE FROM big WHERE id BETWEEN 1 AND 40",
        "ALTER TABLE passing SET LOGGED",
        "ALTER TABLE staying SET UNLOGGED",
        "REINDEX TABLE matter",
        "ALTER DATABASE by_wal SET TABLESPACE room",
        "ALTER TABLE entry DETACH PARTITION entry_a",
        "DELETE FROM entry_a WHERE id % 17 = 0",
        "DO $$ BEGIN FOR n IN 1..300 LOOP BEGIN INSERT INTO share VALUES (n, 'sub'); EXCEPTION WHEN OTHERS THEN NULL;"
        " END; END LOOP; END $$",
    ),
    (
        "UPDATE letter SET body = body || '.' WHERE id % 13 = 0",
        "VACUUM (FREEZE, ANALYZE)",
        "DELETE FROM letter WHERE id <= 6",
        "DELETE FROM entry WHERE id % 19 = 0",
        "DELETE FROM share WHERE matter <= 30",
        "DROP TABLE churn_55",
        "SELECT count(*) FROM matter",
    ),
)
# Behind the last backup: replayed from the WAL over what was combined.
AFTERWARDS = ("DELETE FROM heap WHERE word > 'fe'", "INSERT INTO mover SELECT n FROM generate_series(5001, 5100) n")


def begin(cluster: LocalCluster, room: Path) -> None:
    room.mkdir()
    cluster._hand_over(room)
    do(cluster, f"CREATE TABLESPACE room LOCATION '{room}'", f"CREATE DATABASE {BENCH}", *SCHEMA)
    _pgbench(cluster, "--initialize", "--scale=2", "--quiet")


def night(cluster: LocalCluster, number: int) -> None:
    _pgbench(cluster, "--transactions=150", "--client=2", "--no-vacuum")
    do(cluster, *NIGHTS[number])
    lock_together(cluster)


def _pgbench(cluster: LocalCluster, *options: str) -> None:
    cluster.programs.run("pgbench", *options, cluster.conninfo(BENCH))


def do(cluster: LocalCluster, *statements: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def lock_together(cluster: LocalCluster) -> None:
    """Two transactions on the same rows: PostgreSQL keeps that as a multixact."""
    query = b"SELECT id FROM matter WHERE id BETWEEN 100 AND 140 FOR KEY SHARE"
    with psycopg.connect(cluster.conninfo()) as one, psycopg.connect(cluster.conninfo()) as other:
        one.execute(query)
        other.execute(query)
