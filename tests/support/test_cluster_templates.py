"""What a copied cluster must be to PostgreSQL: one that initdb might have made, and no other's twin."""

from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from tests.fixtures.clusters import ClusterFactory
from tests.support import cluster_templates
from tests.support.stored import rows


def test_each_copy_has_an_identifier_of_its_own(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    one, other = (cluster_factory(programs, start=False) for _ in range(2))
    assert one.system_identifier() != other.system_identifier()
    assert "WARNING" not in programs.run("pg_controldata", one.data_dir).stdout
    programs.run("pg_checksums", "--check", one.data_dir)
    one.start()
    assert rows(one, "SELECT system_identifier::text FROM pg_control_system()") == [(one.system_identifier(),)]


def test_a_copy_recovers_from_a_crash(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs)
    rows(cluster, "CREATE TABLE docket AS SELECT 7 AS entry")
    cluster.kill()
    cluster.start()
    assert rows(cluster, "SELECT entry FROM docket") == [(7,)]


@pytest.mark.parametrize("wal_segment_size_mb", [1, 16])
def test_a_base_backup_of_a_copy_is_whole(
    programs: PostgresPrograms, cluster_factory: ClusterFactory, tmp_path: Path, wal_segment_size_mb: int
) -> None:
    cluster = cluster_factory(programs, wal_segment_size_mb=wal_segment_size_mb)
    assert rows(cluster, "SHOW wal_segment_size") == [(f"{wal_segment_size_mb}MB",)]
    programs.run("pg_basebackup", f"--dbname={cluster.conninfo()}", f"--pgdata={tmp_path / 'copy'}")
    programs.run("pg_verifybackup", tmp_path / "copy")


def test_of_an_unknown_control_file_there_is_no_copy(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a later PostgreSQL, whose checksum lies somewhere else: initdb makes the cluster."""
    monkeypatch.setattr(cluster_templates, "_CHECKSUMS_AT", range(0))
    monkeypatch.delattr(cluster_templates, "identify")
    one, other = (cluster_factory(programs17, start=False) for _ in range(2))
    assert one.system_identifier() != other.system_identifier()
