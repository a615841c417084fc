"""Rows written into a live database in one transaction, between two readings of its ledgers, and read back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from muniment.adapters.postgres.registry_query import only_value
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.large_objects import NotTheSame, bring_over
from muniment.adapters.rows.reader import Connection, RowReader
from muniment.adapters.rows.write_steps import StillNamed, ValueTaken
from muniment.adapters.rows.writer import RowWriter, WriteRefused, writing_rows
from muniment.domain.drill.answers import balance_check
from muniment.domain.firm.firm import Firm
from muniment.domain.rows.foreign_keys import NoOrder, Row, RowId, Rows
from muniment.domain.rows.matter_plan import BeforeImages, LargeObject, WrittenRow, key_text
from muniment.domain.rows.writes import RowWrites, phases
from muniment.errors import LedgerOutOfBalance, RowsRefused, UniqueValueTaken

type Keep = Callable[[BeforeImages], object]
"""Stores them for good; what it raises stops the restore."""


@dataclass(frozen=True, slots=True)
class WriteSession:
    """One open transaction. ``reader`` locks every row that it reads."""

    firm: Firm
    database: str
    reader: RowReader

    def carry_out(self, writes: RowWrites, header: BeforeImages, keep: Keep) -> BeforeImages:
        """``header`` says what is restored; what comes back has the rows too, and was kept.

        The ledgers were read before, while nothing was locked yet: that takes its time.
        Raises ``LedgerOutOfBalance``, ``RowsRefused`` and, through ``writing``, what PostgreSQL refuses.
        """
        writer = RowWriter(self.reader)
        tables = sorted({name for name, _ in writes.before.keys() | writes.after.keys()})
        with writer.without_triggers(tables) if header.triggers == "disabled" else nullcontext():
            catalogue = self.reader.spelled(writes.before, writes.after)
            writer.write(phases(catalogue, self._only_changes(writes)))
        self.require_balance("after")
        written = self._read_back(writes)
        images = header.model_copy(update={"rows": tuple(self._images(writes.before, written))})
        keep(images)
        return images

    def bring_over(self, staged: Connection, objects: Iterable[LargeObject]) -> None:
        """Before the rows that name them. Raises ``RowsRefused`` where one is not what the plan saw, or is there."""
        for each in objects:
            try:
                bring_over(staged, self.reader.connection, each.oid, sha256=each.sha256)
            except NotTheSame as other:
                self._refuse(f"large object {other} of the staged cluster is not what the plan saw")

    def _only_changes(self, writes: RowWrites) -> RowWrites:
        """Of a row that stays only the columns that differ: an UPDATE then asks for no right that it does not need."""
        after: dict[RowId, Row] = {}
        for row_id, row in writes.after.items():
            there = writes.before.get(row_id)
            after[row_id] = (
                row if there is None else {name: value for name, value in row.items() if value != there[name]}
            )
        return RowWrites(writes.before, after)

    def require_balance(self, when: str) -> None:
        """Raises ``LedgerOutOfBalance``."""
        queries = self.firm.policy.drills.balances
        failed = []
        for name, query in queries.items():
            check = balance_check(name, only_value(self.reader.connection, query))
            failed += [] if check.passed else [f"{name} is {check.found}"]
        if failed:
            raise LedgerOutOfBalance(firm=self.firm.id, when=when, balances=", ".join(failed))

    def _read_back(self, writes: RowWrites) -> Rows:
        found = self.reader.by_key(writes.before.keys() | writes.after.keys())
        for row_id in sorted(writes.before.keys() | writes.after.keys()):
            wanted, there = writes.after.get(row_id), found.get(row_id)
            name = f"{row_id[0]} {key_text(row_id[1])}"
            if (wanted is None) != (there is None):
                self._refuse(f"a trigger keeps {name} from {'going' if wanted is None else 'coming back'}")
            other = [column for column, value in (wanted or {}).items() if there and there[column] != value]
            if other:
                self._refuse(f"a trigger sets other values in {name}: {', '.join(other)}")
        return found

    def _images(self, before: Rows, after: Rows) -> Iterator[WrittenRow]:
        for row_id in sorted(before.keys() | after.keys()):
            stored = self.reader.catalogue.tables[row_id[0]].stored
            was, now = before.get(row_id), after.get(row_id)
            yield WrittenRow(
                table=row_id[0],
                key=row_id[1],
                before=None if was is None else {column: was[column] for column in stored},
                after=None if now is None else {column: now[column] for column in stored},
            )

    def _refuse(self, reason: str) -> None:
        raise RowsRefused(database=self.database, firm=self.firm.id, reason=reason)


@contextmanager
def writing(firm: Firm, live: PostgresServer, database: str) -> Iterator[WriteSession]:
    """Committed at the end of the block; whatever is raised in it, nothing was written.

    Raises ``LockNotAvailable`` where a row stays locked by somebody else.
    """
    with _refusals(firm, database), writing_rows(live, database) as reader:
        yield WriteSession(firm, database, reader)


@contextmanager
def _refusals(firm: Firm, database: str) -> Iterator[None]:
    """What cannot be written, as the firm's own error."""
    try:
        yield
    except StillNamed as named:
        parent, child = (f"{row[0]} {key_text(row[1])}" for row in (named.row, named.by))
        raise RowsRefused(database=database, firm=firm.id, reason=f"{child} names {parent}, which should go") from None
    except ValueTaken as taken:
        row = f"{taken.row[0]} {key_text(taken.row[1])}"
        holder = f"{taken.holder[0]} {key_text(taken.holder[1])}" if taken.holder else "another row"
        facts = {"row": row, "holder": holder, "constraint": taken.constraint}
        raise UniqueValueTaken(database=database, firm=firm.id, **facts) from None
    except NoOrder as found:
        ring = f"{' → '.join(found.ring)} name each other in a ring, by columns that are never NULL"
        raise RowsRefused(database=database, firm=firm.id, reason=ring) from None
    except WriteRefused as refused:
        raise RowsRefused(database=database, firm=firm.id, reason=str(refused)) from None


def counts(images: BeforeImages) -> Mapping[str, int]:
    """Rows inserted, updated and deleted."""
    kinds = [(row.before is None, row.after is None) for row in images.rows]
    return {
        "inserted": kinds.count((True, False)),
        "updated": kinds.count((False, False)),
        "deleted": kinds.count((False, True)),
    }
