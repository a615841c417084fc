"""A firm's configuration, sealed in one object: ``.env`` files, secrets and settings tables of tonight."""

import hashlib
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from muniment.adapters.aws.secret_store import read_secret
from muniment.adapters.postgres.server_files import read_server_files
from muniment.adapters.postgres.table_export import export_tables
from muniment.adapters.site.site import Site
from muniment.adapters.vault.catalog import left_out_of_last_backup
from muniment.adapters.vault.vault import Vault
from muniment.domain.config.difference import Sources
from muniment.domain.config.snapshot import Confidential, ConfigSnapshot, EnvFile, StoredSecret
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import NotRead
from muniment.domain.vault.registers import StoredFile
from muniment.errors import ClockWrong, CredentialsUnusable, ObjectMissing, Permanent
from muniment.ports import Clock
from muniment.runbooks.identity import prove_primary


def back_up_config(site: Site, *, config_id: str, clock: Clock) -> StoredFile:
    """What was stored. Run again it is only read, whatever the configuration is by then.

    A source that is not there or may not be read is named in it, and the others are stored.
    """
    prove_primary(site)
    with site.exclusively() as held:
        key = keys.config(config_id)
        if held.primary.head(key):
            return _stored(held.primary, key)
        now = clock()
        snapshot = _gather(held, config_id, now)
        return held.primary.put_sealed(key, snapshot.to_json(), locked_until=chain_locked_until(site.policy, now))


def read_config(vault: Vault, config_id: str) -> ConfigSnapshot:
    """Raises ``ObjectMissing`` where there is none, ``ObjectDamaged`` where it does not decrypt."""
    return ConfigSnapshot.from_json(vault.get_sealed(keys.config(config_id)))


def _stored(vault: Vault, key: str) -> StoredFile:
    message = vault.get(key)
    return StoredFile(
        key=key,
        size_bytes=len(vault.unseal(key, message)),
        stored_bytes=len(message),
        sha256=hashlib.sha256(message).hexdigest(),
    )


def _gather(site: Site, config_id: str, now: datetime) -> ConfigSnapshot:
    found = read_sources(site)
    return ConfigSnapshot(
        id=config_id,
        firm=site.firm.id,
        taken_at=now,
        env_files=found.env_files,
        secrets=found.secrets,
        tables=found.tables,
        server_files=found.server_files,
        server_files_unread=found.server_files_unread,
        unread=found.unread,
    )


def read_sources(site: Site) -> Sources:
    """All that the firm's file names, as it is now, and what of it cannot be read."""
    unread: list[NotRead] = []
    named = site.firm.configuration
    env_files = tuple(_readable(map(_read_env_file, named.env_files), unread))
    secrets = tuple(_readable((_read_secret(site, name) for name in named.secrets), unread))
    tables = tuple(_readable(export_tables(site.postgres, named.tables), unread)) if named.tables else ()
    files = read_server_files(site.postgres, left_out_of_last_backup(site.primary))
    return Sources(env_files, secrets, tables, files.read, files.unread, tuple(unread))


def _readable[T](answers: Iterable[T | NotRead], unread: list[NotRead]) -> Iterator[T]:
    for answer in answers:
        if isinstance(answer, NotRead):
            unread.append(answer)
        else:
            yield answer


def _read_env_file(name: str) -> EnvFile | NotRead:
    """Where the worker runs; a relative path begins in its working folder."""
    path = Path(name)
    try:
        status, content = path.stat(), path.read_bytes()
    except OSError as error:
        return NotRead(what="file", name=name, reason=str(error.strerror))
    return EnvFile(
        path=name,
        mode=stat.S_IMODE(status.st_mode),
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        content=Confidential(content),
    )


def _read_secret(site: Site, name: str) -> StoredSecret | NotRead:
    """In the region that its ARN names, or in the primary vault's."""
    region = name.split(":")[3] if name.startswith("arn:") else site.primary.region
    try:
        return read_secret(site.clients("secretsmanager", region), name)
    except ObjectMissing:
        return NotRead(what="secret", name=name, reason="not there")
    except (CredentialsUnusable, ClockWrong):
        raise
    except Permanent as refused:
        return NotRead(what="secret", name=name, reason=str(refused.facts.get("reason", refused.what)))
