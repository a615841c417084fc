"""What a vault keeps in plain is what the firm wrote, under that key: made and checked here, for every such object.

The firm's MAC key is drawn once and kept in both vaults' ``firm.json`` as a message that either KMS key opens. One key
that is opened once a process, and not a message in each register: so a code costs microseconds and no call to KMS, is
checked whenever a register is read, and is the same however often a try is repeated, in both vaults (docs/adr/0024).
"""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import ValidationError

from muniment.adapters.vault.envelope import MessageDamaged
from muniment.domain.record import Record
from muniment.domain.vault import keys, mac
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import MarkMissing, ObjectDamaged, ObjectMissing

if TYPE_CHECKING:
    from muniment.adapters.vault.vault import Vault

type Damaged = Callable[[ObjectDamaged], object]
"""Is told of what a reader leaves out."""


class KeptKey:
    """A vault's MAC key once it was opened; that there is none (a vault from before there were any) is kept as well."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.is_known = False
        self.mac_key: bytes | None = None


def read_register[D: Record](vault: "Vault", kind: type[D], key: str) -> D:
    """Raises ``ObjectMissing`` or ``ObjectDamaged``."""
    return parsed(vault, kind, key, get_authentic(vault, key))


def going_past[T](damaged: Damaged | None, read: Callable[[str], T | None]) -> Callable[[str], T | None]:
    """``read``, but what is not as it was written is ``None`` and told to ``damaged``, where that is given."""

    def read_or_leave(name: str) -> T | None:
        try:
            return read(name)
        except ObjectDamaged as damage:
            if damaged is None:
                raise
            damaged(damage)
            return None

    return read_or_leave


def get_authentic(vault: "Vault", key: str) -> bytes:
    """A plain object's bytes. Raises ``ObjectDamaged`` where they are not what the firm wrote under this key.

    In a vault without a MAC key nothing can be told, and what is there is taken; verify says so.
    """
    body, metadata = vault.read(key)
    _prove(vault, mac_key(vault), key, body, metadata)
    return body


def read_mark(vault: "Vault") -> FirmMark:
    """``firm.json`` as it says itself: who may only push WAL cannot open its key, and has to know whose it is."""
    try:
        body = vault.get(keys.FIRM)
    except ObjectMissing as missing:
        raise MarkMissing(**missing.facts, firm=vault.firm) from missing
    return parsed(vault, FirmMark, keys.FIRM, body)


def prove_mark(vault: "Vault", body: bytes, metadata: Mapping[str, str]) -> tuple[FirmMark, bytes | None]:
    """The mark and the MAC key that it brings, its own code having been made with that key.

    Raises ``ObjectDamaged`` where it is not what was written.
    """
    mark = parsed(vault, FirmMark, keys.FIRM, body)
    found = _opened(vault, mark)
    if found is None:
        _prove_written_once(vault)
    _prove(vault, found, keys.FIRM, body, metadata)
    return mark, found


def prove_anew(vault: "Vault") -> FirmMark:
    """``firm.json`` as it is now, whatever was opened before. Raises what ``prove_mark`` does."""
    body, metadata = vault.read(keys.FIRM)
    mark, found = prove_mark(vault, body, metadata)
    with vault.kept.lock:
        vault.kept.mac_key, vault.kept.is_known = found, True
    return mark


def put_mark(vault: "Vault", mark: FirmMark) -> None:
    """A vault's first object, whose code is made with the key that it brings."""
    body, code = written(vault, mark)
    vault.put_message(keys.FIRM, body, locked_until=None, metadata=code)


def written(vault: "Vault", mark: FirmMark) -> tuple[bytes, dict[str, str]]:
    """The bytes and the metadata of ``mark``."""
    body = mark.to_json()
    return body, _code(_opened(vault, mark), keys.FIRM, body)


def new_mac_key() -> bytes:
    return os.urandom(mac.KEY_BYTES)


def wrapped(vault: "Vault", mac_key: bytes) -> str:
    """For its ``firm.json``."""
    return base64.b64encode(vault.envelope.encrypt(mac_key, vault.context(keys.FIRM))).decode()


def code_of(vault: "Vault", key: str, body: bytes) -> dict[str, str]:
    """As the object's metadata has it."""
    return _code(mac_key(vault), key, body)


def mac_key(vault: "Vault") -> bytes | None:
    """The firm's, out of ``firm.json``, which is proven with it. ``None`` where the vault has none.

    Raises ``ObjectDamaged`` where ``firm.json`` is not what was written.
    """
    kept = vault.kept
    with kept.lock:
        if not kept.is_known:
            try:
                body, metadata = vault.read(keys.FIRM)
            except ObjectMissing:
                return None
            _, kept.mac_key = prove_mark(vault, body, metadata)
            kept.is_known = True
        return kept.mac_key


def _opened(vault: "Vault", mark: FirmMark) -> bytes | None:
    if mark.mac_key is None:
        return None
    try:
        message = base64.b64decode(mark.mac_key, validate=True)
        return vault.envelope.decrypt(message, vault.context(keys.FIRM))
    except (ValueError, MessageDamaged) as error:
        raise vault.damaged(keys.FIRM, f"its MAC key does not open: {error}") from error


def _prove_written_once(vault: "Vault") -> None:
    """Else whoever writes over the mark with one that has no key would have taken all codes away with it."""
    if sum(version.key == keys.FIRM for version in vault.list_versions(keys.FIRM)) > 1:
        raise vault.damaged(keys.FIRM, "it has no MAC key, and there is another version of it, which may have one")


def _code(mac_key: bytes | None, key: str, body: bytes) -> dict[str, str]:
    return {mac.METADATA: mac.mac_of(mac_key, key, hashlib.sha256(body).hexdigest())} if mac_key else {}


def _prove(vault: "Vault", mac_key: bytes | None, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
    if mac_key is None:
        return
    fault = mac.mac_fault(mac_key, key, hashlib.sha256(body).hexdigest(), metadata.get(mac.METADATA))
    if fault:
        raise vault.damaged(key, fault)


def parsed[D: Record](vault: "Vault", kind: type[D], key: str, body: bytes) -> D:
    """Raises ``ObjectDamaged`` for what is no such document: a changed byte must not end in a validator's words."""
    try:
        return kind.from_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise vault.damaged(key, f"its text is not what belongs there: {_said(first['type'], place)}") from error


def _said(kind: str, place: str) -> str:
    match kind:
        case "json_invalid":
            return "it is no JSON"
        case "extra_forbidden":
            return f"there is no such thing as its {place!r}"
        case "missing":
            return f"it lacks {place!r}"
    return f"its {place!r} cannot be right"
