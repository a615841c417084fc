"""A collation that sorts otherwise than its indexes were built is named, with them and with the way out."""

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.collations import glibc_version, old_collations, recorded_versions
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.collation import OldCollation, elsewhere, findings
from muniment.domain.secret import Secret
from tests.fixtures.clusters import ClusterFactory

DATABASE = "my words"


@pytest.fixture
def server(cluster_factory: ClusterFactory, programs: PostgresPrograms) -> PostgresServer:
    """The wheel's 17 has no ICU and the built-in provider, Debian's 15 has it the other way round."""
    cluster = cluster_factory(programs)
    provider = "builtin BUILTIN_LOCALE 'C.UTF-8'" if programs.major >= 17 else "icu ICU_LOCALE 'sv'"
    run(cluster, "postgres", f'CREATE DATABASE "{DATABASE}" TEMPLATE template0 LOCALE_PROVIDER {provider}')
    run(cluster, DATABASE, "CREATE TABLE parties (name text PRIMARY KEY, born date)")
    run(cluster, DATABASE, "CREATE INDEX by_age ON parties (born)")
    if programs.major == 15:
        run(cluster, DATABASE, "CREATE COLLATION german (provider = icu, locale = 'de')")
        run(cluster, DATABASE, "CREATE INDEX in_german ON parties (name COLLATE german)")
    return PostgresServer("acme", Secret(cluster.conninfo()), "postgres")


def run(cluster: LocalCluster, database: str, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(database), autocommit=True) as connection:
        connection.execute(statement.encode())


def test_what_is_older_is_named_with_its_indexes_and_mended_by_what_it_says(
    server: PostgresServer, programs: PostgresPrograms
) -> None:
    assert list(old_collations(server, DATABASE)) == []
    with server.connect(DATABASE) as connection:
        connection.execute("UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()")
        connection.execute("UPDATE pg_collation SET collversion = '0' WHERE collname = 'german'")
        connection.commit()
    found = list(old_collations(server, DATABASE))
    assert [(each.name, each.built) for each in found][:1] == [(None, "0")]
    assert found[0].indexes == ("public.parties_pkey",)
    if programs.major == 15:
        assert (found[1].name, found[1].indexes) == ("public.german", ("public.in_german",))
    assert f"{'icu' if programs.major == 15 else 'builtin'} 0" in recorded_versions(server)
    for each in found:
        with server.connect(DATABASE) as connection:
            connection.autocommit = True
            for statement in each.remedy.removeprefix(f"in {DATABASE}: ").split(";"):
                if statement.strip():
                    connection.execute(statement.encode())
    assert list(old_collations(server, DATABASE)) == []


def test_what_is_said_of_it() -> None:
    own = OldCollation('a "b"', None, "2.36", "2.41", tuple(f"public.i{number}" for number in range(7)))
    other = OldCollation("firm", "public.german", "153.1", "153.2", ("public.i", "public.j"))
    assert [str(each) for each in findings([own, other])] == [
        'WARNING: database a "b" was sorted by version 2.36 and is by 2.41 here: rebuild public.i0, public.i1,'
        " public.i2, public.i3, public.i4 and 2 more\n"
        '  REMEDY: in a "b": REINDEX DATABASE "a ""b"""; ALTER DATABASE "a ""b""" REFRESH COLLATION VERSION;',
        "WARNING: collation public.german of database firm was sorted by version 153.1 and is by 153.2 here:"
        " rebuild public.i, public.j\n"
        "  REMEDY: in firm: REINDEX INDEX public.i; REINDEX INDEX public.j;"
        " ALTER COLLATION public.german REFRESH VERSION;",
    ]


def test_a_plan_compares_glibc_alone() -> None:
    here = glibc_version()
    assert here is None or here[0].isdigit()
    assert elsewhere(["icu 153.1", "libc 2.36"], "2.36") == ()
    assert elsewhere(["libc 2.36"], None) == ()
    assert elsewhere(["icu 153.1", "libc 2.31"], "2.36") == (
        "the order of text as glibc 2.31 has it: this machine has 2.36, and `REINDEX DATABASE` is needed, with"
        " `ALTER DATABASE … REFRESH COLLATION VERSION`; a staging names the indexes",
    )
