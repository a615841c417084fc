"""What a login makes of its fields: clients, and the credentials that a program of its own is given."""

from pathlib import Path

import pytest

from muniment.adapters.drill.kit_process import kit_environment
from muniment.adapters.site.logins import Login
from muniment.domain.secret import Secret
from muniment.errors import AccessDenied

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


def test_without_credentials_there_is_nothing_to_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(AccessDenied, match="there are no credentials"):
        Login("alder_aws").clients().credentials()
