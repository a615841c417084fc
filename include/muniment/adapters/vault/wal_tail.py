"""Asks a vault how far its WAL reaches: one LIST a look, however old the archive is."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Protocol

from muniment.adapters.store.s3 import PAGE_SIZE
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.wal.names import WalSegment
from muniment.domain.watch.vault import WalHeld
from muniment.domain.watch.wal_held import advanced, looked_from, next_missing

PAGES_AT_ONCE = 5
"""A look lists no more: a vault that has got a day's WAL of a large firm since the last one costs several."""


class Listed(Protocol):
    """A vault, as far as it is asked here."""

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]: ...


def followed(
    vault: Listed, held: WalHeld, *, now: datetime, page_size: int = PAGE_SIZE, pages: int = PAGES_AT_ONCE
) -> WalHeld:
    """``held`` as far as the vault has it now: one LIST, unless more than a page is new. Raises what ``list`` does."""
    names: list[str] = []
    after, seen = _just_before(held, looked_from(held)), held
    for _ in range(pages):
        page = _page(vault, held, after, page_size)
        names += page
        seen = advanced(held, names, is_all=len(page) < page_size, now=now)
        if not seen.more:
            break
        # Not through what a timeline that was left has beyond the switch to its child.
        after = max(_key(held, page[-1]), _just_before(held, next_missing(seen)))
    return seen


def names_from(
    vault: Listed, held: WalHeld, first: WalSegment, *, page_size: int = PAGE_SIZE
) -> tuple[list[str], bool]:
    """A page of the archive from ``first`` on, in order, and whether that is all there is. One LIST."""
    page = _page(vault, held, _just_before(held, first), page_size)
    return page, len(page) < page_size


def _page(vault: Listed, held: WalHeld, after: str, size: int) -> list[str]:
    """``list`` asks for the next page only when somebody wants its first object."""
    listed = islice(vault.list(keys.wal_prefix(held.system_identifier), after=after), size)
    return [item.key.rsplit("/", 1)[1] for item in listed]


def _key(held: WalHeld, name: str) -> str:
    return keys.wal(held.system_identifier, name)


def _just_before(held: WalHeld, segment: WalSegment) -> str:
    """A key that sorts before the segment's and behind every one of its timeline before it."""
    key = _key(held, segment.name)
    return key[:-1] + chr(ord(key[-1]) - 1)
