"""pg_waldump of each PostgreSQL, over segments that real servers archived."""

from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.wal.waldump import WalDump
from muniment.domain.wal.facts import MadeTablespace, SegmentFacts, next_record
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.errors import ProgramFailed
from tests.fixtures.clusters import ClusterFactory
from tests.support.archived import commit_over_a_boundary
from tests.support.living import folder_of_the_firm
from tests.support.stored import archive_to, rows
from tests.support.wal import eventually, sql, status_files

SEGMENT_BYTES = 2**20


@pytest.fixture
def folder(run_dir: Path, tmp_path: Path) -> Path:
    return run_dir / f"wal-{tmp_path.name}"


@pytest.fixture
def cluster(cluster_factory: ClusterFactory, programs: PostgresPrograms, folder: Path) -> LocalCluster:
    return cluster_factory(
        programs, wal_segment_size_mb=1, archive_command=archive_to(folder), max_prepared_transactions=2
    )


def archived(cluster: LocalCluster, folder: Path) -> list[WalSegment]:
    rows(cluster, "SELECT pg_switch_wal()")
    eventually(lambda: not status_files(cluster, "ready"))
    return [WalSegment.parse(path.name, SEGMENT_BYTES) for path in sorted(folder.iterdir())]


def facts(dump: WalDump, segments: list[WalSegment]) -> tuple[SegmentFacts, ...]:
    return dump.facts(segments[0], segments[-1], segments)


def test_ends_of_transactions_and_restore_points(
    cluster: LocalCluster, folder: Path, programs: PostgresPrograms
) -> None:
    archived(cluster, folder)
    xids = []
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:

        def do(statement: str) -> None:
            connection.execute(statement.encode())

        do("CREATE TABLE matter (id int)")
        do("BEGIN")
        xids.append(sql(cluster, "SELECT pg_current_xact_id()::text::int"))
        do("INSERT INTO matter VALUES (1)")
        row = connection.execute("SELECT pg_current_xact_id()::text::int").fetchone()
        assert row is not None
        rolled_back = row[0]
        do("ROLLBACK")
        do("BEGIN")
        do("INSERT INTO matter VALUES (2)")
        row = connection.execute("SELECT pg_current_xact_id()::text::int").fetchone()
        assert row is not None
        prepared = row[0]
        do("PREPARE TRANSACTION 'COMMIT 2020-01-01 00:00:00.000000 UTC'")
        do("SELECT pg_create_restore_point('we''ird, desc: COMMIT; name')")
        do("COMMIT PREPARED 'COMMIT 2020-01-01 00:00:00.000000 UTC'")
    before = sql(cluster, "SELECT now()")
    segments = archived(cluster, folder)
    found = facts(WalDump(programs, folder), segments)[-1]
    assert (found.lowest_xid, found.highest_xid) == (xids[0] - 1, prepared)
    assert rolled_back in range(xids[0] - 1, prepared)
    assert found.newest_at is not None
    assert found.newest_at < before
    assert (before - found.newest_at).total_seconds() < 60
    assert [point.name for point in found.restore_points] == ["we'ird, desc: COMMIT; name"]


def test_tablespaces_that_are_made(cluster: LocalCluster, folder: Path, programs: PostgresPrograms) -> None:
    place = folder_of_the_firm(folder.with_name(f'{folder.name} a "place" of its own'))
    rows(cluster, f"CREATE TABLESPACE matters LOCATION '{place}'")
    oid = sql(cluster, "SELECT oid::int FROM pg_tablespace WHERE spcname = 'matters'")
    rows(cluster, "DROP TABLESPACE matters")
    found = facts(WalDump(programs, folder), archived(cluster, folder))
    assert found[-1].tablespaces == (MadeTablespace(oid=oid, location=str(place)),)
    assert [each.tablespaces for each in found[:-1]] == [()] * (len(found) - 1)


def test_a_commit_that_crosses_into_the_next_segment_is_the_next_ones(
    cluster: LocalCluster, folder: Path, programs: PostgresPrograms
) -> None:
    rows(cluster, "CREATE TABLE matter (id int)")
    archived(cluster, folder)
    commit_over_a_boundary(cluster, SEGMENT_BYTES)
    segments = archived(cluster, folder)
    dump = WalDump(programs, folder)
    together = facts(dump, segments)
    assert [each.ended for each in together[-2:]] == [0, 1]
    assert dump.facts(segments[-2], segments[-1], segments[-1:]) == together[-1:]
    assert facts(dump, segments[-1:])[0].ended == 0  # which is why the one before is read as well


def test_every_record_is_found_and_ends_where_the_next_one_begins(
    cluster: LocalCluster, folder: Path, programs: PostgresPrograms
) -> None:
    rows(cluster, "CREATE TABLE matter AS SELECT n AS id, md5(n::text) AS title FROM generate_series(1, 20000) n")
    rows(cluster, "CHECKPOINT")
    rows(cluster, "UPDATE matter SET title = 'x' WHERE id % 100 = 0")
    segments = archived(cluster, folder)
    dump = WalDump(programs, folder)
    last = dump.last(segments[0], segments[-1])
    assert last is not None
    assert last.end == segments[-1].end  # a switch
    record, seen = dump.first_at(segments[0].start, segments[0], segments[-1]), 0
    while record is not None and record.start < last.start and seen < 25:
        following = dump.first_at(
            next_record(record.end, SEGMENT_BYTES), WalSegment.holding(record.end, 1, SEGMENT_BYTES), segments[-1]
        )
        assert following is not None
        assert following.start == next_record(record.end, SEGMENT_BYTES)
        record, seen = (
            dump.first_at(
                Lsn(record.start.offset_bytes + 37_011),
                WalSegment.holding(Lsn(record.start.offset_bytes + 37_011), 1, SEGMENT_BYTES),
                segments[-1],
            ),
            seen + 1,
        )
    assert seen > 10
    assert dump.first_at(Lsn(last.start.offset_bytes + 8), segments[-1], segments[-1]) is None


def test_a_log_that_ends_before_its_file_is_read_to_its_end(
    cluster: LocalCluster, folder: Path, programs: PostgresPrograms
) -> None:
    rows(cluster, "CREATE TABLE matter AS SELECT n AS id FROM generate_series(1, 1000) n")
    segment = archived(cluster, folder)[-1]
    dump = WalDump(programs, folder)
    switch = dump.last(segment, segment)
    assert switch is not None
    whole = facts(dump, [segment])
    content = bytearray((folder / segment.name).read_bytes())
    begins = switch.start.offset_bytes - segment.start.offset_bytes
    content[begins:] = bytes(len(content) - begins)
    (folder / segment.name).write_bytes(content)
    last = dump.last(segment, segment)
    assert last is not None
    assert next_record(last.end, SEGMENT_BYTES) == switch.start
    assert facts(dump, [segment]) == whole
    assert whole[0].ended > 0


def test_a_file_that_is_not_there_is_a_failure(programs: PostgresPrograms, tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match="pg_waldump"):
        facts(WalDump(programs, tmp_path), [WalSegment(1, 5, SEGMENT_BYTES)])
