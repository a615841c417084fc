"""The firms as the watch saw them last, and their time series."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, delete, func, select, tuple_, type_coerce

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import FIRMS, FLEET_ROWS, HISTORIES, MICROSECOND, SAMPLES, Instant
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Sample

_PRUNED_AT_ONCE = 10_000
"""Rows a transaction: nobody who writes waits longer than for these."""


def _firm(of: FirmSeen | Sample) -> str:
    """In one order: two writers of the same rows wait for each other, and never both."""
    return of.firm


class Firms(Part):
    def firms(self) -> dict[str, FirmSeen]:
        """By their ids, in order. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            rows = connection.execute(select(FIRMS.c.record).order_by(FIRMS.c.firm)).scalars().all()
        return {seen.firm: seen for seen in self.read(FirmSeen, rows)}

    def firm(self, firm: str) -> FirmSeen | None:
        """Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            found = connection.execute(select(FIRMS.c.record).where(FIRMS.c.firm == firm)).scalars().all()
        return next(iter(self.read(FirmSeen, found)), None)

    def put_firms(self, firms: Iterable[FirmSeen]) -> None:
        """All of them or none, over what was seen of them before. Raises ``WatchStoreUnavailable``."""
        rows = [{"firm": each.firm, "record": each.model_dump_json()} for each in sorted(firms, key=_firm)]
        if rows:
            with self.database.writing() as connection:
                connection.execute(self.database.upsert(FIRMS), rows)

    def forget_firm(self, firm: str) -> None:
        """What was seen of it, its line and its history; its series and incidents stay. Raises
        ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            for table in (FIRMS, FLEET_ROWS, HISTORIES):
                connection.execute(delete(table).where(table.c.firm == firm))


class Series(Part):
    def add_samples(self, samples: Iterable[Sample]) -> None:
        """All of them or none; one of the same firm and instant takes the other's place. Raises
        ``WatchStoreUnavailable``."""
        rows = [each.model_dump() for each in sorted(samples, key=_firm)]
        if rows:
            with self.database.writing() as connection:
                connection.execute(self.database.upsert(SAMPLES), rows)

    def samples(self, firm: str, since: datetime, until: datetime) -> list[Sample]:
        """Of both instants and between them, in order. Where there are none for a time, the watch did not look: that
        time is unknown. Raises ``WatchStoreUnavailable``."""
        between = SAMPLES.c.at.between(since, until)
        asked = select(SAMPLES).where(SAMPLES.c.firm == firm, between).order_by(SAMPLES.c.at)
        with self.database.reading() as connection:
            return [Sample.model_validate(dict(row)) for row in connection.execute(asked).mappings()]

    def unwatched(
        self, firm: str, since: datetime, until: datetime, longest: timedelta
    ) -> list[tuple[datetime, datetime]]:
        """Each pair of samples that follow each other after more than ``longest``, in order. Raises
        ``WatchStoreUnavailable``."""
        earlier = func.lag(SAMPLES.c.at, type_=Instant()).over(order_by=SAMPLES.c.at).label("earlier")
        own = select(SAMPLES.c.at, earlier).where(SAMPLES.c.firm == firm, SAMPLES.c.at.between(since, until)).subquery()
        lasted = type_coerce(own.c.at, BigInteger) - type_coerce(own.c.earlier, BigInteger)
        asked = select(own.c.earlier, own.c.at).where(lasted > longest // MICROSECOND).order_by(own.c.at)
        with self.database.reading() as connection:
            return [(row.earlier, row.at) for row in connection.execute(asked)]

    def sampled(self, firm: str, since: datetime, until: datetime) -> tuple[datetime, datetime] | None:
        """The first sample and the last one; ``None``: there is none. Raises ``WatchStoreUnavailable``."""
        own = SAMPLES.c.firm == firm, SAMPLES.c.at.between(since, until)
        asked = select(func.min(SAMPLES.c.at).label("first"), func.max(SAMPLES.c.at).label("last")).where(*own)
        with self.database.reading() as connection:
            found = connection.execute(asked).one()
        return None if found.first is None else (found.first, found.last)

    def prune_samples(self, before: datetime) -> int:
        """How many are gone, a bounded number in each transaction. Raises ``WatchStoreUnavailable``."""
        key = tuple_(SAMPLES.c.firm, SAMPLES.c.at)
        old = select(SAMPLES.c.firm, SAMPLES.c.at).where(SAMPLES.c.at < before).limit(_PRUNED_AT_ONCE)
        gone = 0
        while True:
            with self.database.writing() as connection:
                done = connection.execute(delete(SAMPLES).where(key.in_(old))).rowcount
            gone += done
            if done < _PRUNED_AT_ONCE:
                return gone
