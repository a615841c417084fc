"""Tables, schemas and whole databases out of a staged cluster: what is shown and approved where live is replaced."""

from collections.abc import Iterator
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import HashedRecord, Record
from muniment.domain.rows.matter_plan import LargeObject, large_object_lines
from muniment.domain.sql_names import LONGEST_BYTES


def stamped(name: str, word: str, stamp: str) -> str:
    """``practice_restored_20261121t093000000z``: a name beside ``name``, as short as PostgreSQL needs it."""
    ending = f"_{word}_{stamp.lower()}"
    room = LONGEST_BYTES - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore") + ending


class TableState(Record):
    """``checksum``: of all rows, in whatever order they lie. Equal ones of two copies of a cluster mean equal rows."""

    rows: int
    checksum: str


class TablesPlan(HashedRecord):
    """Tables whose live rows are replaced by what they were. The rows of now stay in ``<schema>_before_<id>``."""

    format: Literal[1] = 1
    id: str
    firm: str
    database: str
    system_identifier: int
    source: str
    made_at: AwareDatetime
    requested_by: str
    tables: dict[str, TableState]
    """As they are live now."""
    then: dict[str, TableState]
    balances: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    large_objects: tuple[LargeObject, ...] = ()
    """That the rows of then name and that are gone: they come back under their oids."""

    def lines(self) -> Iterator[str]:
        yield f"tables of firm {self.firm} in database {self.database}, replaced by those of {self.source}"
        for name, now in self.tables.items():
            then = self.then[name]
            same = " (the very same)" if then == now else ""
            yield f"{name}: {now.rows} rows now, {then.rows} rows then{same}; the rows of now are kept beside"
        yield from large_object_lines(self.large_objects)
        yield f"ledgers that must balance before and after: {', '.join(self.balances) or 'none in the registry'}"
        yield "triggers of these tables: off while the rows are written; nobody else reads or writes them meanwhile"
        yield from self.notes


class DatabasePlan(HashedRecord):
    """A restored database that takes the live one's name; the live one keeps all it has under another."""

    format: Literal[1] = 1
    id: str
    firm: str
    database: str
    restored: str
    system_identifier: int
    made_at: AwareDatetime
    requested_by: str
    sessions: int
    """That were connected to the live one when the plan was made, and will be ended."""
    notes: tuple[str, ...] = ()

    @property
    def before(self) -> str:
        return stamped(self.database, "before", self.id)

    def lines(self) -> Iterator[str]:
        yield f"database {self.restored} of firm {self.firm} becomes {self.database}"
        yield f"what is {self.database} now becomes {self.before}, with all that is in it; nobody can connect to it"
        yield f"{self.sessions} sessions are connected to it now and are ended: what they have not committed is lost"
        yield from self.notes
