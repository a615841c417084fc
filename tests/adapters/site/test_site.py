"""What holds the firm's lock registers and deletes while the lock is ours, and not a moment longer."""

from collections.abc import Callable

import psycopg
import pytest

from muniment.adapters.retention.deletion import delete_versions
from muniment.adapters.site.site import Site
from muniment.adapters.vault.overwriting import replace
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.errors import RunLockLost
from muniment.ports import utc_now

CHANGES: dict[str, Callable[[Vault, ObjectVersion], object]] = {
    "a register": lambda vault, there: vault.put_register(keys.hold("late"), hold("late"), locked_until=None),
    "what is sealed": lambda vault, there: vault.put_sealed(keys.config("late"), b"", locked_until=None),
    "what is in plain": lambda vault, there: vault.put(keys.point("late"), b"", locked_until=None),
    "what is replaced": lambda vault, there: replace(vault, there.key, b"late"),
    "a deletion": lambda vault, there: delete_versions(vault, [there]),
}


def hold(name: str) -> Hold:
    now = utc_now()
    return Hold(id=name, reason="a suit", placed_by="lead", placed_at=now, covers_from=now)


def end_session_that_holds_the_lock(site: Site) -> None:
    with psycopg.connect(site.postgres.conninfo.reveal(), autocommit=True) as admin:
        ended = admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'").fetchall()
    assert ended == [(True,)]


def test_nothing_is_registered_or_deleted_once_the_lock_is_lost(site17: Site) -> None:
    site17.primary.put_register(keys.hold("there"), hold("there"), locked_until=None)
    (there,) = site17.primary.list_versions(keys.HOLDS)
    with site17.exclusively() as held:
        assert [vault.kept for vault in held.vaults] == [vault.kept for vault in site17.vaults], (
            "one KMS call a process"
        )
        assert held.primary.get(there.key) == site17.primary.get(there.key)
        held.primary.put_register(keys.hold("in time"), hold("in time"), locked_until=None)
        end_session_that_holds_the_lock(site17)
        for vault in held.vaults:
            for name, change in CHANGES.items():
                with pytest.raises(RunLockLost):
                    change(vault, there)
                    pytest.fail(name)
    assert [each.key for each in site17.primary.list("")] == [keys.FIRM, keys.hold("in time"), keys.hold("there")]
