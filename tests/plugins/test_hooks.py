"""Airflow's connections become a site; what they hold shows nowhere."""

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from muniment.adapters.site.site import Site
from muniment.errors import InvalidConfiguration, ServerUnavailable
from muniment.runbooks.identity import prove_identity
from muniment_airflow.hooks import aws_clients, conninfo, firm_site
from muniment_demo.cloud import ROOT, Cloud
from tests.fixtures.sites import site_env

# The providers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

type Define = Callable[..., str]


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Define:
    """Makes an Airflow connection and returns its id."""

    def make(conn_type: str, **fields: Any) -> str:
        name = f"test_{uuid4().hex[:8]}"
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": conn_type, **fields}))
        return name

    return make


@pytest.fixture
def known(site17: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in site_env(site17).items():
        monkeypatch.setenv(name, value)
    return site17


def test_a_firms_connections_reach_its_cluster_and_both_vaults(
    known: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    site = firm_site(known.firm, "muniment check_firm")
    assert prove_identity(site).firm == known.firm.id
    said = caplog.text + "".join(capsys.readouterr()) + repr(site)
    passwords = [json.loads(value)["password"] for value in site_env(known).values()]
    assert [password for password in passwords if password in said] == []


def test_our_sessions_carry_their_name_and_can_be_ended(known: Site) -> None:
    site = firm_site(known.firm, "muniment base_backup")
    other = firm_site(known.firm, "muniment fleet__watch")
    with other.postgres.connect() as bystander:
        with (
            pytest.raises(ServerUnavailable, match="terminating connection"),
            site.postgres.connect() as connection,
        ):
            assert site.postgres.end_sessions() == 1
            connection.execute("SELECT 1")
        assert bystander.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_extras_that_only_airflows_hook_understands_do_not_reach_libpq(define: Define) -> None:
    extra = {"cursor": "dictcursor", "aws_conn_id": "x", "sslmode": "verify-full", "application_name": "practice"}
    name = define("postgres", host="db", port=5433, login="u", password="p w'", schema="practice", extra=extra)
    assert psycopg.conninfo.conninfo_to_dict(conninfo(name).reveal()) == {
        "host": "db",
        "port": "5433",
        "user": "u",
        "password": "p w'",
        "dbname": "practice",
        "sslmode": "verify-full",
        "application_name": "practice",
    }


def test_a_missing_connection_is_refused_and_never_replaced_by_the_workers_own_rights() -> None:
    """The Amazon provider would warn and go on with whatever credentials the worker has."""
    for ask in (aws_clients, conninfo):
        with pytest.raises(InvalidConfiguration) as raised:
            ask("nobodys")
        assert raised.value.what == "1 fault in the configuration:\nconnection nobodys: Airflow has none of this id"


def test_a_role_that_the_connection_names_is_assumed(cloud: Cloud, define: Define) -> None:
    role = f"muniment-{uuid4().hex[:8]}"
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    arn = cloud.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    name = define(
        "aws",
        login=ROOT.access_key_id,
        password=ROOT.secret_access_key.reveal(),
        extra={
            "region_name": "us-east-1",
            "endpoint_url": cloud.endpoint_url,
            "service_config": {"sts": {"endpoint_url": cloud.endpoint_url}},
            "role_arn": arn,
        },
    )
    clients = aws_clients(name)
    assert clients("sts", "us-west-2").get_caller_identity()["Arn"].split("/")[1] == role
    assert clients("sts", "us-west-2") is clients("sts", "us-west-2")
    assert clients("s3", "us-west-2").meta.region_name == "us-west-2"
    assert clients("s3", "us-west-2").meta.config.retries["mode"] == "standard"
    assert clients.credentials().token, "what an assumed role signs with"


def test_the_credentials_are_the_connections_own(define: Define) -> None:
    """Whoever defines no region does not need one for this."""
    told = aws_clients(define("aws", login="AKIA", password="s3cret")).credentials()
    assert (told.access_key, told.secret_key, told.token) == ("AKIA", "s3cret", None)
