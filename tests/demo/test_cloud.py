from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from muniment.adapters.host import processes
from muniment.domain.secret import Secret
from muniment.errors import ProgramFailed
from muniment_demo.cloud import Cloud, Credentials

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def listening(pid: int) -> list[str]:
    """The addresses that a process listens on, from the kernel's own table."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if "socket" in str(link.readlink())}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_it_listens_on_this_machine_alone(cloud: Cloud) -> None:
    port = int(cloud.endpoint_url.rsplit(":", 1)[1])
    cloud.client("sns").create_topic(Name="every-service-is-loaded-when-it-is-first-used")
    cloud.client("sqs").create_queue(QueueName="likewise")
    assert listening(cloud.pid) == [f"0100007F:{port:04X}"]


def test_services_that_we_do_not_use_are_not_there(cloud: Cloud) -> None:
    lambda_client = boto3.client(
        "lambda", "us-east-1", endpoint_url=cloud.endpoint_url, aws_access_key_id="test", aws_secret_access_key="test"
    )
    with pytest.raises(ClientError):
        lambda_client.list_functions()


def test_a_user_may_do_what_its_policy_says_and_nothing_else(cloud: Cloud) -> None:
    bucket = f"users-{uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}],
    }
    user = cloud.client("s3", credentials=cloud.create_user(f"clerk-{bucket}", policy))
    user.put_object(Bucket=bucket, Key="allowed", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        user.get_object(Bucket=bucket, Key="allowed")


def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    partner = cloud.create_user(f"partner-{uuid4().hex[:8]}", EVERYTHING)
    cloud.client("s3", credentials=partner).list_buckets()
    stranger = cloud.client("s3", credentials=Credentials(partner.access_key_id, Secret("guessed")))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_buckets()


def test_credentials_do_not_show_their_secret() -> None:
    assert "hidden" not in repr(Credentials("id", Secret("hidden"), Secret("hidden")))


def test_a_key_belongs_to_its_region(cloud: Cloud) -> None:
    arn = cloud.create_key("eu-west-1", f"firm-{uuid4().hex[:8]}")
    assert arn.startswith("arn:aws:kms:eu-west-1:")
    assert cloud.client("kms", "eu-west-1").describe_key(KeyId=arn)["KeyMetadata"]["Enabled"]
    with pytest.raises(ClientError):
        cloud.client("kms", "us-east-1").describe_key(KeyId=arn)


def test_it_stops_and_leaves_no_process(tmp_path: Path) -> None:
    cloud = Cloud.start(tmp_path / "cloud")
    found = Cloud.running_in(tmp_path / "cloud")
    assert found is not None
    assert (found.pid, found.endpoint_url) == (cloud.pid, cloud.endpoint_url)
    cloud.stop()
    cloud.stop()
    assert not cloud.is_running
    assert processes.working_in(cloud.work_dir) == []
    assert Cloud.running_in(tmp_path / "cloud") is None


def test_a_crash_leaves_no_process(tmp_path: Path) -> None:
    cloud = Cloud.start(tmp_path)
    cloud.kill()
    assert not cloud.is_running
    assert processes.working_in(tmp_path) == []


def test_one_that_another_process_started_can_be_stopped(tmp_path: Path) -> None:
    started = Cloud.start(tmp_path)
    found = Cloud.running_in(tmp_path)
    assert found is not None
    found.stop()
    assert not started.is_running
    started.stop()  # reaps it


def test_what_it_holds_survives_stop_and_start_when_told_to(tmp_path: Path) -> None:
    cloud = Cloud.start(tmp_path, persist=True)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="kept-bucket", ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket="kept-bucket", Key="a", Body=b"1")["VersionId"]
    key = cloud.create_key("us-east-1", "kept")
    user = cloud.create_user("kept", EVERYTHING)
    cloud.stop()
    again = Cloud.start(tmp_path, persist=True)
    try:
        assert again.client("s3").get_object(Bucket="kept-bucket", Key="a", VersionId=version)["Body"].read() == b"1"
        assert again.client("s3").get_bucket_versioning(Bucket="kept-bucket")["Status"] == "Enabled"
        assert again.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
        assert again.client("sts", credentials=user).get_caller_identity()["Arn"].endswith("user/kept")
    finally:
        again.stop()


def test_a_port_that_is_taken_is_a_clear_error(cloud: Cloud, tmp_path: Path) -> None:
    port = int(cloud.endpoint_url.rsplit(":", 1)[1])
    with pytest.raises(ProgramFailed, match=f"ministack ended with no start: port {port} is already in use"):
        Cloud.start(tmp_path, port=port)
