"""OpenSSH's keys and signatures as text: what is taken, and what is said of the rest."""

import base64

import pytest

from muniment.domain.ssh_key import SshKey, SshSignature, ssh_string

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1nzhZ4bX5fqzKE2Gvx3fZ6vzQ0Cy3tEw7yZz1R9lQm"
BLOB = base64.b64decode(LINE.split()[1])


def encoded(*parts: bytes) -> str:
    return base64.b64encode(b"".join(map(ssh_string, parts))).decode()


def armoured(body: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(body).decode()}\n-----END SSH SIGNATURE-----\n"


def signature(*parts: bytes, version: int = 1) -> str:
    return armoured(b"SSHSIG" + version.to_bytes(4) + b"".join(map(ssh_string, parts)))


def test_a_comment_is_no_part_of_a_key() -> None:
    assert SshKey.parse(f"{LINE} jane@office of hers\n") == SshKey.parse(LINE)
    assert SshKey.parse(LINE).line == LINE


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "'' is no public key as ~/.ssh/id_ed25519.pub has it"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "'-----BEGIN OPENSSH PRIVATE KEY-----' is no public key as"),
        ("ssh-ed25519 nonsense!", "is no public key as"),
        (
            "sk-ssh-ed25519@openssh.com AAAA",
            "a key of kind 'sk-ssh-ed25519@openssh.com' is not taken: ssh-ed25519, ecdsa",
        ),
        ("ssh-dss AAAA", "a key of kind 'ssh-dss' is not taken"),
        (f"ssh-rsa {LINE.split()[1]}", "what follows ssh-rsa is no such key, or not the whole of it"),
        (LINE[:-8], "what follows ssh-ed25519 is no such key, or not the whole of it"),
        (f"ssh-ed25519 {encoded(b'ssh-ed25519', b'short')}", "an Ed25519 key has 32 bytes"),
        (f"ssh-rsa {encoded(b'ssh-rsa', b'3', bytes([1, *[0] * 127]))}", "an RSA key of 1017 bits is too short"),
    ],
)
def test_what_is_no_key_that_we_take_is_said(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        SshKey.parse(line)
    assert why in str(refused.value)


INNER = ssh_string(b"ssh-ed25519") + ssh_string(bytes(64))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no signature of ssh-keygen's"),
        ("-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n", "it is no signature of ssh-keygen's"),
        (armoured(b"SSHSIG")[:-20], "it is no signature of ssh-keygen's"),
        (signature(BLOB, b"muniment", b"", b"sha512", INNER, version=2), "its version is not 1"),
        (signature(BLOB, b"muniment", b"", b"sha512"), "it is cut short, or something follows it"),
        (signature(BLOB, b"muniment", b"", b"sha512", INNER, b""), "it is cut short, or something follows it"),
        (signature(BLOB, b"muniment", b"", b"md5", INNER), "its digest or its signature is of no kind"),
        (signature(BLOB, b"muniment", b"", b"sha512", INNER + INNER), "its digest or its signature is of no kind"),
        (signature(b"", b"muniment", b"", b"sha512", INNER), "a key of kind '' is not taken"),
        (
            signature(BLOB, b"muniment", b"", b"sha512", ssh_string(b"ssh-rsa") + ssh_string(bytes(64))),
            "it is signed with ssh-rsa, which is not taken for a key of ssh-ed25519",
        ),
        (armoured(b"SSHSIG\0\0\0\1\0\0\1\0muni"), "it is cut short"),
    ],
)
def test_what_is_no_signature_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        SshSignature.parse(text)
    assert why in str(refused.value)


def test_what_ends_a_line_does_not_matter() -> None:
    """A mail program may have changed it."""
    text = signature(BLOB, b"muniment", b"", b"sha512", INNER)
    assert SshSignature.parse(text.replace("\n", "\r\n")) == SshSignature.parse(text)
