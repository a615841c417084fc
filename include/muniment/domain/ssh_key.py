"""OpenSSH's public keys and signatures of files, as they are written. Whether one holds, an adapter finds out.

Formats: RFC 4251 section 5 (``string``, ``mpint``), RFC 4253 section 6.6 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519),
and ``PROTOCOL.sshsig`` of OpenSSH for what ``ssh-keygen -Y sign`` writes.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

ED25519, RSA = "ssh-ed25519", "ssh-rsa"
ECDSA = {"ecdsa-sha2-nistp256": "sha256", "ecdsa-sha2-nistp384": "sha384", "ecdsa-sha2-nistp521": "sha512"}
"""Each kind of key, and the digest that it signs."""
ALGORITHMS = (ED25519, *ECDSA, RSA)
RSA_SIGNATURE = "rsa-sha2-512"
SHORTEST_RSA = 2048  # bits: ssh-keygen(1) makes none that is shorter than 1024, NIST SP 800-131A allows none below this

MAGIC, VERSION = b"SSHSIG", 1
_ARMOUR = re.compile(r"\s*-----BEGIN SSH SIGNATURE-----\s([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*", re.ASCII)
_DIGESTS = ("sha256", "sha512")


@dataclass(frozen=True, slots=True)
class SshKey:
    """``blob``: the key as RFC 4253 has it, its algorithm included. Two keys are the same where their blobs are."""

    algorithm: str
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """A line of ``id_ed25519.pub``, with its comment or without. Raises ``ValueError`` with what is wrong."""
        algorithm, _, rest = line.strip().partition(" ")
        try:
            blob = base64.b64decode(rest.split(" ")[0], validate=True)
        except ValueError:
            blob = b""
        if not blob:
            message = f"{line.strip()[:40]!r} is no public key as ~/.ssh/id_ed25519.pub has it"
            raise ValueError(message)
        if fault := _key_fault(algorithm, blob):
            raise ValueError(fault)
        return cls(algorithm, blob)

    @property
    def line(self) -> str:
        """Without a comment."""
        return f"{self.algorithm} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class SshSignature:
    """What is in the armour. ``signature``: of ``algorithm``, over ``covers`` of the file."""

    key: SshKey
    namespace: str
    digest: str
    algorithm: str
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ``ValueError``."""
        found = _ARMOUR.fullmatch(text)
        try:
            body = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
        except ValueError:
            body = b""
        if not body.startswith(MAGIC):
            message = "it is no signature of ssh-keygen's"
            raise ValueError(message)
        return cls._of(body[len(MAGIC) :])

    @classmethod
    def _of(cls, body: bytes) -> Self:
        if int.from_bytes(body[:4]) != VERSION:
            message = f"its version is not {VERSION}"
            raise ValueError(message)
        parts = list(_strings(body[4:]))
        if len(parts) != 5:
            message = "it is cut short, or something follows it"
            raise ValueError(message)
        blob, namespace, _reserved, digest, signed = parts
        inner = list(_strings(signed))
        algorithm = _first(blob)
        if fault := _key_fault(algorithm, blob):
            raise ValueError(fault)
        if digest.decode("ascii", "replace") not in _DIGESTS or len(inner) != 2:
            message = "its digest or its signature is of no kind that ssh-keygen makes"
            raise ValueError(message)
        name = inner[0].decode("ascii", "replace")
        if name != (RSA_SIGNATURE if algorithm == RSA else algorithm):
            message = f"it is signed with {name}, which is not taken for a key of {algorithm}"
            raise ValueError(message)
        return cls(SshKey(algorithm, blob), namespace.decode("utf-8", "replace"), digest.decode(), name, inner[1])

    def covers(self, message: bytes) -> bytes:
        """The bytes that were signed for a file that holds ``message``."""
        digest = hashlib.new(self.digest, message).digest()
        return MAGIC + b"".join(map(ssh_string, (self.namespace.encode(), b"", self.digest.encode(), digest)))


def ssh_string(content: bytes) -> bytes:
    return len(content).to_bytes(4) + content


def mpints(content: bytes) -> tuple[int, ...]:
    """The whole numbers, none of them negative, of which ``content`` consists. Raises ``ValueError``."""
    return tuple(int.from_bytes(each) for each in _strings(content))


def _strings(content: bytes) -> Iterator[bytes]:
    """Raises ``ValueError`` where the last one has no end."""
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        part = content[at + 4 : at + 4 + size]
        if at + 4 + size > len(content):
            message = "it is cut short"
            raise ValueError(message)
        yield part
        at += 4 + size


def _first(blob: bytes) -> str:
    return next(_strings(blob), b"").decode("ascii", "replace")


def _key_fault(algorithm: str, blob: bytes) -> str | None:
    if algorithm not in ALGORITHMS:
        return f"a key of kind {algorithm[:40]!r} is not taken: {', '.join(ALGORITHMS)} are"
    try:
        parts = list(_strings(blob))
    except ValueError:
        parts = []
    wanted = {ED25519: 2}.get(algorithm, 3)
    if len(parts) != wanted or parts[0] != algorithm.encode():
        return f"what follows {algorithm} is no such key, or not the whole of it"
    if algorithm == ED25519 and len(parts[1]) != 32:
        return "an Ed25519 key has 32 bytes"
    if algorithm == RSA and (bits := int.from_bytes(parts[2]).bit_length()) < SHORTEST_RSA:
        return f"an RSA key of {bits} bits is too short: at least {SHORTEST_RSA}"
    return None
