"""Whether a signature of ``ssh-keygen -Y sign`` holds. No program is asked: a database host need not have OpenSSH."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from muniment.domain.ssh_key import ECDSA, SshSignature, mpints

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def holds(signature: SshSignature, message: bytes) -> bool:
    """Whether its key signed ``message``. Whose key it is, and in what namespace, is for the caller to look at."""
    try:
        _verify(signature, signature.covers(message))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify(signature: SshSignature, signed: bytes) -> None:
    """Raises ``InvalidSignature``, and ``ValueError`` for what is no key or no signature of that kind."""
    match load_ssh_public_key(signature.key.line.encode()):
        case ed25519.Ed25519PublicKey() as key:
            key.verify(signature.signature, signed)
        case ec.EllipticCurvePublicKey() as key:
            r, s = mpints(signature.signature)
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[ECDSA[signature.key.algorithm]]))
        case rsa.RSAPublicKey() as key:
            key.verify(signature.signature, signed, padding.PKCS1v15(), _HASHES["sha512"])
        case other:
            message = f"{type(other).__name__} is no kind of key that is taken"
            raise ValueError(message)
