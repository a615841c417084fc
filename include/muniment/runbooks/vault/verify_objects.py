"""How each kind of object below a vault is proven, and what is said of one that nothing covers.

A sealed object has its message's own tags; a document has a SHA-256 in a sealed list; whatever else lies there has an
authentication code (docs/vault-format.md). Each ``read`` raises ``Damaged``.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from muniment.adapters.drill.records import prove_evidence, prove_sign_off
from muniment.adapters.vault.authenticity import get_authentic, mac_key
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, Chunk, DocumentSnapshot, DocumentVersion
from muniment.errors import Damaged, ObjectMissing

UNLISTED = "no document list names it, so nothing tells what its bytes should be"
NO_DIGEST = "its document list has no sha256 of it: the store gave none, and an earlier version did not read it"
NO_KEY = "the vault is from before there were authentication codes"


@dataclass(frozen=True, slots=True)
class Expected:
    """One object. ``read`` raises ``Damaged`` where its bytes are wrong; without it ``unproven`` says why not."""

    key: str
    size_bytes: int | None = None
    read: Callable[[Vault], object] | None = None
    unproven: str = ""


def of_backup(backup: Backup) -> Iterator[Expected]:
    for archive in backup.archives:
        for chunk in archive.chunks:
            yield Expected(chunk.key, chunk.stored_bytes, partial(_read_chunk, chunk=chunk))
    manifest = backup.manifest
    read = partial(Vault.get_sealed, key=manifest.key, sha256=manifest.sha256)
    yield Expected(manifest.key, manifest.stored_bytes, read)


def of_snapshot(snapshot: DocumentSnapshot) -> Iterator[Expected]:
    for version in snapshot.versions:
        if version.sha256 is None:
            yield Expected(version.object, version.size_bytes, unproven=NO_DIGEST)
        else:
            yield Expected(version.object, version.size_bytes, partial(_read_document, version=version))


def of_other(vault: Vault, key: str) -> Expected:
    """Of what is there and no register names: WAL, configuration, records, the kit, what a killed run left."""
    if key.startswith(keys.DOCUMENT_OBJECTS):
        return Expected(key, unproven=UNLISTED)
    if not keys.is_sealed(key) and mac_key(vault) is None:
        return Expected(key, unproven=NO_KEY)
    return Expected(key, read=_reader(key))


def _reader(key: str) -> Callable[[Vault], object]:
    if key.startswith(keys.WAL):
        return partial(_read_wal, key=key)
    if keys.is_sealed(key):
        return partial(Vault.get_sealed, key=key)
    if key.startswith((keys.LEASES, keys.EXPIRING)):
        return partial(_read_passing, key=key)
    drill = key.removeprefix(keys.DRILLS).split(".")[0]
    signed = {keys.drill(drill): prove_evidence, keys.sign_off(drill): prove_sign_off}
    if key in signed:
        return partial(_read_signed, key=key, drill=drill, prove=signed[key])
    return partial(_read_plain, key=key)


def _read_chunk(vault: Vault, *, chunk: Chunk) -> None:
    plain = vault.get_sealed(chunk.key, sha256=chunk.sha256)
    if len(plain) != chunk.size_bytes:
        raise vault.damaged(chunk.key, f"it holds {len(plain)} bytes, its register says {chunk.size_bytes}")


def _read_document(vault: Vault, *, version: DocumentVersion) -> None:
    """In pieces: it may be larger than the memory."""
    if vault.read_sha256(version.object) != version.sha256:
        raise vault.damaged(version.object, "its sha256 is not the registered one")


def _read_wal(vault: Vault, *, key: str) -> None:
    system, _, name = key.removeprefix(keys.WAL).split("/", 2) if key.count("/") > 2 else ("", "", "")
    if not system.isdecimal() or keys.wal(int(system), name) != key:
        raise vault.damaged(key, "no restore would look for it here")
    WalArchive(vault, int(system)).read(name)


def _read_plain(vault: Vault, *, key: str) -> None:
    """What has no code may be sealed: kinds come along that this list does not know."""
    try:
        get_authentic(vault, key)
    except Damaged as damage:
        try:
            vault.get_sealed(key)
        except Damaged:
            raise damage from None


def _read_passing(vault: Vault, *, key: str) -> None:
    """Whoever wrote it takes it away, perhaps since it was listed."""
    with suppress(ObjectMissing):
        get_authentic(vault, key)


def _read_signed(vault: Vault, *, key: str, drill: str, prove: Callable[[Vault, str], None]) -> None:
    """By its own proof besides, which covers its pages too; each of those is proven where it lies."""
    get_authentic(vault, key)
    prove(vault, drill)
