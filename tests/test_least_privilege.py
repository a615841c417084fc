"""A whole night and a restore, each identity with its own file of docs/iam/ and nothing more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_vault
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.firm.firm import Configuration
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.secret import Secret
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.sites import SiteFactory, iam_policy, login_env, make_policy, with_firm
from tests.support.wal import archive_with, eventually, muniment_script

SECRET = "least-privilege/app"


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    cluster = cluster_factory(programs17)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        script = (ROOT / "docs" / "iam" / "postgres-role.sql").read_text()
        connection.execute(script.replace(":'password'", "'brief'").encode())
        connection.execute("CREATE TABLE ledger AS SELECT n AS id, n * 1.25 AS amount FROM generate_series(1, 500) n")
        connection.execute("CREATE TABLE settings AS SELECT 'colour' AS name, 'navy' AS value")
    return cluster


@pytest.fixture
def firm(site_factory: SiteFactory, source: LocalCluster, cloud: Cloud) -> Site:
    """Its PostgreSQL connection is the documented role's, its AWS connection muniment-firm.json's."""
    cloud.client("secretsmanager").create_secret(Name=f"{SECRET}-{source.port}", SecretString="{}")
    site = site_factory(source, secrets=(f"{SECRET}-{source.port}",))
    totals = ControlTotalsPolicy(tables=("public.ledger",), sums={"trust": "public.ledger.amount"})
    configuration = Configuration(secrets=site.firm.configuration.secrets, tables=("public.settings",))
    site = with_firm(site, policy=make_policy(control_totals=totals), configuration=configuration)
    conninfo = psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=source.port, user="muniment", password="brief", dbname="postgres"
    )
    return replace(site, postgres=replace(site.postgres, conninfo=Secret(conninfo)))


def becoming(cloud: Cloud, site: Site, name: str) -> Login:
    """The firm's AWS connection, logged in as the user of ``docs/iam/<name>.json``."""
    user = cloud.create_user(f"{site.firm.id}-{name}", iam_policy(name, site.firm))
    return Login(
        id=site.firm.aws_connection,
        user=user.access_key_id,
        password=user.secret_access_key,
        extra={"endpoint_url": cloud.endpoint_url, "region_name": "us-east-1"},
    )


@pytest.fixture
def restored(programs17: PostgresPrograms, run_dir: Path) -> Iterator[LocalCluster]:
    cluster = LocalCluster(run_dir / "least-privilege" / "data", programs17)
    yield cluster
    cluster.kill()


def test_a_night_and_a_restore_need_no_more_than_docs_iam_gives(
    firm: Site, source: LocalCluster, restored: LocalCluster, cloud: Cloud, tmp_path: Path
) -> None:
    for folder in ("push", "fetch"):
        (tmp_path / folder).mkdir()
    pushing = muniment_script(firm, tmp_path / "push", **login_env("aws", becoming(cloud, firm, "wal-push")))
    archive_with(source, f"{pushing} wal push %p")
    bucket = firm.firm.documents[0].bucket
    cloud.client("s3").put_object(Bucket=bucket, Key="Wills & Trusts/Müller.pdf", Body=b"%PDF-1.7")

    point = run_chain(firm, point_id=new_id(utc_now()), run="least-privilege", clock=utc_now)
    assert (point.document_count, point.control_totals.counts) == (1, {"public.ledger": 500})

    login = becoming(cloud, firm, "restore")
    fetching = muniment_script(firm, tmp_path / "fetch", **login_env("aws", login))
    vault = build_vault(firm.firm, "primary", login.clients())
    plan = plan_restore(
        vault, firm.firm, RecoveryTarget("latest"), side="primary", into=restored.data_dir, clock=utc_now
    )
    restore_cluster(
        vault,
        plan,
        programs=restored.programs,
        restore_command=[str(fetching), "wal", "fetch", "%f", "%p", "--from", "primary"],
    )
    hba = restored.data_dir.with_name("trust.hba")
    hba.write_text("host all all 127.0.0.1/32 trust\n")
    hba.chmod(0o644)
    restored.start(enforced={"hba_file": str(hba)})
    eventually(lambda: totals_of(restored) == (500, point.control_totals.sums["trust"]))


def totals_of(cluster: LocalCluster) -> tuple[int, str] | None:
    try:
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            count, total = connection.execute("SELECT count(*), sum(amount)::text FROM ledger").fetchone() or (0, "")
    except psycopg.OperationalError:
        return None
    return count, total
