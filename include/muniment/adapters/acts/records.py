"""The records of what was done to what is live, in a firm's vaults."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from muniment.adapters.vault.authenticity import Damaged, going_past, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.acts.act import Act, BegunAct, EndedAct, paired
from muniment.domain.record import Record
from muniment.domain.vault import keys
from muniment.errors import ObjectDamaged


def write(vault: Vault, record: BegunAct | EndedAct, *, locked_until: datetime) -> None:
    """Into one vault: where the other one is out of reach, this one knows all the same."""
    vault.put_register(_key(record), record, locked_until=locked_until)


def complete(vaults: Sequence[Vault], *, locked_until: datetime) -> list[str]:
    """What one vault was kept from comes from the other, where it is proven. Returns the keys.

    Raises what a vault answers that is away.
    """
    there = [_keys(vault) for vault in vaults]
    brought = []
    for vault, mine in zip(vaults, there, strict=True):
        for source, theirs in zip(vaults, there, strict=True):
            brought += list(_bring(vault, source, sorted(theirs - mine), locked_until))
    return brought


def _bring(vault: Vault, source: Vault, missing: Iterable[str], locked_until: datetime) -> Iterator[str]:
    for key in missing:
        with suppress(ObjectDamaged):  # verify names it
            vault.put_register(key, read_register(source, _kind(key), key), locked_until=locked_until)
            yield key


def acts(vault: Vault, damaged: Damaged | None = None) -> tuple[Act, ...]:
    """Oldest first. ``damaged`` is told of what is not as it was written; else raises ``ObjectDamaged`` for the first.

    An end without a beginning is none that we wrote.
    """
    found = sorted(_keys(vault))
    begun = _intact(vault, BegunAct, (key for key in found if key.endswith(keys.BEGUN_JSON)), damaged)
    ended = _intact(vault, EndedAct, (key for key in found if not key.endswith(keys.BEGUN_JSON)), damaged)
    return paired({each.id: each for each in begun}, {each.id: each for each in ended})


def _intact[R: Record](vault: Vault, kind: type[R], found: Iterable[str], damaged: Damaged | None) -> Iterator[R]:
    read = going_past(damaged, partial(read_register, vault, kind))
    return (record for key in found if (record := read(key)) is not None)


def _keys(vault: Vault) -> set[str]:
    return {item.key for item in vault.list(keys.ACTS)}


def _kind(key: str) -> type[BegunAct] | type[EndedAct]:
    return BegunAct if key.endswith(keys.BEGUN_JSON) else EndedAct


def _key(record: BegunAct | EndedAct) -> str:
    return keys.begun_act(record.id) if isinstance(record, BegunAct) else keys.act(record.id)
