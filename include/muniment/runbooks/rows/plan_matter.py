"""One matter as it was, read from a staged cluster and compared row by row with what is live: the plan. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import RowReader, reading
from muniment.domain.firm.application import MattersPolicy
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.difference import RowChange, RowSets, differences, requirements, with_requirements
from muniment.domain.rows.foreign_keys import (
    Catalogue,
    ForeignKey,
    NoOrder,
    Row,
    RowId,
    Rows,
    Table,
    Values,
    digest,
    large_objects_of,
)
from muniment.domain.rows.matter_plan import MatterPlan, PlannedRow, Triggers, key_text
from muniment.domain.rows.matter_tables import MatterTables, document_names
from muniment.domain.rows.writes import phases
from muniment.domain.sql_names import near, split_key
from muniment.errors import InvalidConfiguration, InvalidRequest, NoSuchMatter, TablesNotRestorable
from muniment.ports import Clock
from muniment.runbooks.rows.plan_documents import PlanDocuments, documents_named
from muniment.runbooks.rows.plan_large_objects import PlannedObjects, plan_large_objects
from muniment.runbooks.rows.staged_copy import prove_copy


@dataclass(frozen=True, slots=True)
class MatterRequest:
    """What is asked for. ``only``: rows as ``table:key``; without any all that was deleted or changed since.

    ``exactly``: what was added since goes as well. ``mends_ledger``: what is lost is why the ledgers do not balance.
    """

    matter: str
    requested_by: str
    source: str = "the staged cluster"
    at: datetime | None = None
    only: tuple[str, ...] = ()
    exactly: bool = False
    triggers: Triggers = "fire"
    mends_ledger: bool = False


def plan_matter(
    firm: Firm,
    request: MatterRequest,
    *,
    staged: PostgresServer,
    live: PostgresServer,
    clock: Clock,
    documents: PlanDocuments | None = None,
) -> MatterPlan:
    """Raises ``WrongCluster``, ``InvalidConfiguration``, ``NoSuchMatter``, ``TablesNotRestorable``."""
    identifier = prove_copy(firm, staged, live)
    with reading(staged) as then, reading(live) as now:
        found = _compare(firm, request, then, now)
        chosen = found.choose(request)
        found.require_restorable(chosen)
        objects = found.large_objects(chosen, request, then, now)
    names = document_names(firm.policy.document_references, found.named_rows(chosen, request))
    planned, notes = documents_named(documents, names)
    made_at = clock()
    return MatterPlan(
        id=new_id(made_at),
        firm=firm.id,
        database=live.database,
        system_identifier=identifier,
        matter=request.matter,
        root=found.root[1],
        source=request.source,
        at=request.at,
        made_at=made_at,
        requested_by=request.requested_by,
        rows=tuple(found.planned(change, chosen) for change in found.changes),
        unchanged=len(found.sets.then.keys() & found.sets.now.keys())
        - sum(change.change in ("changed", "arrived") for change in found.changes),
        live_rows=live_digests(now.catalogue, found.sets.now),
        triggers=request.triggers,
        balances=tuple(firm.policy.drills.balances),
        mends_ledger=request.mends_ledger,
        notes=(*found.notes(chosen), *objects.notes, *notes),
        documents=planned,
        large_objects=objects.gone,
    )


def live_digests(catalogue: Catalogue, rows: Rows) -> dict[str, dict[str, str]]:
    """Of every stored column, those too that the staged cluster does not know."""
    found: dict[str, dict[str, str]] = {}
    for row_id in sorted(rows):
        table = catalogue.tables[row_id[0]]
        found.setdefault(table.name, {})[key_text(row_id[1])] = digest(rows[row_id], table.stored)
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """Both sides of one matter, and what their tables allow."""

    firm: Firm
    root: RowId
    sets: RowSets
    changes: tuple[RowChange, ...]
    tables: MatterTables

    def choose(self, request: MatterRequest) -> frozenset[RowId]:
        """What was asked for, and what that cannot do without."""
        whole = ("deleted", "changed", "added", "arrived") if request.exactly else ("deleted", "changed")
        asked = self._only(request) or [
            change.row for change in self.changes if change.change in whole and not change.is_parent
        ]
        return with_requirements(asked, requirements(self.tables.live, self.sets, self.changes))

    def _only(self, request: MatterRequest) -> list[RowId]:
        """Raises ``InvalidRequest`` with every name that leads to none of the changes."""
        by_key = {(change.row[0], key_text(change.row[1])): change.row for change in self.changes}
        found, faults = [], []
        for text in request.only:
            try:
                name, key = split_key(text)
            except ValueError as misshapen:
                faults.append(f"--only {misshapen}")
                continue
            table = self.tables.live.find(name) or self.tables.then.find(name)
            row = by_key.get((table.name, key)) if table else None
            meant = near(name, sorted({change.row[0] for change in self.changes})) if table is None else ""
            if row is None:
                faults.append(f"--only {text}: no row of the matter differs there{meant}")
            else:
                found.append(row)
        if faults:
            raise InvalidRequest(count=len(faults), faults="\n".join(faults))
        return found

    def require_restorable(self, chosen: frozenset[RowId]) -> None:
        faults = list(self.tables.faults({change.row for change in self.changes if change.row in chosen}, self.sets))
        if not faults:
            try:
                phases(self.tables.live, self.tables.writes(self.sets, chosen))
            except NoOrder as ring:
                faults = [f"{' → '.join(ring.ring)}: rows name each other in a ring, by columns that are never NULL"]
        self._require_none(faults)

    def _require_none(self, faults: Sequence[str]) -> None:
        if faults:
            raise TablesNotRestorable(firm=self.firm.id, count=len(faults), faults="\n".join(faults))

    def large_objects(
        self, chosen: frozenset[RowId], request: MatterRequest, then: RowReader, now: RowReader
    ) -> PlannedObjects:
        """Of the rows that come back, and of those that did not change: an object can go without its row."""
        changed = {change.row for change in self.changes}
        written = {row_id for row_id in chosen if row_id in self.sets.then}
        kept = set() if request.only else self.sets.hung - changed
        rows = {row_id: self.sets.then[row_id] for row_id in written | kept}
        found = plan_large_objects(then, now, rows, written)
        self._require_none(found.faults)
        return found

    def named_rows(self, chosen: frozenset[RowId], request: MatterRequest) -> Iterator[tuple[Table, Row]]:
        """The rows whose documents come back: the whole matter's, or only those of the rows that were asked for."""
        for row_id in sorted(self.sets.hung):
            if not request.only or row_id in chosen:
                yield self.tables.then.tables[row_id[0]], self.sets.then[row_id]

    def planned(self, change: RowChange, chosen: frozenset[RowId]) -> PlannedRow:
        name, key = change.row
        then, now = self.sets.then.get(change.row), self.sets.now.get(change.row)
        return PlannedRow(
            table=name,
            key=key,
            change=change.change,
            columns=change.columns,
            is_parent=change.is_parent,
            chosen=change.row in chosen,
            then_sha256=digest(then, self.tables.common[name]) if then is not None else None,
            live_sha256=digest(now, self.tables.live.tables[name].stored) if now is not None else None,
        )

    def notes(self, chosen: frozenset[RowId]) -> Iterator[str]:
        written = {name for name, _ in chosen}
        yield from self.tables.notes(written)
        yield from self.tables.untouched(name for name, _ in self.sets.hung)
        yield from self._objects_left(chosen)
        if not self.firm.policy.drills.balances:
            yield "the registry names no ledger (drills.balances): nothing proves that it balances"

    def _objects_left(self, chosen: frozenset[RowId]) -> Iterator[str]:
        """As lo_manage does: it unlinks what the row no longer names."""
        for row_id in sorted(chosen & self.sets.now.keys()):
            table, then = self.tables.live.tables[row_id[0]], self.sets.then.get(row_id, {})
            left = {*large_objects_of(self.tables.live, row_id, self.sets.now[row_id])}
            left -= {*large_objects_of(self.tables.live, row_id, then)}
            if left and table.triggers:
                named = ", ".join(map(str, sorted(left)))
                yield f"{table.name}: what its triggers do with large object {named} no undo takes back"


def _compare(firm: Firm, request: MatterRequest, then: RowReader, now: RowReader) -> _Found:
    tables = MatterTables.of(firm, then.catalogue, now.catalogue)
    then_on, now_on = then.of(tables.then), now.of(tables.live)
    root = _root(firm, request.matter, then_on, now_on)
    hung = then_on.hanging_on(root)
    tables.require(hung)
    live_rows = now_on.hanging_on(now_on.by_key(hung))
    tables.require(live_rows)
    moved = then_on.by_key(row_id for row_id in live_rows.keys() - hung.keys() if row_id[0] in tables.then.tables)
    parents = _parents_gone(tables, then_on, now_on, {**hung, **moved})
    sets = RowSets({**hung, **moved, **parents}, live_rows, frozenset(hung), frozenset(parents))
    tables = replace(tables, live=now_on.spelled(sets.then, sets.now))
    return _Found(firm, next(iter(root)), sets, differences(sets, tables.common), tables)


def _root(firm: Firm, matter: str, then: RowReader, now: RowReader) -> Rows:
    policy = firm.policy.matters
    found, still = (_named(policy, matter, reader) for reader in (then, now))
    if not found:
        told = "; the live one has it" if still else ""
        raise NoSuchMatter(firm=firm.id, matter=repr(matter), table=str(policy.table), key=str(policy.key), now=told)
    if len(found) > 1:
        fault = f"policy.matters.key: {len(found)} rows of {policy.table} have {policy.key} {matter!r}"
        raise InvalidConfiguration(count=1, faults=fault)
    return found


def _named(policy: MattersPolicy, matter: str, reader: RowReader) -> Rows:
    table = reader.catalogue.find(policy.table) if policy.table else None
    return {} if table is None else reader.named(table.name, policy.key.name, matter)


def _parents_gone(tables: MatterTables, then: RowReader, now: RowReader, rows: Rows) -> Rows:
    """Rows that these name, that are not among them, and that are live no more; and what they name in turn."""
    gone: dict[RowId, Row] = {}
    waiting: Rows = rows
    while waiting:
        new: dict[RowId, Row] = {}
        for key, values in tables.named_by(waiting):
            if key.is_period:
                new |= _periods_gone(key, values, then, now)
                continue
            there = {value for _, _, value in now.parents(key, values)}
            missing = [value for value in values if value not in there]
            new |= {row_id: row for row_id, row, _ in then.parents(key, missing)}
        waiting = {row_id: row for row_id, row in new.items() if row_id not in rows and row_id not in gone}
        gone |= waiting
    return gone


def _periods_gone(key: ForeignKey, values: Sequence[Values], then: RowReader, now: RowReader) -> Rows:
    """What covered these then, where what is live does not: other rows may by now, with other bounds."""
    covered = {row_id: row for row_id, row, _ in then.parents(key, now.uncovered(key, values))}
    still = now.by_key(covered)
    return {row_id: row for row_id, row in covered.items() if row_id not in still}
