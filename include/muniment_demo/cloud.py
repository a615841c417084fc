"""A cloud on this machine: S3, KMS, Secrets Manager, SNS, SQS, IAM and STS in one process (ministack)."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, overload

import boto3
from botocore.config import Config
from mypy_boto3_iam import IAMClient
from mypy_boto3_kms import KMSClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_sns import SNSClient
from mypy_boto3_sts import STSClient

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import free_port
from muniment.domain.secret import Secret
from muniment.errors import ProgramFailed

SERVICES = ("s3", "kms", "secretsmanager", "sns", "sqs", "iam", "sts")
DEFAULT_REGION = "us-east-1"
_START_TIMEOUT_S = 600
_STOP_TIMEOUT_S = 20
# A session reads each service's description once (60 ms a client), and makes its clients one at a time.
_SESSION = boto3.session.Session()
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one identity signs its requests with."""

    access_key_id: str
    secret_access_key: Secret = field(repr=False)
    session_token: Secret | None = field(default=None, repr=False)


# ministack's root: bucket policies do not bind it, so what is about isolation uses create_user.
ROOT = Credentials("test", Secret("test"))


class Cloud:
    """One running ministack. Its folder holds its log, its state and, in `cloud.json`, how to find it again."""

    def __init__(self, work_dir: Path, pid: int, port: int) -> None:
        self.work_dir = work_dir
        self.pid = pid
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[tuple[str, str, Credentials], Any] = {}

    @classmethod
    def start(cls, work_dir: Path, *, port: int | None = None, persist: bool = False) -> Self:
        """Start and wait until it answers. With `persist`, what it holds is there again after stop and start."""
        work_dir = work_dir.absolute()
        work_dir.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        _refuse_taken(port)
        with (work_dir / "ministack.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=work_dir,
                env=_environment(work_dir, port, persist=persist),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C ends whoever started us, who then stops this in order.
                start_new_session=True,
            )
        cloud = cls(work_dir, process.pid, port)
        cloud._process = process
        cloud._wait_until_it_answers()
        (work_dir / "cloud.json").write_text(json.dumps({"pid": process.pid, "port": port}))
        return cloud

    @classmethod
    def running_in(cls, work_dir: Path) -> Self | None:
        """The cloud that another process started in this folder, None where it does not run."""
        try:
            found = json.loads((work_dir / "cloud.json").read_text())
        except FileNotFoundError:
            return None
        cloud = cls(work_dir.absolute(), found["pid"], found["port"])
        return cloud if cloud.is_running else None

    @property
    def is_running(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            return False
        return processes.runs_in(self.pid, self.work_dir)

    def stop(self) -> None:
        """End it in order; nothing to do where it does not run."""
        if self.is_running:
            processes.send([self.pid], signal.SIGTERM)
        if not self._has_ended(_STOP_TIMEOUT_S):
            self.kill()
        (self.work_dir / "cloud.json").unlink(missing_ok=True)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.is_running:
            processes.send([self.pid, *processes.descendants(self.pid)], signal.SIGKILL)
        self._has_ended(_STOP_TIMEOUT_S)

    @overload
    def client(self, service: Literal["s3"], region: str = ..., credentials: Credentials | None = ...) -> S3Client: ...
    @overload
    def client(
        self, service: Literal["kms"], region: str = ..., credentials: Credentials | None = ...
    ) -> KMSClient: ...
    @overload
    def client(
        self, service: Literal["secretsmanager"], region: str = ..., credentials: Credentials | None = ...
    ) -> SecretsManagerClient: ...
    @overload
    def client(
        self, service: Literal["sns"], region: str = ..., credentials: Credentials | None = ...
    ) -> SNSClient: ...
    @overload
    def client(
        self, service: Literal["iam"], region: str = ..., credentials: Credentials | None = ...
    ) -> IAMClient: ...
    @overload
    def client(
        self, service: Literal["sts"], region: str = ..., credentials: Credentials | None = ...
    ) -> STSClient: ...
    @overload
    def client(self, service: Literal["sqs"], region: str = ..., credentials: Credentials | None = ...) -> Any: ...
    def client(self, service: str, region: str = DEFAULT_REGION, credentials: Credentials | None = None) -> Any:
        """A boto3 client of this cloud, as root unless told who; whoever asks for the same gets the same."""
        wanted = (service, region, credentials or ROOT)
        with _ONE_AT_A_TIME:
            if wanted not in self._clients:
                self._clients[wanted] = self._new_client(*wanted)
            return self._clients[wanted]

    def _new_client(self, service: str, region: str, who: Credentials) -> Any:
        return _SESSION.client(
            service,  # type: ignore[call-overload]  # the overloads above say what comes back
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=who.access_key_id,
            aws_secret_access_key=who.secret_access_key.reveal(),
            aws_session_token=who.session_token.reveal() if who.session_token else None,
            config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 2}),
        )

    def create_user(self, name: str, policy: dict[str, Any]) -> Credentials:
        """An IAM user that may do what `policy` says and nothing else."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], Secret(key["SecretAccessKey"]))

    def create_key(self, region: str, alias: str) -> str:
        """A symmetric KMS key with `alias/<alias>`; returns its ARN."""
        kms = self.client("kms", region)
        metadata = kms.create_key(Description=alias)["KeyMetadata"]
        kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=metadata["KeyId"])
        return metadata["Arn"]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                self.kill()
                said = (self.work_dir / "ministack.log").read_text(errors="replace")[-2000:].strip()
                raise ProgramFailed(program="ministack", status="no answer", stderr=said)
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/ready", timeout=60) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def _has_ended(self, timeout_s: float) -> bool:
        if self._process is None:
            return processes.has_gone(self.pid, self.work_dir, timeout_s)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def _refuse_taken(port: int) -> None:
    """Another cloud on this port would answer in place of ours."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ProgramFailed(program="ministack", status="no start", stderr=f"port {port} is already in use")


def _environment(work_dir: Path, port: int, *, persist: bool) -> dict[str, str]:
    """Nothing of ours but the path: an AWS_* variable of whoever starts it would change what it does."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work_dir),
        "TMPDIR": str(work_dir),
        # Signatures and policies are checked as in the cloud, and nobody but this machine reaches it.
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": ",".join(SERVICES),
        # These would listen on every address, or start containers.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "S3_PERSIST": "1" if persist else "0",
        "PERSIST_STATE": "1" if persist else "0",
        "S3_DATA_DIR": str(work_dir / "s3"),
        "STATE_DIR": str(work_dir / "state"),
        "LOG_LEVEL": "WARNING",
    }
