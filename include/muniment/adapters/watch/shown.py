"""What the Recovery page shows of the firms: a line of each, and each one's history."""

from collections.abc import Collection, Iterable
from functools import lru_cache

from pydantic import ValidationError
from sqlalchemy import Table, select

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import FLEET_ROWS, HISTORIES
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.row import FirmRow, unread_row
from muniment.domain.record import Record

_ROWS_KEPT = 2048


@lru_cache(_ROWS_KEPT)
def _row(record: str) -> FirmRow | None:
    """By its text, which is all that it is made of: between two passes each look at the page finds the same."""
    return _read(FirmRow, record)


class Shown(Part):
    """What cannot be read costs its own firm alone, and no pass: each is written anew."""

    def fleet_rows(self) -> tuple[FirmRow, ...]:
        """By their firms' ids, in order; ``unread_row`` in place of one that cannot be read. Raises
        ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            kept = connection.execute(select(FLEET_ROWS).order_by(FLEET_ROWS.c.firm)).all()
        return tuple(_row(record) or unread_row(firm) for firm, record in kept)

    def fleet_row(self, firm: str) -> FirmRow | None:
        """``None`` also where it cannot be read. Raises ``WatchStoreUnavailable``."""
        asked = select(FLEET_ROWS.c.record).where(FLEET_ROWS.c.firm == firm)
        with self.database.reading() as connection:
            record = connection.execute(asked).scalar()
        return None if record is None else _row(record)

    def put_rows(self, rows: Iterable[FirmRow]) -> None:
        """All of them or none, over what was there of their firms. Raises ``WatchStoreUnavailable``."""
        self._put(FLEET_ROWS, rows)

    def history(self, firm: str) -> FirmHistory | None:
        """Raises ``WatchStoreUnavailable``."""
        return self.histories([firm]).get(firm)

    def histories(self, firms: Collection[str]) -> dict[str, FirmHistory]:
        """Of those of ``firms`` that have one that can be read, in order of their ids: the others are read out of their
        vaults again. Raises ``WatchStoreUnavailable``."""
        asked = select(HISTORIES.c.record).where(HISTORIES.c.firm.in_(firms)).order_by(HISTORIES.c.firm)
        with self.database.reading() as connection:
            kept = connection.execute(asked).scalars().all()
        found = (_read(FirmHistory, record) for record in kept)
        return {history.firm: history for history in found if history}

    def put_histories(self, histories: Iterable[FirmHistory]) -> None:
        """As ``put_rows``. Raises ``WatchStoreUnavailable``."""
        self._put(HISTORIES, histories)

    def _put(self, table: Table, records: Iterable[FirmRow | FirmHistory]) -> None:
        # In one order: two writers of the same rows wait for each other, and never both.
        ordered = sorted(records, key=lambda each: each.firm)
        rows = [{"firm": each.firm, "record": each.model_dump_json()} for each in ordered]
        if rows:
            with self.database.writing() as connection:
                connection.execute(self.database.upsert(table), rows)


def _read[R: Record](kind: type[R], record: str) -> R | None:
    try:
        return kind.model_validate_json(record)
    except ValidationError:
        return None
