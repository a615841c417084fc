"""In which order rows are deleted, inserted and updated so that foreign keys hold, and unique keys where they can."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from muniment.domain.rows.foreign_keys import Catalogue, Row, RowId, Rows, WriteOrder, write_order


@dataclass(frozen=True, slots=True)
class RowWrites:
    """``before`` is what is there now, ``after`` what shall be; a row in one of them alone goes, or comes."""

    before: Rows
    after: Rows

    @property
    def inserted(self) -> Rows:
        return {row_id: row for row_id, row in self.after.items() if row_id not in self.before}

    @property
    def deleted(self) -> Rows:
        return {row_id: row for row_id, row in self.before.items() if row_id not in self.after}

    @property
    def updated(self) -> Rows:
        return {row_id: row for row_id, row in self.after.items() if row_id in self.before}


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table, and the order that they are part of."""

    order: WriteOrder
    rows: Mapping[str, Mapping[RowId, Row]]
    """Table → its rows."""


@dataclass(frozen=True, slots=True)
class WritePhases:
    """Carried out in this order. What an updated row still names is deleted behind the updates, all else before the
    inserts, which may need its unique values. Deletes go through their tables backwards, children first."""

    early_deletes: Batch
    inserts: Batch
    updates: Mapping[RowId, Row]
    late_deletes: Batch


def phases(catalogue: Catalogue, writes: RowWrites) -> WritePhases:
    """Raises ``NoOrder``."""
    deleted = writes.deleted
    late = _late(catalogue, writes)
    return WritePhases(
        early_deletes=_batch(catalogue, {row_id: row for row_id, row in deleted.items() if row_id not in late}),
        inserts=_batch(catalogue, writes.inserted),
        updates=writes.updated,
        late_deletes=_batch(catalogue, {row_id: row for row_id, row in deleted.items() if row_id in late}),
    )


def _batch(catalogue: Catalogue, rows: Rows) -> Batch:
    by_table: dict[str, dict[RowId, Row]] = {}
    for row_id, row in rows.items():
        by_table.setdefault(row_id[0], {})[row_id] = row
    return Batch(write_order(catalogue, rows), by_table)


def _late(catalogue: Catalogue, writes: RowWrites) -> set[RowId]:
    """Named by a row that will be updated, or by one of these: a child goes before what it names."""
    names: dict[RowId, set[RowId]] = {}
    for child, parent, _ in catalogue.references(writes.before):
        names.setdefault(child, set()).add(parent)
    return _reached(names, writes.updated, writes.deleted)


def _reached(names: Mapping[RowId, set[RowId]], start: Iterable[RowId], among: Rows) -> set[RowId]:
    found: set[RowId] = set()
    waiting = list(start)
    while waiting:
        new = {parent for parent in names.get(waiting.pop(), ()) if parent in among} - found
        found |= new
        waiting += new
    return found
