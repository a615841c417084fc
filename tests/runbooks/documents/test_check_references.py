"""Rows and documents compared on a real server."""

from collections.abc import Iterator

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.firm.application import DocumentReference
from muniment.domain.secret import Secret
from muniment.runbooks.documents.check_references import check_references
from muniment_demo.documents import first_day
from muniment_demo.practice import DATABASE, Practice, create_database, fill, live_a_day
from tests.fixtures.clusters import ClusterFactory

REFERENCE = DocumentReference(table="practice.documents", column="storage_key")
FIRM = "harbor-lane"


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> Iterator[LocalCluster]:
    cluster = module_cluster_factory(programs)
    create_database(cluster.conninfo())
    fill(cluster.conninfo(DATABASE), Practice(FIRM, scale=0.1))
    yield cluster


def server_of(cluster: LocalCluster) -> PostgresServer:
    return PostgresServer(FIRM, Secret(cluster.conninfo()), DATABASE)


def test_the_demonstration_firms_rows_and_documents_name_each_other(cluster: LocalCluster) -> None:
    documents = [("harbor-lane-documents", paper.key) for paper in first_day(FIRM)]
    found = check_references(server_of(cluster), [REFERENCE], [*documents, ("harbor-lane-documents", "note.txt")])
    rows, alone = found.checks
    assert rows.passed
    assert rows.found == "40 of 40 rows"
    assert alone.found == "1 of 41; 'harbor-lane-documents/note.txt'"
    assert found.named == set(documents)


def test_a_days_work_keeps_them_together_and_yesterdays_documents_do_not_fit(cluster: LocalCluster) -> None:
    yesterday = [("harbor-lane-documents", paper.key) for paper in first_day(FIRM)]
    live_a_day(cluster.conninfo(DATABASE), FIRM)
    (rows, alone) = check_references(server_of(cluster), [REFERENCE], yesterday).checks
    assert rows.found.startswith("38 of 41 rows; not 'Matters/")
    assert not rows.passed
    assert alone.found.startswith("2 of 40; ")


def test_a_column_that_was_not_there_yet_is_not_judged_and_no_references_are_no_checks(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(DATABASE)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS practice.letters (file text)")
    wrong = DocumentReference(table="practice.letters", column="path")
    right = DocumentReference(table="practice.letters", column="file")
    first, second, _ = check_references(server_of(cluster), [wrong, right], []).checks
    assert first.passed is None
    assert first.found == 'not judged: column "path" does not exist (SQLSTATE 42703) at that instant'
    assert second.passed is None
    assert check_references(server_of(cluster), [], [("a", "b")]).checks == ()
