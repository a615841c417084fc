"""OpenSSH signs: the key stays in its file, or with the agent that holds it, and OpenSSH asks for the passphrase."""

import shutil
import subprocess
from pathlib import Path

from muniment.errors import SignatureNotMade

PROGRAM = "ssh-keygen"


def sign(content: bytes, key: Path, namespace: str) -> str:
    """The armoured signature. ``key``: a private key's file, or a public one's whose private key the agent has.

    Raises ``SignatureNotMade``.
    """
    if shutil.which(PROGRAM) is None:
        raise SignatureNotMade(key=key, reason=f"{PROGRAM} is not on this machine")
    argv = [PROGRAM, "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    # Nothing ends it: a person types a passphrase, or touches nothing and leaves.
    done = subprocess.run(argv, input=content, capture_output=True, check=False)
    if done.returncode != 0:
        raise SignatureNotMade(key=key, reason=done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("ascii")
