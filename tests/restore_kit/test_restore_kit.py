"""From a vault to a running server and readable documents, with nothing of ours but the one script."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.record import new_id
from muniment.domain.vault.registers import Point
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.restore_kit.kit import Kit
from tests.restore_kit.restored import finish, start_and_ask
from tests.support.answers import index_only_count, sequential_count
from tests.support.kit_readers import reader_of
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)
ORIGINS = 12
"""More than PostgreSQL has room for by itself: the kit's server would PANIC."""
KEYS = ("Wills & Trusts/Müller.pdf", "../../etc/passwd", "a", "a/b", "A", "x" * 1024, "nul", "con:1", "folder/")


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs: PostgresPrograms, tmp_path: Path) -> LocalCluster:
    more: dict[str, Any] = {
        "max_prepared_transactions": 5,
        "track_commit_timestamp": "on",
        "max_replication_slots": ORIGINS,
    }
    cluster = cluster_factory(programs, wal_segment_size_mb=1, **more)
    write(cluster, f"SELECT pg_replication_origin_create('office ' || n) FROM generate_series(1, {ORIGINS}) n")
    write(cluster, "SELECT pg_replication_origin_advance(roname, '0/1000') FROM pg_replication_origin")
    write(cluster, "CREATE TABLE ledger (amount numeric(14,2))")
    write(cluster, "INSERT INTO ledger VALUES (12.34), (-2.34)")
    place = cluster.data_dir.with_name("fast disk")
    place.mkdir()
    cluster._hand_over(place)
    write(cluster, f"CREATE TABLESPACE fast LOCATION '{place}'")
    write(cluster, "CREATE TABLE exhibits TABLESPACE fast AS SELECT n FROM generate_series(1, 1000) n")
    write(cluster, "CREATE INDEX ON exhibits (n)")
    write(cluster, "VACUUM (ANALYZE) exhibits")
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, source: LocalCluster, tmp_path: Path) -> Site:
    totals = ControlTotalsPolicy(tables=("public.ledger", "public.exhibits"), sums={"trust": "public.ledger.amount"})
    site = site_factory(source, control_totals=totals)
    archive_with(source, f"{muniment_script(site, tmp_path)} wal push %p")
    return site


@pytest.fixture
def restored(programs: PostgresPrograms, run_dir: Path) -> Iterator[LocalCluster]:
    """In a folder whose name shells, settings files and ``%`` could misread."""
    cluster = LocalCluster(run_dir / f"kit {programs.major} of O'Hara \\ b 50%f" / "data", programs)
    yield cluster
    cluster.kill()


def write(cluster: LocalCluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(statement.encode())


def ask(cluster: LocalCluster, query: str) -> Any:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchone()


def prepare(cluster: LocalCluster, statement: str, name: str) -> None:
    """The first of two phases."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        connection.execute(f"PREPARE TRANSACTION '{name}'".encode())


def night(site: Site) -> Point:
    return run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)


def test_the_replica_alone_becomes_a_running_server_and_its_documents(
    site: Site, source: LocalCluster, restored: LocalCluster, kit: Kit, cloud: Cloud, tmp_path: Path
) -> None:
    bucket = site.firm.documents[0].bucket
    for number, key in enumerate(KEYS):
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=f"{number}: {key}".encode())
    night(site)
    write(source, "INSERT INTO ledger VALUES (0.01)")
    write(source, "DELETE FROM exhibits WHERE n <= 6")
    prepare(source, "INSERT INTO ledger VALUES (1000)", "a transfer that two banks agree on")
    point = night(site)
    assert point.kind == ("incremental" if source.programs.major >= 17 else "full")
    cloud.client("kms", "us-east-1").disable_key(KeyId=site.firm.vaults.primary.kms_key)
    place, who = site.firm.vaults.replica, reader_of(cloud, site)
    vault = ("--bucket", place.bucket, "--region", place.region)

    assert point.id in kit.run("list", *vault, who=who).stdout
    into, documents = restored.data_dir.parent, tmp_path / "documents"
    fetched = kit.run("fetch", *vault, "--into", into, "--documents", documents, who=who)
    assert "note: Muniment cannot be told that this is read, and may delete some of it: " in fetched.stderr
    finish(restored, into)
    asked = "SELECT pg_is_in_recovery(), sum(amount)::text, (SELECT count(*) FROM exhibits)"
    answer = start_and_ask(restored, f"{asked}, current_setting('archive_mode') FROM ledger")
    assert answer == (False, point.control_totals.sums["trust"], 994, "off")
    waits = ask(restored, "SELECT gid, pg_xact_commit_timestamp(l.xmin) FROM pg_prepared_xacts, ledger l LIMIT 1")
    assert waits[0] == "a transfer that two banks agree on"
    assert waits[1] is not None
    assert (sequential_count(restored, "exhibits"), index_only_count(restored, "exhibits")) == (994, 994)

    told = json.loads((documents / "documents.json").read_text())["documents"]
    assert sorted(each["key"] for each in told) == sorted(KEYS)
    for each in told:
        path = (documents / each["file"]).resolve()
        assert path.is_relative_to(documents.resolve())
        assert path.read_text() == f"{KEYS.index(each['key'])}: {each['key']}"
