"""One matter brought back into the live database: what is shown, approved, written, and kept so that it can be undone.

A plan names rows and columns and holds no value of either: it goes to approvers, logs and records. Digests tie it to
what was seen; the values come from the staged server when it is applied, and must be the same ones.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.documents.recovery import DocumentRestorePlan
from muniment.domain.record import HashedRecord, Record
from muniment.domain.rows.difference import Change
from muniment.domain.rows.foreign_keys import RowId
from muniment.domain.shown_text import first_lines
from muniment.domain.units import human_size

type Triggers = Literal["fire", "disabled"]

LONGEST_KEY_SHOWN = 60
LARGE_OBJECTS_SHOWN = 10
_DOES: dict[Change, str] = {
    "deleted": "comes back",
    "changed": "is set back",
    "added": "is removed",
    "arrived": "goes back to where it was",
}
_SINCE: dict[Change, str] = {
    "deleted": "was deleted since",
    "changed": "was changed since",
    "added": "was added since",
    "arrived": "hung on something else then",
}


def key_text(key: tuple[str, ...]) -> str:
    """A key of one column as it is, of several as a JSON list: what ``--only table:key`` takes."""
    return key[0] if len(key) == 1 else json.dumps(list(key), ensure_ascii=False)


def parse_key(text: str, columns: int) -> tuple[str, ...]:
    """The way back, for a primary key of so many columns."""
    return (text,) if columns == 1 else tuple(json.loads(text))


class PlannedRow(Record):
    """One row that differs. ``then_sha256`` and ``live_sha256`` (hex) are of the values that the plan was made from."""

    table: str
    key: tuple[str, ...]
    change: Change
    columns: tuple[str, ...] = ()
    is_parent: bool = False
    """Not the matter's own: rows that come back name it, and it is gone."""
    chosen: bool
    then_sha256: str | None = None
    live_sha256: str | None = None

    @property
    def row_id(self) -> RowId:
        return self.table, self.key

    def __str__(self) -> str:
        shown = key_text(self.key)
        shown = shown if len(shown) <= LONGEST_KEY_SHOWN else f"{shown[:LONGEST_KEY_SHOWN]}…"
        what = " ".join([f"{self.table} {shown.encode('unicode_escape').decode()}", _SINCE[self.change]])
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        needed = ", and rows that come back name it" if self.is_parent else ""
        return f"{what}{columns}{needed}: {_DOES[self.change] if self.chosen else 'stays as it is'}"


class LargeObject(Record):
    """One that a row names by its ``oid``. ``sha256`` (hex) is of all that it holds."""

    oid: int
    sha256: str
    size_bytes: int


class MatterPlan(HashedRecord):
    """``rows``: what differs. ``live_rows``: table → key as JSON → sha256 (hex) of every row that hangs on it now."""

    format: Literal[1] = 1
    id: str
    firm: str
    database: str
    system_identifier: int
    matter: str
    """As it was asked for: the value of the registry's ``matters.key``."""
    root: tuple[str, ...]
    """Its primary key."""
    source: str
    """Which staged cluster the rows come from."""
    at: AwareDatetime | None = None
    """The instant that was recovered to; ``None`` where whoever asked did not say."""
    made_at: AwareDatetime
    requested_by: str
    rows: tuple[PlannedRow, ...]
    unchanged: int
    live_rows: dict[str, dict[str, str]] = Field(default_factory=dict)
    triggers: Triggers = "fire"
    balances: tuple[str, ...] = ()
    """The registry's ledgers that must balance before and after."""
    mends_ledger: bool = False
    """They may be out of balance before; after it they are not."""
    notes: tuple[str, ...] = ()
    """What whoever approves should know, a sentence each."""
    documents: DocumentRestorePlan | None = None
    large_objects: tuple[LargeObject, ...] = ()
    """That its rows name and that are gone: they come back under their oids."""

    @property
    def chosen(self) -> tuple[PlannedRow, ...]:
        return tuple(row for row in self.rows if row.chosen)

    def lines(self) -> Iterator[str]:
        """For people, one a row."""
        at = f" as it was at {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at else ""
        yield f"matter {self.matter} of firm {self.firm}{at}, from {self.source} into database {self.database}"
        counts = Counter(row.change for row in self.rows)
        told = ", ".join(f"{counts[change]} {change}" for change in _SINCE if counts[change])
        yield f"rows: {told or 'none differs'}; {self.unchanged} unchanged; {len(self.chosen)} will be written"
        yield from map(str, self.rows)
        if self.documents is not None:
            found = ", ".join(f"{number} {name}" for name, number in self.documents.counts().items() if number)
            yield f"documents: {len(self.documents.documents)} at {self.documents.at:%Y-%m-%d %H:%M:%S} UTC: {found}"
        yield from large_object_lines(self.large_objects)
        when = "after, and do not have to before" if self.mends_ledger else "before and after"
        yield f"ledgers that must balance {when}: {', '.join(self.balances) or 'none in the registry'}"
        yield f"triggers of the live tables: {'they fire' if self.triggers == 'fire' else 'off while this is written'}"
        yield from self.notes


def large_object_lines(objects: Sequence[LargeObject]) -> Iterator[str]:
    if objects:
        size = human_size(sum(each.size_bytes for each in objects))
        oids = ", ".join(first_lines([str(each.oid) for each in objects], LARGE_OBJECTS_SHOWN))
        yield f"large objects: {len(objects)} are gone and come back ({size}): {oids}"


class WrittenRow(Record):
    """One row's values around a restore: ``before`` is ``None`` where it came, ``after`` where it went."""

    table: str
    key: tuple[str, ...]
    before: dict[str, str | None] | None
    after: dict[str, str | None] | None

    @property
    def row_id(self) -> RowId:
        return self.table, self.key


class BeforeImages(HashedRecord):
    """What a restore overwrites, kept before it commits. Confidential: it holds the rows' values."""

    format: Literal[1] = 1
    plan: str
    plan_sha256: str
    firm: str
    database: str
    system_identifier: int
    triggers: Triggers = "fire"
    rows: tuple[WrittenRow, ...]

    def lines(self) -> Iterator[str]:
        """For whoever approves that it is taken back: no value of a row."""
        yield f"what restore {self.plan} of firm {self.firm} wrote into database {self.database} is taken back"
        for table, count in sorted(Counter(row.table for row in self.rows).items()):
            yield f"{table}: {count} rows are as they were before it"
