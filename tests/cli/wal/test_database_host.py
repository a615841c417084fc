"""docs/database-host/ with its placeholders filled in: the server archives, and lets the workers in."""

import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.vault import keys
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.sites import SiteFactory, iam_policy
from tests.support.wal import eventually, sql, switch_wal, write_registry

EXAMPLE = ROOT / "docs" / "database-host"


def test_the_files_of_the_example_make_a_server_that_archives(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    tmp_path: Path,
) -> None:
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    etc = write_registry(site, tmp_path / "etc")
    user = cloud.create_user(f"{site.firm.id}-host", iam_policy("wal-push", site.firm))
    values = {
        "firm": site.firm.id,
        "etc": str(etc),
        "muniment": str(Path(sys.prefix)),
        "worker": "127.0.0.1/32",
        "aws_connection": site.firm.aws_connection,
        "primary_region": site.primary.region,
        "access_key_id": user.access_key_id,
        "secret_access_key": user.secret_access_key.reveal(),
    }
    settings = yaml.safe_load(filled("airflow_settings.yaml", values))
    settings["airflow"]["connections"][0]["conn_extra"]["endpoint_url"] = cloud.endpoint_url
    (etc / "airflow_settings.yaml").write_text(yaml.safe_dump(settings))
    script = (ROOT / "docs" / "iam" / "postgres-role.sql").read_text().replace(":'password'", "'brief'")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(script.encode())
    cluster.stop()
    with (cluster.data_dir / "postgresql.conf").open("a") as written:
        written.write(filled("muniment.conf", values).replace("#summarize_wal", "summarize_wal"))
    rules = cluster.data_dir / "pg_hba.conf"
    # This server has no certificate; nothing else of the lines is changed.
    rules.write_text(filled("pg_hba.conf", values).replace("hostssl", "host   ") + rules.read_text())
    cluster.start()

    (segment,) = switch_wal(cluster)
    key = keys.wal(int(cluster.system_identifier()), segment)
    eventually(lambda: site.primary.head(key))
    assert sql(cluster, "SELECT last_failed_wal FROM pg_stat_archiver") is None
    for more in ({"dbname": "postgres"}, {"replication": "true"}):
        login = {"host": "127.0.0.1", "port": cluster.port, "user": "muniment", "password": "brief", **more}
        with psycopg.connect(make_conninfo(**login), autocommit=True) as worker:  # type: ignore[arg-type]
            assert worker.pgconn.used_password


def filled(name: str, values: Mapping[str, str]) -> str:
    return Template((EXAMPLE / name).read_text()).substitute(values)
