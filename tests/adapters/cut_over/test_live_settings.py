"""What a staged data directory keeps on its way to be the firm's own."""

import psycopg

from muniment.adapters.cut_over.live_settings import remove_staging_role
from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.restore.isolation import ROLE
from tests.fixtures.clusters import ClusterFactory


def test_what_is_prepared_and_when_it_was_committed_outlive_the_staging_role(
    programs: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs, max_prepared_transactions=3, track_commit_timestamp=True)
    asked = "SELECT pg_xact_commit_timestamp(xmin) FROM paid"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
        connection.execute("CREATE TABLE paid AS SELECT 1 AS cents")
        was = connection.execute(asked).fetchone()
        connection.execute("BEGIN; INSERT INTO paid VALUES (2); PREPARE TRANSACTION 'transfer'")
    cluster.stop()
    remove_staging_role(cluster.data_dir, programs, cluster.data_dir.parent / "scratch")
    cluster.start()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        assert connection.execute(asked).fetchone() == was
        assert was != (None,)
        assert connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall() == [("transfer",)]
        assert connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchall() == []
