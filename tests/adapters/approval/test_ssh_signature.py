"""What OpenSSH signed, and what was made like it: it holds for the very bytes that were signed, and for no others."""

import shutil
import subprocess
from pathlib import Path

import pytest

from muniment.adapters.approval.ssh_signature import holds
from muniment.domain.ssh_key import SshKey, SshSignature
from tests.support.ssh_keys import KINDS, Person, signed_by_openssh

CONTENT = b'{"firm": "acme"}\n'


@pytest.fixture(scope="module", params=KINDS)
def person(request: pytest.FixtureRequest) -> Person:
    return Person("lead", request.param)


def test_a_signature_holds_for_what_was_signed_and_for_nothing_else(person: Person, tmp_path: Path) -> None:
    for text in (
        person.sign(CONTENT),
        person.sign(CONTENT, digest="sha256"),
        signed_by_openssh(person, CONTENT, tmp_path),
    ):
        signature = SshSignature.parse(text)
        assert signature.key == SshKey.parse(person.line)
        assert signature.namespace == "muniment"
        assert holds(signature, CONTENT)
        assert not holds(signature, CONTENT + b" ")
    changed = bytearray(signature.signature)
    changed[-1] ^= 1
    other = SshSignature(signature.key, signature.namespace, signature.digest, signature.algorithm, bytes(changed))
    assert not holds(other, CONTENT)
    stranger = SshKey.parse(Person("mallory", person.kind).line)
    assert not holds(SshSignature(stranger, "muniment", "sha512", signature.algorithm, signature.signature), CONTENT)


def test_what_we_make_like_openssh_openssh_takes(person: Person, tmp_path: Path) -> None:
    """Else the tests would prove what nobody uses. Without OpenSSH the format is what ``parse`` reads."""
    signature = tmp_path / "it.sig"
    signature.write_text(person.sign(CONTENT))
    if shutil.which("ssh-keygen") is None:
        assert SshSignature.parse(signature.read_text()).key.line == person.line
        return
    (tmp_path / "allowed").write_text(f"lead {person.line}\n")
    argv = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", "lead", "-n", "muniment", "-s", signature]
    done = subprocess.run(argv, input=CONTENT, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_signature_of_zeroes_is_none(person: Person) -> None:
    signature = SshSignature.parse(person.sign(CONTENT))
    for nothing in (b"", bytes(64), bytes(256), b"\0\0\0\1\0\0\0\0\1\0", b"\xff" * 8):
        assert not holds(SshSignature(signature.key, "muniment", "sha512", signature.algorithm, nothing), CONTENT)
