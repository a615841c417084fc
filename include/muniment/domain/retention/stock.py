"""``audit/stock/<id>.json``: what a vault holds after a night's expiry, what the next one will take, and why.

Written by the night, which has listed the vault anyway: nobody lists it again to draw it.
"""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record


class KindHeld(Record):
    """``kind``: of the inventory's groups (``point``, ``backup``, ``wal``, ``document`` …)."""

    kind: str
    groups: int
    objects: int
    size_bytes: int


class Going(Record):
    """Groups of a kind that go for one reason; ``first`` and ``last`` are ids. Of WAL: of one timeline of one cluster;
    some files between the two may stay."""

    kind: str
    groups: int
    size_bytes: int
    first: str
    last: str
    why: str


class Stock(Record):
    format: Literal[1] = 1
    id: str
    firm: str
    bucket: str
    at: AwareDatetime
    held: tuple[KindHeld, ...]
    went: tuple[Going, ...] = ()
    next_at: AwareDatetime
    """When the next expiry is due."""
    next_goes: tuple[Going, ...] = ()
    """What it takes, if that night leaves a point that is verified in both vaults, and if nothing is held or locked for
    longer meanwhile."""
