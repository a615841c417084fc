"""What a login makes of its fields: clients, and the credentials that a program of its own is given."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from muniment.adapters.drill.kit_process import kit_environment
from muniment.adapters.site.logins import Login, find_login
from muniment.domain.secret import Secret
from muniment.errors import CredentialsUnusable, InvalidConfiguration
from muniment_demo.cloud import ROOT, Cloud
from tests.fixtures.faults import FaultProxy

NOWHERE = "http://127.0.0.1:9"


def test_a_client_is_made_once_for_each_service_and_region() -> None:
    clients = Login("alder_aws", user="AKIA", password=Secret("s3cret"), extra={"endpoint_url": NOWHERE}).clients()
    assert clients("s3", "eu-west-1") is clients("s3", "eu-west-1")
    assert clients("s3", "us-east-1") is not clients("s3", "eu-west-1")
    assert clients("s3", "eu-west-1").meta.region_name == "eu-west-1"


def test_the_kit_is_given_the_logins_credentials_and_addresses(tmp_path: Path) -> None:
    extra = {"aws_session_token": "t0ken", "service_config": {"kms": {"endpoint_url": NOWHERE}}}
    clients = Login("alder_aws", user="AKIA", password=Secret("s3cret"), extra=extra).clients()
    told = kit_environment(clients, "eu-west-1", tmp_path)
    assert told["AWS_ACCESS_KEY_ID"] == "AKIA"
    assert told["AWS_SECRET_ACCESS_KEY"] == "s3cret"
    assert told["AWS_SESSION_TOKEN"] == "t0ken"
    assert told["AWS_ENDPOINT_URL_KMS"] == NOWHERE
    assert told["AWS_ENDPOINT_URL_S3"] == "https://s3.eu-west-1.amazonaws.com"


def test_clients_tell_nobody_what_they_sign_with() -> None:
    """Nor are two logins' the same because their fields are."""
    login = Login("alder_aws", user="AKIA", password=Secret("s3cret"), extra={"aws_session_token": "t0ken"})
    clients = login.clients()
    assert "t0ken" not in repr(clients)
    assert len({clients, login.clients()}) == 2


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the machine name a region."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_there_is_nothing_to_give() -> None:
    with pytest.raises(CredentialsUnusable, match=r"^AWS cannot be asked for signing on alder_aws: there are no cred"):
        Login("alder_aws").clients().credentials()


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_there_is_no_role_to_assume() -> None:
    with pytest.raises(
        CredentialsUnusable, match=r"^STS cannot be asked for AssumeRole on arn:aws:iam::1:role/firm: there are"
    ):
        Login("alder_aws", extra={"role_arn": "arn:aws:iam::1:role/firm"}).clients()


@pytest.mark.usefixtures("no_credentials")
def test_a_profiles_role_is_assumed_in_the_logins_region(
    cloud: Cloud, faulty_store: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a region STS is asked in another partition, or not at all."""
    role, iam = uuid4().hex, cloud.client("iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy(Principal="*"))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="itself", PolicyDocument=_policy(Resource="*"))
    (tmp_path / "AWS_CONFIG_FILE").write_text(
        f"[default]\nrole_arn = {arn}\nsource_profile = root\n[profile root]\n"
        f"aws_access_key_id = {ROOT.access_key_id}\naws_secret_access_key = {ROOT.secret_access_key.reveal()}\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", faulty_store.endpoint_url)
    faulty_store.fail("503", times=1, region="eu-west-1")
    extra = {"region_name": "eu-west-1", "role_arn": arn, "endpoint_url": cloud.endpoint_url}
    assert Login("alder_aws", extra=extra).clients().credentials().token
    assert (faulty_store.spoiled, faulty_store.seen) == (["POST /"], ["POST /", "POST /"])


def _policy(**whom: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **whom}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


SHAPE = "airflow.connections is to be a list, each with its conn_id and what else it has"
FIELDS = "connection alder_aws: its port is no number, or its extra is no JSON object"


@pytest.mark.parametrize(
    ("content", "fault"),
    {
        "a list": ("[1]", SHAPE),
        "a list below airflow": ("airflow: [1]", SHAPE),
        "a name for a connection": ("airflow: {connections: [foo]}", SHAPE),
        "a name for all": ("airflow: {connections: foo}", SHAPE),
        "extra is a list": ("airflow: {connections: [{conn_id: alder_aws, conn_extra: [a]}]}", FIELDS),
        "extra is a word": ("airflow: {connections: [{conn_id: alder_aws, conn_extra: no json}]}", FIELDS),
        "port is a word": ("airflow: {connections: [{conn_id: alder_aws, conn_port: abc}]}", FIELDS),
        "not UTF-8": (
            b"a: \xff",
            "not YAML: 'utf-8' codec can't decode byte 0xff in position 3: invalid start byte",
        ),
    }.values(),
)
def test_settings_of_another_shape_are_a_fault_of_theirs(
    content: str | bytes, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ALDER_AWS", raising=False)
    settings = tmp_path / "airflow_settings.yaml"
    settings.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InvalidConfiguration) as raised:
        find_login("alder_aws", settings)
    assert raised.value.facts["faults"] == f"{settings}: {fault}"


def test_settings_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ALDER_AWS", raising=False)
    with pytest.raises(InvalidConfiguration) as raised:
        find_login("alder_aws", tmp_path)
    assert raised.value.facts["faults"] == f"{tmp_path}: it cannot be read: Is a directory"
