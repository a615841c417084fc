"""A tablespace that is made after the base backup, restored on the host where the firm's own cluster has its files."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from muniment.adapters.cut_over import directory_move as swap
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.records import StagingFolder
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.facts import PAGE_BYTES
from muniment.domain.wal.names import Lsn
from muniment.domain.wal.tablespaces import emptied
from muniment.ports import utc_now
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.staging.lifetime import destroy
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from muniment.runbooks.wal.fetch_wal import open_fetcher
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.archived import Archived, archived_firm
from tests.support.living import digests, folder_of_the_firm
from tests.support.restores import serving
from tests.support.stored import rows
from tests.support.wal import sql

SEGMENT_BYTES = 2**20
pytestmark = pytest.mark.timeout(720)


@dataclass
class Firm:
    """``places`` are the tablespaces', on this host; ``lsn`` is behind their CREATE and their first rows."""

    archived: Archived
    places: tuple[Path, Path]
    made_lsn: str
    """Behind the first one's CREATE, in the same segment."""
    lsn: str

    @property
    def living(self) -> dict[str, str]:
        return digests(*self.places, self.cluster.data_dir)

    @property
    def cluster(self) -> LocalCluster:
        return self.archived.cluster

    def plan(self, into: Path, lsn: str | None = None) -> RestorePlan:
        site, target = self.archived.site, RecoveryTarget.parse(lsn or self.lsn)
        return plan_restore(site.primary, site.firm, target, side="primary", into=into, clock=utc_now)

    def stage(self, root: Path, lsn: str | None = None) -> tuple[StagingFolder, LocalCluster]:
        site = self.archived.site
        plan = self.plan(staging_place(root, site.firm.id, utc_now()), lsn)
        stage_restore(site.primary, site.firm, plan, clock=utc_now)
        folder = StagingFolder(Path(plan.into).parent)
        return folder, folder.server(self.cluster.programs, plan)


def create_over_a_segments_border(cluster: LocalCluster, name: str, place: Path) -> None:
    """The record of CREATE TABLESPACE begins in one segment and ends in the next: its path is long."""
    create = f"CREATE TABLESPACE {name} LOCATION '{place}'"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:

        def written(statement: str) -> int:
            """Bytes that were written by then."""
            session.execute(statement.encode())
            row = session.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
            assert row is not None
            return int(row[0])

        written(create)
        written(f"DROP TABLESPACE {name}")
        begin = written("CHECKPOINT")
        for _ in range(2):  # page images are in the first one alone
            begin, end = written(f"DROP TABLESPACE IF EXISTS {name}"), written(create)
            written(f"DROP TABLESPACE {name}")
        into_the_record = end - begin - len(str(place)) // 2
        while (left := -written("SELECT") % SEGMENT_BYTES) > into_the_record:
            size = max(1, min(left - into_the_record - 200, PAGE_BYTES))
            written(f"SELECT pg_logical_emit_message(false, 'x', repeat('x', {size}))")
        written(create)


@pytest.fixture(scope="module")
def firm(
    module_cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs: PostgresPrograms,
    run_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Firm]:
    own = run_dir / f"space-{uuid4().hex[:8]}"
    places = folder_of_the_firm(own / "m"), folder_of_the_firm(own / ("l" * 200) / ("o" * 200) / ("n" * 200))
    made = archived_firm(module_cluster_factory, site_factory, programs, tmp_path_factory.mktemp("wal"))
    made.point(full=True)
    cluster = made.cluster
    # What lies there now is not what the WAL lets be dropped there.
    rows(cluster, f"CREATE TABLESPACE early LOCATION '{places[0]}'")
    rows(cluster, "CREATE DATABASE closed TABLESPACE early")
    rows(cluster, "DROP DATABASE closed")
    rows(cluster, "DROP TABLESPACE early")
    made.switch()
    rows(cluster, f"CREATE TABLESPACE matters LOCATION '{places[0]}'")
    rows(cluster, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 30000))")
    made_lsn = str(sql(cluster, "SELECT pg_current_wal_insert_lsn()"))
    create_over_a_segments_border(cluster, "letters", places[1])
    rows(cluster, "CREATE TABLE ledger (id int PRIMARY KEY) TABLESPACE matters")
    rows(cluster, "CREATE UNLOGGED TABLE draft (id int) TABLESPACE matters")
    rows(cluster, "CREATE TABLE letter TABLESPACE letters AS SELECT generate_series(1, 500) AS id")
    rows(cluster, "INSERT INTO ledger SELECT generate_series(1, 30000)")
    rows(cluster, "INSERT INTO draft SELECT generate_series(1, 1000)")
    lsn = str(made.switch())
    rows(cluster, "INSERT INTO ledger SELECT generate_series(30001, 40000)")
    made.switch()
    made.verify()
    rows(cluster, "INSERT INTO draft VALUES (0)")
    made.switch()
    yield Firm(made, places, made_lsn, lsn)
    cluster.kill()
    shutil.rmtree(own)


def prove(staged: LocalCluster) -> None:
    """What the copy holds."""
    assert sql(staged, "SELECT count(*) FROM ledger") == 30000
    assert sql(staged, "SELECT count(*) FROM letter") == 500
    assert sql(staged, "SELECT count(*) FROM draft") == 0


def where(cluster: LocalCluster) -> dict[str, tuple[int, str]]:
    found = rows(cluster, "SELECT spcname, oid, pg_tablespace_location(oid) FROM pg_tablespace WHERE oid > 16383")
    return {name: (oid, place) for name, oid, place in found}  # type: ignore[misc]


def test_a_record_of_the_firms_lies_over_a_segments_border(firm: Firm) -> None:
    """So that the other tests are about such a one as well."""
    segments = sorted(file for file in firm.archived.folder.glob("0*") if len(file.name) == 24)
    creations = [emptied(file.read_bytes()).creations for file in segments]
    seen = sum(creations, ())
    with_neighbours = [
        emptied(each.read_bytes(), [before.read_bytes()], [behind.read_bytes()]).creations
        for before, each, behind in zip(segments, segments[1:], segments[2:], strict=False)
    ]
    assert len(sum(with_neighbours, ())) == len(seen) + 2, "both segments tell it"


def test_the_plan_tells_each_tablespace_and_what_is_not_read_yet(firm: Firm, tmp_path: Path) -> None:
    into = tmp_path / "restored"
    plan = firm.plan(into)
    oids = {name: oid for name, (oid, _) in where(firm.cluster).items()}
    told = {each.oid: (each.location, each.place, each.made_by) for each in plan.tablespaces}
    for name, place in zip(("matters", "letters"), firm.places, strict=True):
        assert told[oids[name]] == (str(place), f"{into}/pg_tblspc/{oids[name]}", "WAL")
    assert len(told) > len(oids), "and those that were dropped again"
    assert plan.replay.unread_segments == 0
    assert firm.plan(into, "latest").replay.unread_segments == 1


def test_a_staging_on_the_live_host_changes_nothing_that_lives(firm: Firm, tmp_path: Path) -> None:
    firm.cluster.stop()  # so that nobody else writes, and so that its next start reads what is on disk
    before = firm.living
    folder, staged = firm.stage(tmp_path)
    try:
        assert firm.living == before
        prove(staged)
        assert rows(staged, "INSERT INTO ledger VALUES (0) RETURNING id") == [(0,)]
        for oid, place in where(staged).values():
            assert place == str(folder.path / "data-tablespaces" / str(oid))
        assert swap.tablespaces_of(folder.data_dir) == dict(where(staged).values()), "what a cut-over brings along"
        rows(staged, "DROP TABLE ledger, draft, letter")
        rows(staged, "DROP TABLESPACE matters")
        rows(staged, "DROP TABLESPACE letters")
        assert firm.living == before
    finally:
        destroy(folder)
    assert not folder.path.exists()
    firm.cluster.start()
    assert rows(firm.cluster, "SELECT count(*), count(DISTINCT id) FROM ledger") == [(40000, 40000)]
    assert sql(firm.cluster, "SELECT count(*) FROM draft") == 1001


def test_when_its_last_transaction_ended_is_compared_though_its_server_is_started_twice(
    firm: Firm, tmp_path: Path
) -> None:
    folder, _ = firm.stage(tmp_path)
    try:
        record, plan = folder.record(), folder.plan()
        assert record
        assert plan
        assert plan.reaches_at is not None
        assert record.reached_at == plan.reaches_at
    finally:
        destroy(folder)


def test_where_the_host_has_no_such_folder_the_firm_is_staged_as_well(firm: Firm, tmp_path: Path) -> None:
    firm.cluster.stop()
    own = firm.places[0].parent
    elsewhere = own.rename(own.with_name(f"{own.name}-elsewhere"))
    try:
        folder, staged = firm.stage(tmp_path)
        prove(staged)
        destroy(folder)
        assert not own.exists()
    finally:
        elsewhere.rename(own)
        firm.cluster.start()


def test_what_the_staging_may_archive_one_day_is_what_the_firm_wrote(firm: Firm, tmp_path: Path) -> None:
    """A server copies the segment in which its recovery ended into the timeline that it begins."""
    folder, _ = firm.stage(tmp_path, firm.made_lsn)
    try:
        ours = sorted((folder.data_dir / "pg_wal").glob("00000002????????????????"))[0]
        archived = firm.archived.folder / f"00000001{ours.name[8:]}"
        pages = Lsn.parse(firm.made_lsn).offset_bytes % SEGMENT_BYTES // PAGE_BYTES * PAGE_BYTES
        assert str(firm.places[0]).encode() in archived.read_bytes()[:pages]
        for page in range(0, pages, PAGE_BYTES):  # a page's header has the timeline
            there, here = (file.read_bytes()[page + 24 : page + PAGE_BYTES] for file in (archived, ours))
            assert there == here
    finally:
        destroy(folder)


def test_a_restore_whose_server_somebody_else_starts_changes_nothing_that_lives(firm: Firm, tmp_path: Path) -> None:
    """``restore --into``: with no fence of the kernel's, the WAL that ``wal fetch`` hands out leads nowhere."""
    site, wal = firm.archived.site, tmp_path / "wal"
    wal.mkdir()
    fetcher = open_fetcher(site.primary, site.replica, data_directory_belongs_to=None)
    for name in firm.archived.store.files():
        (wal / name).write_bytes(fetcher.read(name) or b"")
    firm.cluster.stop()
    before = firm.living
    restored = restore_cluster(
        site.primary,
        firm.plan(tmp_path / "restored"),
        programs=firm.cluster.programs,
        restore_command=["cp", f"{wal}/%f", "%p"],
    )
    with serving(restored, firm.cluster.programs) as cluster:
        prove(cluster)
        for oid, place in where(cluster).values():
            assert place == f"pg_tblspc/{oid}"
            assert list((cluster.data_dir / place).glob("PG_*/*/*"))
        rows(cluster, "CHECKPOINT")
        cluster.restart(enforced={"hba_file": str(restored.data_dir) + ".hba"})
        prove(cluster)
    assert firm.living == before
    firm.cluster.start()
