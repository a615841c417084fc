"""The message authentication code of what a vault keeps in plain: made under the firm's own key, of key and bytes.

A sealed object proves itself and a document has its digest in a sealed list. A register, the restore kit, a drill's
pages are plain, so that people and the kit can read them; without this, whoever may write to the bucket may rewrite
them, and S3's own checksum is then of what he wrote.
"""

import hmac

METADATA = "hmac-sha256"
KEY_BYTES = 32


def mac_of(mac_key: bytes, key: str, sha256: str) -> str:
    """Hex. Of the object's key too, so that one register put in another's place is found out."""
    return hmac.digest(mac_key, f"{key}\0{sha256}".encode(), "sha256").hex()


def mac_fault(mac_key: bytes, key: str, sha256: str, stored: str | None) -> str | None:
    """What is wrong with ``stored``, or ``None``."""
    if stored is None:
        return "nothing shows that it is the firm's: it has no authentication code"
    if not hmac.compare_digest(stored, mac_of(mac_key, key, sha256)):
        return "its authentication code is not that of these bytes under this key: it was changed"
    return None
