"""The large objects that rows name: which are gone and come back with them, and which cannot."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from muniment.adapters.rows.large_objects import describe, describe_where_allowed, gone_and_kept, owner_unreachable
from muniment.adapters.rows.reader import Connection, RowReader
from muniment.adapters.rows.table_rows import named_objects
from muniment.domain.rows.foreign_keys import RowId, Rows, Table, large_objects_of
from muniment.domain.rows.matter_plan import LargeObject, key_text


@dataclass(frozen=True, slots=True)
class PlannedObjects:
    """``gone``: come back. ``faults``: rows would name what they never named. ``notes``: of rows that stay."""

    gone: tuple[LargeObject, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def plan_large_objects(then: RowReader, now: RowReader, rows: Rows, written: Collection[RowId]) -> PlannedObjects:
    """``rows``: as they were. ``written``: those of them that come back or are set back."""
    named = {oid: row_id for row_id, row in rows.items() for oid in large_objects_of(then.catalogue, row_id, row)}
    missing, live = gone_and_kept(then.connection, now.connection, named)
    gone = tuple(describe(then.connection, oid) for oid in missing)
    faults = list(_of_nobody_here(then.connection, now.connection, gone))
    notes: list[str] = []
    for oid in sorted(live):
        told = _other_content(then.connection, now.connection, oid)
        if told:
            (faults if named[oid] in written else notes).append(f"large object {oid} of {_shown(named[oid])} {told}")
    return PlannedObjects(gone, tuple(faults), tuple(notes))


def plan_objects_of_tables(then: RowReader, now: RowReader, tables: Iterable[Table]) -> PlannedObjects:
    """Of all their rows: what is there is not compared, since there may be many."""
    named = named_objects(then.connection, tables)
    missing, live = gone_and_kept(then.connection, now.connection, named)
    gone = tuple(describe(then.connection, oid) for oid in missing)
    notes = (f"{len(live)} large objects that these rows name are there, and stay as they are",) if live else ()
    return PlannedObjects(gone, tuple(_of_nobody_here(then.connection, now.connection, gone)), notes)


def _other_content(then: Connection, now: Connection, oid: int) -> str | None:
    """An oid is given again, and an object can be written over."""
    found = describe_where_allowed(now, oid)
    if found is None:
        return "cannot be compared with the live one: the connection's role may not read it"
    return None if found == describe(then, oid) else "holds something else now, and stays as it is"


def _of_nobody_here(then: Connection, now: Connection, gone: Collection[LargeObject]) -> Iterator[str]:
    for each in gone:
        owner = owner_unreachable(then, now, each.oid)
        if owner is not None:
            yield f"large object {each.oid} is gone, and the connection's role cannot make one of role {owner}"


def _shown(row_id: RowId) -> str:
    return f"{row_id[0]} {key_text(row_id[1])}"
