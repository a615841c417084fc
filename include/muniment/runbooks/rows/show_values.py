"""The values that a matter's plan does not hold, for whoever may see them."""

from collections.abc import Iterator
from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import reading
from muniment.domain.rows.foreign_keys import Row
from muniment.domain.rows.matter_plan import MatterPlan, PlannedRow


@dataclass(frozen=True, slots=True)
class ShownRow:
    """Values of one row of a plan, for whoever may see them: of a changed one the columns that differ."""

    row: PlannedRow
    then: Row
    live: Row


def show_values(plan: MatterPlan, *, staged: PostgresServer, live: PostgresServer) -> Iterator[ShownRow]:
    """What the plan does not hold, read from both servers now. Kept nowhere."""
    with reading(staged) as then_reader, reading(live) as live_reader:
        row_ids = [row.row_id for row in plan.rows]
        then, now = (
            reader.by_key(row_id for row_id in row_ids if row_id[0] in reader.catalogue.tables)
            for reader in (then_reader, live_reader)
        )
    for row in plan.rows:
        was, there = then.get(row.row_id, {}), now.get(row.row_id, {})
        columns = row.columns or tuple(dict.fromkeys((*was, *there)))
        yield ShownRow(
            row,
            {column: was[column] for column in columns if column in was},
            {column: there[column] for column in columns if column in there},
        )
