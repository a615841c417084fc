"""Keys as people have them, and signatures as `ssh-keygen -Y sign` makes them, with OpenSSH here or without."""

import base64
import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from muniment.domain.approval import NAMESPACE
from muniment.domain.ssh_key import SshKey, ssh_string

KINDS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


@dataclass(frozen=True)
class Person:
    """Somebody with a key of the ``kind``."""

    name: str
    kind: str = "ed25519"
    private: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "private", KINDS[self.kind]())

    @property
    def line(self) -> str:
        """As ``id_*.pub`` has it, without a comment."""
        return str(self.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())

    @property
    def setting(self) -> dict[str, str]:
        """In a firm's file."""
        return {"name": self.name, "key": f"{self.line} {self.name}@office"}

    def key_file(self, folder: Path) -> Path:
        path = folder / f"id_{self.name}"
        path.write_bytes(self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        path.chmod(0o600)
        return path

    def sign(self, content: bytes, namespace: str = NAMESPACE, digest: str = "sha512") -> str:
        """PROTOCOL.sshsig, armoured."""
        key = SshKey.parse(self.line)
        body = b"".join(map(ssh_string, (namespace.encode(), b"", digest.encode())))
        signed = b"SSHSIG" + body + ssh_string(hashlib.new(digest, content).digest())
        algorithm, signature = self._signed(signed)
        inner = ssh_string(algorithm.encode()) + ssh_string(signature)
        message = b"SSHSIG" + (1).to_bytes(4) + ssh_string(key.blob) + body + ssh_string(inner)
        text = base64.b64encode(message).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])

    def sign_file(self, path: Path) -> Path:
        """What lies beside it then, as ``ssh-keygen`` names it."""
        signature = path.with_name(f"{path.name}.sig")
        signature.write_text(self.sign(path.read_bytes()))
        return signature

    def _signed(self, content: bytes) -> tuple[str, bytes]:
        match self.private:
            case ed25519.Ed25519PrivateKey() as key:
                return "ssh-ed25519", key.sign(content)
            case rsa.RSAPrivateKey() as key:
                return "rsa-sha2-512", key.sign(content, padding.PKCS1v15(), hashes.SHA512())
            case key:
                digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.key_size]
                numbers = decode_dss_signature(key.sign(content, ec.ECDSA(digest)))
                return f"ecdsa-sha2-nistp{key.key_size}", b"".join(ssh_string(_mpint(each)) for each in numbers)


def signed_by_openssh(person: Person, content: bytes, folder: Path) -> str:
    """By ``ssh-keygen`` where there is one, else by us."""
    if shutil.which("ssh-keygen") is None:
        return person.sign(content)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(person.key_file(folder))]
    return subprocess.run(argv, input=content, capture_output=True, check=True, timeout=60).stdout.decode()


def stand_in(folder: Path, script: str) -> Path:
    """An ``ssh-keygen`` that is this script, or none, alone in a folder for ``PATH``, which is returned."""
    program = folder / "bin" / "ssh-keygen"
    program.parent.mkdir()
    if script:
        program.write_text(script)
        program.chmod(0o755)
    return program.parent


def signs_as(person: Person, content: bytes) -> str:
    """A script for ``stand_in``: whatever it is asked, it answers with that person's signature of ``content``."""
    return f"#!/bin/sh\n/bin/cat <<'.'\n{person.sign(content)}.\n"


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)
