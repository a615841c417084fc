"""What a drill asks of a restored cluster: a damaged page is found, by amcheck or by a dump, and is named."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from muniment.adapters.drill import relations
from muniment.adapters.drill.relations import has_amcheck
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.restore.visibility import has_pg_visibility
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import ControlTotals
from muniment.domain.wal.names import Lsn
from muniment.ports import utc_now
from muniment.runbooks.drill.cluster_checks import Inspection
from tests.fixtures.clusters import ClusterFactory

NAMES = ("Practice", "east.west", "north south", 'it\'s "x"', "a=b", "back\\slash", "100%", "Ünï*?", "postgresql://x")
ANYBODY: Any = None
"""The site: only totals, balances and smoke queries ask for it."""


@pytest.fixture
def cluster(cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    cluster = cluster_factory(programs)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE ledger AS SELECT n, repeat('x', 100) AS memo FROM generate_series(1, 2000) n")
        connection.execute("CREATE INDEX ON ledger (n)")
        connection.execute("CHECKPOINT")
    return cluster


def without_amcheck(programs: PostgresPrograms, folder: Path) -> PostgresPrograms:
    """Debian has pg_amcheck in a package of its own."""
    folder.mkdir()
    for program in programs.bin_dir.iterdir():
        if program.name != "pg_amcheck":
            (folder / program.name).symlink_to(program)
    return PostgresPrograms(programs.major, folder)


def inspection(cluster: LocalCluster, programs: PostgresPrograms) -> Inspection:
    return Inspection(ANYBODY, PostgresServer("alder", Secret(cluster.conninfo()), "postgres"), programs)


def damage(cluster: LocalCluster, relation: str) -> None:
    """A few bytes in the middle of one page, while nobody has it in memory."""
    with psycopg.connect(cluster.conninfo()) as connection:
        (path,) = connection.execute("SELECT pg_relation_filepath(%s)", (relation,)).fetchone() or ("",)
    cluster.stop()
    with (cluster.data_dir / path).open("r+b") as file:
        file.seek(2 * 8192 + 4000)
        file.write(b"rotten")
    cluster.start()


@pytest.mark.parametrize("with_amcheck", [True, False])
def test_a_damaged_page_is_found(cluster: LocalCluster, with_amcheck: bool, tmp_path: Path) -> None:
    programs = cluster.programs if with_amcheck else without_amcheck(cluster.programs, tmp_path / "bin")
    restored = inspection(cluster, programs)
    by_amcheck = with_amcheck and has_amcheck(restored.server, programs)
    (whole,) = restored.relations()
    assert whole.passed
    assert whole.found == f"1 databases read by {'amcheck' if by_amcheck else 'a dump to nowhere'}"
    damage(cluster, "ledger")
    (broken,) = inspection(cluster, programs).relations()
    assert not broken.passed
    assert broken.found.startswith("postgres: ")
    assert "page" in broken.found


def test_what_gives_no_answer_in_time_is_a_fault_of_the_drill_and_not_its_end(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relations, "_TIMEOUT_S", 0.001)
    found = relations.read_all_relations(inspection(cluster, cluster.programs).server, cluster.programs)
    assert "no answer in 0.001 s" in found.faults[0]


def test_a_damaged_index_is_found_where_amcheck_is(cluster: LocalCluster) -> None:
    """A dump reads no index."""
    restored = inspection(cluster, cluster.programs)
    if not has_amcheck(restored.server, cluster.programs):
        pytest.skip("amcheck is not installed here")
    damage(cluster, "ledger_n_idx")
    (broken,) = inspection(cluster, cluster.programs).relations()
    assert not broken.passed
    assert "ledger_n_idx" in broken.found


def test_an_index_whose_function_needs_a_search_path_is_no_damage_and_a_damaged_one_is(cluster: LocalCluster) -> None:
    """pg_amcheck runs it without one: "function plain(text) does not exist"."""
    restored = inspection(cluster, cluster.programs)
    if not has_amcheck(restored.server, cluster.programs):
        pytest.skip("amcheck is not installed here")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA office")
        connection.execute("CREATE FUNCTION office.plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'")
        body = "'BEGIN RETURN plain($1); END'"
        connection.execute(f"CREATE FUNCTION office.f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS {body}".encode())
        connection.execute("SET search_path = office, public")
        connection.execute('CREATE INDEX "By Memo" ON ledger (f(memo)); CREATE INDEX few ON ledger (n) WHERE n > 5')
    whole, unknown = restored.relations()
    assert whole.passed
    assert unknown.name == 'every row of its table is in index public."By Memo" of postgres'
    assert (unknown.passed, unknown.found) == (None, "not judged: function plain(text) does not exist (SQLSTATE 42883)")
    damage(cluster, "few")
    broken, _ = inspection(cluster, cluster.programs).relations()
    assert not broken.passed
    assert "postgres: index public.few: " in broken.found


@pytest.mark.parametrize("with_amcheck", [True, False])
def test_a_database_is_read_whatever_its_name_is(cluster: LocalCluster, with_amcheck: bool, tmp_path: Path) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for name in NAMES:
            connection.execute(sql.SQL("CREATE DATABASE {} IS_TEMPLATE true").format(sql.Identifier(name)))
        connection.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
    programs = cluster.programs if with_amcheck else without_amcheck(cluster.programs, tmp_path / "bin")
    read, closed = inspection(cluster, programs).relations()
    assert read.found.startswith(f"{1 + len(NAMES)} databases read by ")
    assert read.passed
    assert (closed.passed, closed.name) == (None, "every relation of closed")


def totals(**counts: int) -> ControlTotals:
    named = {f"public.{table}": count for table, count in counts.items()}
    return ControlTotals(lsn=Lsn(1), read_at=utc_now(), counts=named, sums={})


def make_the_map_stale(cluster: LocalCluster) -> None:
    """As an increment of PostgreSQL 17.9 leaves it: six rows are gone, and the map is that from before."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) ledger")
        (path,) = connection.execute("SELECT pg_relation_filepath('ledger') || '_vm'").fetchone() or ("",)
        connection.execute("CHECKPOINT")
        before = (cluster.data_dir / path).read_bytes()
        connection.execute("DELETE FROM ledger WHERE n <= 6")
    cluster.stop()
    (cluster.data_dir / path).write_bytes(before)
    cluster.start()


def test_a_stale_visibility_map_is_found(cluster: LocalCluster) -> None:
    restored = inspection(cluster, cluster.programs)
    (whole,) = restored.indexes(totals(ledger=2000))
    assert (whole.name, whole.passed) == ("public.ledger by its index", True)
    assert (whole.expected, whole.found) == ("2000 rows, as they are read one by one", "2000 by an index alone")
    make_the_map_stale(cluster)
    assert all(check.passed for check in restored.relations())  # neither amcheck nor a dump sees it
    (stale,) = restored.indexes(totals(ledger=2000))
    assert not stale.passed
    assert (stale.expected, stale.found) == ("1994 rows, as they are read one by one", "2000 by an index alone")


def test_pg_visibility_names_the_relation_and_leaves_nothing(cluster: LocalCluster) -> None:
    restored = inspection(cluster, cluster.programs)
    if not has_pg_visibility(restored.server):
        assert restored.visibility_maps().found == "not asked: pg_visibility is not here"
        return
    assert restored.visibility_maps().found == "asked in 1 databases"
    make_the_map_stale(cluster)
    found = restored.visibility_maps()
    assert (found.passed, found.found) == (False, "wrong: postgres: ledger")
    with psycopg.connect(cluster.conninfo()) as connection:
        left = "SELECT extname FROM pg_extension UNION SELECT nspname FROM pg_namespace WHERE nspname ~ 'muniment'"
        assert connection.execute(left).fetchall() == [("plpgsql",)]


def test_a_table_without_an_index_is_told(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP INDEX ledger_n_idx")
    (found,) = inspection(cluster, cluster.programs).indexes(totals(ledger=2000, nowhere=1))
    assert (found.passed, found.found) == (None, "no index of it answers alone")


def test_a_search_among_embeddings_finds_its_operator_wherever_the_extension_is(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """A firm keeps its extensions in a schema of their own; a column of no vector at all proves nothing."""
    cluster = cluster_factory(programs17)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext; CREATE TYPE vector AS (n int)")
        connection.execute('CREATE TABLE papers ("Embedding" ext.vector(2), empty ext.vector(2), mixed ext.vector)')
        connection.execute("CREATE TABLE others (like_it vector)")
        connection.execute("INSERT INTO papers VALUES ('[1,2]', NULL, '[1]'), ('[2,1]', NULL, '[1,2]')")
    checks = {each.name: each for each in inspection(cluster, programs17).vectors()}
    assert {name: (each.passed, each.found) for name, each in checks.items()} == {
        'embeddings of public.papers."Embedding"': (True, "2 of 2 rows embedded, 1 neighbour found"),
        "embeddings of public.papers.empty": (None, "0 of 2 rows embedded, 0 neighbour found"),
        "embeddings of public.papers.mixed": (None, "DataException (SQLSTATE 22000)"),
    }
