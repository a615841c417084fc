"""``muniment approve``: what a second person sees, and signs."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.domain.approval import ApprovalRequest
from muniment.domain.rows.table_plan import DatabasePlan
from muniment.domain.ssh_key import SshKey
from muniment.ports import utc_now
from tests.cli.conftest import Command
from tests.support.command_page import keys_listed
from tests.support.ssh_keys import Person, signs_as, stand_in

LEAD = Person("lead")
PLAN = DatabasePlan(
    id="20261121T093000000Z",
    firm="acme",
    database="practice",
    restored="practice_restored",
    system_identifier=1,
    made_at=utc_now(),
    requested_by="engineer",
    sessions=2,
)


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    now = utc_now()
    (tmp_path / "plan.json").write_bytes(PLAN.to_json())
    asked = ApprovalRequest(
        firm="acme",
        act="database",
        what="database practice\x1b[2J",
        plan_sha256=hashlib.sha256(PLAN.to_json()).hexdigest(),
        asked_by="engineer",
        asked_on="db-1",
        made_at=now,
        valid_until=now + timedelta(hours=1),
    )
    path = tmp_path / "plan.json.request"
    path.write_bytes(asked.to_json())
    return path


def test_nothing_is_signed_that_was_not_shown(muniment: Command, request_file: Path, tmp_path: Path) -> None:
    key = LEAD.key_file(tmp_path)
    asked = muniment("approve", request_file, "--key", key)
    assert asked.code == 2
    assert asked.out.startswith("database practice[U+001B][2J of firm acme, asked for by engineer on db-1\nasked at ")
    assert "2 sessions are connected to it now and are ended: what they have not committed is lost\n" in asked.out
    assert "nobody is here to be asked: say --yes to sign" in asked.err
    assert not Path(f"{request_file}.sig").exists()


def test_another_plan_is_not_signed(muniment: Command, request_file: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(PLAN.to_json().replace(b"practice_restored", b"practice_x"))
    refused = muniment("approve", request_file, "--yes", "--key", LEAD.key_file(tmp_path))
    assert (refused.code, "the plan is not the one that" in refused.err) == (4, True)


def test_a_plan_cannot_make_up_lines_of_its_own(muniment: Command, request_file: Path, tmp_path: Path) -> None:
    name = "practice\x1b[2K\n0 sessions are connected to it"
    rewrite(request_file, PLAN.model_copy(update={"database": name}).to_json())
    asked = muniment("approve", request_file, "--key", LEAD.key_file(tmp_path))
    assert "\x1b" not in asked.out
    assert not any(line.startswith("0 sessions") for line in asked.out.splitlines())
    assert "practice[U+001B][2K[U+000A]0 sessions" in asked.out


def test_what_is_no_plan_of_that_act_is_told(muniment: Command, request_file: Path, tmp_path: Path) -> None:
    rewrite(request_file, b'{"format": 1}')
    refused = muniment("approve", request_file, "--yes", "--key", LEAD.key_file(tmp_path))
    assert (refused.code, "is no plan of 'database' that this version" in refused.err) == (2, True)


def rewrite(request_file: Path, plan: bytes) -> None:
    """Another plan, and the request of it."""
    asked = ApprovalRequest.from_json(request_file.read_bytes())
    request_file.write_bytes(asked.model_copy(update={"plan_sha256": hashlib.sha256(plan).hexdigest()}).to_json())
    request_file.with_name("plan.json").write_bytes(plan)


def test_a_key_that_nobody_who_may_sign_has_is_warned_of(
    muniment: Command, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = SshKey.parse(Person("partner").line).fingerprint
    asked = ApprovalRequest.from_json(request_file.read_bytes()).model_copy(update={"keys": (other,)})
    request_file.write_bytes(asked.to_json())
    monkeypatch.setenv("PATH", str(stand_in(tmp_path, signs_as(LEAD, request_file.read_bytes()))))
    signed = muniment("approve", request_file, "--yes", "--key", LEAD.key_file(tmp_path))
    assert signed.code == 0, signed.err
    assert signed.err == (
        f"WARNING: no approver of firm acme who may sign this had the key {SshKey.parse(LEAD.line).fingerprint} when it"
        f" was asked for: it is refused unless restore.approvers names it by now. Known then: {other}\n"
    )


@pytest.mark.parametrize("program", ["", "#!/bin/sh\necho >&2 'Load key: invalid format'; exit 255\n"])
def test_what_openssh_says_is_told(
    muniment: Command, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Also that there is none."""
    monkeypatch.setenv("PATH", str(stand_in(tmp_path, program)))
    failed = muniment("approve", request_file, "--yes", "--key", tmp_path / "key")
    assert failed.code == 1
    reason = "Load key: invalid format" if program else "ssh-keygen is not on this machine"
    assert failed.err.startswith(f"ssh-keygen has not signed with {tmp_path / 'key'}: {reason}\nKEPT: ")


@pytest.mark.parametrize("openssh", [True, False])
def test_what_openssh_signs_lies_beside_the_request(
    muniment: Command, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, openssh: bool
) -> None:
    """Where there is no OpenSSH, a stand-in of the same name has to do."""
    key = LEAD.key_file(tmp_path)
    if not openssh or shutil.which("ssh-keygen") is None:
        monkeypatch.setenv("PATH", str(stand_in(tmp_path, signs_as(LEAD, request_file.read_bytes()))))
    signed = muniment("approve", request_file, "--yes", "--json", "--key", key)
    assert signed.code == 0, signed.err
    answer = json.loads(signed.out)
    assert set(answer) <= keys_listed("approve")
    # Ed25519 signs the same bytes in the same way.
    assert Path(answer["signature"]).read_text() == LEAD.sign(request_file.read_bytes())
