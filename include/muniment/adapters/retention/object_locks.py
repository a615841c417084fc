"""Until when Object Lock holds what is about to go."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime

from muniment.adapters.concurrency import at_once
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.inventory import Group

_AT_ONCE = 16
NEVER_LOCKED = datetime.min.replace(tzinfo=UTC)


def read_locks(vault: Vault, groups: Iterable[Group], now: datetime) -> dict[str, datetime]:
    """The lock's end of each group's last object.

    WAL is written in order under one policy, so its locks end in order: a few HEADs find where they begin. Should a
    policy change have broken the order, S3 itself refuses what is locked, and what is free goes a night later.
    """
    groups = list(groups)
    wal = sorted((group for group in groups if group.kind == "wal"), key=lambda group: group.last_at)
    others = [group.last_key for group in groups if group.kind != "wal"]
    alone = at_once(lambda key: (key, _lock_of(vault, key)), others, _AT_ONCE)
    return dict(alone) | _in_order(vault, [group.last_key for group in wal], now)


def _in_order(vault: Vault, keys: list[str], now: datetime) -> dict[str, datetime]:
    """Everything behind the first locked one counts as locked for as long as that one."""
    first = bisect_left(keys, 1, key=lambda key: int(_lock_of(vault, key) > now))
    free, locked = keys[:first], keys[first:]
    until = _lock_of(vault, locked[0]) if locked else NEVER_LOCKED
    return dict.fromkeys(free, NEVER_LOCKED) | dict.fromkeys(locked, until)


def _lock_of(vault: Vault, key: str) -> datetime:
    found = vault.head(key)
    return found.locked_until if found and found.locked_until else NEVER_LOCKED
