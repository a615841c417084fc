"""One matter lost and brought back by the commands that an engineer types: night, staging, plan, approval, live."""

import json
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.domain.firm.application import DocumentReference, DrillsPolicy, MattersPolicy
from muniment.domain.firm.firm import Cluster, RestoreRules
from muniment.domain.record import new_id
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import ROOT as CLOUD_ROOT
from muniment_demo.cloud import Cloud
from tests.cli.conftest import Ended, in_this_process, write_registry
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, login_env, site_env, with_firm
from tests.support.lost_matters import GONE
from tests.support.matters import BALANCES, DATABASE, LEAD, MATTERS, ROWS, SCHEMA, rows_of
from tests.support.sources import Desk
from tests.support.ssh_keys import Person
from tests.support.wal import archive_with, muniment_script

SECOND = Person(LEAD)

pytestmark = pytest.mark.timeout(720)


def test_a_matter_is_lost_and_comes_back_out_of_a_staging_with_its_documents(
    cloud: Cloud,
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
) -> None:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    with psycopg.connect(cluster.conninfo(DATABASE)) as connection:
        connection.execute((SCHEMA + ROWS.replace("%(long)s", "long")).encode())
    site = site_factory(
        cluster,
        matters=MattersPolicy.model_validate(MATTERS),
        drills=DrillsPolicy(balances=BALANCES),
        document_references=(DocumentReference(table="office.papers", column="storage_key"),),
    )
    place = Cluster(connection=site.firm.cluster.connection, database=DATABASE)
    site = with_firm(site, cluster=place, restore=RestoreRules(approvers=(SECOND.setting,)))
    registry = write_registry(site.firm, tmp_path / "firms-registry")
    env = {**site_env(site), "MUNIMENT_SCRATCH": str(tmp_path / "scratch")}

    def muniment(*words: str | Path, **more: str) -> Ended:
        return in_this_process("--registry", registry, *words, env={**env, **more})

    desk = Desk(cloud, site)
    desk.put("a.pdf", b"as filed")
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    point = run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    before = rows_of(cluster, DATABASE)

    with psycopg.connect(cluster.conninfo(DATABASE)) as connection:
        connection.execute(GONE.encode())
    desk.delete("a.pdf")
    lost = rows_of(cluster, DATABASE)

    staged = muniment("restore", site.firm.id, "--to", point.id, "--stage", "--json")
    assert staged.code == 1, staged.err  # a.pdf is none, and the check says so; the staging stands
    (standing,) = json.loads(muniment("staging", "list", "--json").out)["stagings"]
    try:
        asked = ("matter", site.firm.id, "M-1", "--staged", standing["id"])
        plan = tmp_path / "plan.json"
        planned = muniment(*asked, "--plan", plan)
        assert planned.code == 0, planned.err
        assert "documents: 1 at " in planned.out

        # The chain's own credentials may not write documents, and documents come first: no row is written without.
        signed = ("--approval", SECOND.sign_file(plan.with_name("plan.json.request")))
        denied = muniment(*asked, "--apply", plan, *signed)
        assert denied.code == 1
        assert rows_of(cluster, DATABASE) == lost

        root = Login(
            id=site.firm.aws_connection,
            user=CLOUD_ROOT.access_key_id,
            password=CLOUD_ROOT.secret_access_key,
            extra={"endpoint_url": cloud.endpoint_url},
        )
        done = muniment(*asked, "--apply", plan, *signed, **login_env("aws", root))
        assert done.code == 0, done.err
        assert [(act.ended.outcome, act.ended.failure) for act in acts(site.replica) if act.ended] == [
            ("failed", "LiveDocumentsDenied"),
            ("done", None),
        ]
        told = " ".join(muniment("acts", site.firm.id).out.split())
        assert "failed: LiveDocumentsDenied (The credentials may not put documents back into the live buckets)" in told
        now = rows_of(cluster, DATABASE)
        assert {**now, "office.people": []} == {**before, "office.people": []}
        assert desk.s3.get_object(Bucket=desk.buckets[0], Key="a.pdf")["Body"].read() == b"as filed"

        beside = muniment("database", site.firm.id, DATABASE, "--staged", standing["id"], "--json")
        assert beside.code == 0, beside.err
        assert rows_of(cluster, json.loads(beside.out)["restored"]) == before
    finally:
        assert muniment("staging", "destroy", standing["id"]).code == 0
