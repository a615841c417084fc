"""Makes the firm's stand-in key once, while both regions answer, so that a night without one of them can be sealed.

The private half is in both vaults before the public half is in either, and the primary's public half is the last: who
finds one can rely on it that the other region opens what it seals.
"""

from contextlib import suppress
from typing import Protocol

from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import get_authentic
from muniment.adapters.vault.stand_in import new_private_key, public_key_of
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.errors import AlreadyRegistered
from muniment.runbooks.identity import prove_identity, replica_away


def ensure_stand_in(site: Site) -> tuple[str, ...]:
    """What was made, as ``bucket/key``; none on every later run, and none while the second region is away.

    Raises ``ObjectDamaged`` where a public half is not of the private one: what it sealed, somebody else could open.
    """
    if replica_away(site) is not None:
        return ()
    prove_identity(site)
    message = _private_message(site)
    private_key = site.primary.unseal(keys.STAND_IN_PRIVATE, message)
    done = [_put(vault, keys.STAND_IN_PRIVATE, message, vault.put_message) for vault in site.vaults]
    public_key = public_key_of(private_key)
    for vault in (site.replica, site.primary):
        done.append(_put(vault, keys.STAND_IN_PUBLIC, public_key, vault.put))
        if get_authentic(vault, keys.STAND_IN_PUBLIC) != public_key:
            reason = f"it is not the public half of {keys.STAND_IN_PRIVATE}"
            raise vault.damaged(keys.STAND_IN_PUBLIC, reason)
    return tuple(filter(None, done))


def _private_message(site: Site) -> bytes:
    """The stored bytes of the one there is, wherever a killed run or a lost vault has left it; else of a new one."""
    for vault in site.vaults:
        if vault.head(keys.STAND_IN_PRIVATE) is not None:
            return vault.get(keys.STAND_IN_PRIVATE)
    with suppress(AlreadyRegistered):  # where another run was first, its key is as good
        site.primary.put_sealed(keys.STAND_IN_PRIVATE, new_private_key(), locked_until=None)
    return site.primary.get(keys.STAND_IN_PRIVATE)


class _Store(Protocol):
    def __call__(self, key: str, body: bytes, *, locked_until: None) -> str: ...


def _put(vault: Vault, key: str, content: bytes, store: _Store) -> str | None:
    if vault.head(key) is not None:
        return None
    store(key, content, locked_until=None)
    return f"{vault.bucket}/{key}"
