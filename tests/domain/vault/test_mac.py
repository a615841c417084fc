"""The authentication code, against RFC 2104 as another implementation has it."""

import hashlib
import subprocess

from muniment.domain.vault.mac import mac_fault, mac_of

KEY, SHA256 = bytes(range(32)), hashlib.sha256(b"{}").hexdigest()
CODE = mac_of(KEY, "points/1.json", SHA256)


def test_it_is_the_hmac_that_openssl_makes_of_key_nul_and_digest() -> None:
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{KEY.hex()}"]
    done = subprocess.run(command, input=f"points/1.json\0{SHA256}".encode(), capture_output=True, check=True)
    assert done.stdout.decode().split("= ")[1].strip() == CODE


def test_it_holds_for_these_bytes_under_this_name_and_this_key_alone() -> None:
    changed = "its authentication code is not that of these bytes under this key: it was changed"
    assert mac_fault(KEY, "points/1.json", SHA256, CODE) is None
    assert mac_fault(KEY, "points/1.json", hashlib.sha256(b"[]").hexdigest(), CODE) == changed
    assert mac_fault(KEY, "points/2.json", SHA256, CODE) == changed
    assert mac_fault(bytes(32), "points/1.json", SHA256, CODE) == changed
    nothing = "nothing shows that it is the firm's: it has no authentication code"
    assert mac_fault(KEY, "points/1.json", SHA256, None) == nothing
