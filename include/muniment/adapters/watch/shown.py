"""What the Recovery page shows of the firms: a line of each, and each one's history."""

from collections.abc import Collection, Iterable

from sqlalchemy import Table, select

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import FLEET_ROWS, HISTORIES
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.row import FirmRow


class Shown(Part):
    def fleet_rows(self) -> tuple[FirmRow, ...]:
        """By their firms' ids, in order. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            asked = select(FLEET_ROWS.c.record).order_by(FLEET_ROWS.c.firm)
            return tuple(self.read(FirmRow, connection.execute(asked).scalars()))

    def fleet_row(self, firm: str) -> FirmRow | None:
        """Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            found = connection.execute(select(FLEET_ROWS.c.record).where(FLEET_ROWS.c.firm == firm)).scalars()
            return next(iter(self.read(FirmRow, found)), None)

    def put_rows(self, rows: Iterable[FirmRow]) -> None:
        """All of them or none, over what was there of their firms. Raises ``WatchStoreUnavailable``."""
        self._put(FLEET_ROWS, rows)

    def history(self, firm: str) -> FirmHistory | None:
        """Raises ``WatchStoreUnavailable``."""
        return self.histories([firm]).get(firm)

    def histories(self, firms: Collection[str]) -> dict[str, FirmHistory]:
        """Of those of ``firms`` that have one, in order of their ids. Raises ``WatchStoreUnavailable``."""
        asked = select(HISTORIES.c.record).where(HISTORIES.c.firm.in_(firms)).order_by(HISTORIES.c.firm)
        with self.database.reading() as connection:
            found = self.read(FirmHistory, connection.execute(asked).scalars())
        return {history.firm: history for history in found}

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
