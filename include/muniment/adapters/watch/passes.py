"""Passes of the watch, and the lease by which no two of one queue are under way at once."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select, update

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import PASSES
from muniment.domain.watch.passes import Pass


class Passes(Part):
    def begin_pass(self, queue: str, now: datetime, lasting: timedelta) -> Pass | None:
        """``None``: another pass of this queue holds its lease. It holds for ``lasting`` and ends by itself, whoever
        was killed. Raises ``WatchStoreUnavailable``."""
        begun = Pass(queue=queue, began_at=now)
        newest = select(PASSES).where(PASSES.c.queue == queue).order_by(PASSES.c.number.desc()).limit(1)
        with self.database.writing(f"a pass of {queue}") as connection:
            last = connection.execute(newest).mappings().first()
            if last is not None and _holds(last, now):
                return None
            row = {"queue": queue, "began_at": now, "leased_until": now + lasting, "record": begun.model_dump_json()}
            connection.execute(insert(PASSES).values(row))
        return begun

    def end_pass(self, begun: Pass, ended: Pass) -> None:
        """``ended`` takes the place of what ``begin_pass`` gave, and the lease is over. Raises
        ``WatchStoreUnavailable``."""
        own = select(func.max(PASSES.c.number)).where(
            PASSES.c.queue == begun.queue, PASSES.c.began_at == begun.began_at
        )
        done = {"ended_at": ended.ended_at, "record": ended.model_dump_json()}
        with self.database.writing() as connection:
            connection.execute(update(PASSES).where(PASSES.c.number == own.scalar_subquery()).values(done))

    def last_passes(self) -> tuple[Pass, ...]:
        """The newest ended one of each queue. Raises ``WatchStoreUnavailable``."""
        newest = select(func.max(PASSES.c.number)).where(PASSES.c.ended_at.is_not(None)).group_by(PASSES.c.queue)
        return self._passes(PASSES.c.number.in_(newest))

    def passes_under_way(self) -> tuple[Pass, ...]:
        """Of each queue the one that has begun last, where it has not ended: it runs, or was killed. Raises
        ``WatchStoreUnavailable``."""
        newest = select(func.max(PASSES.c.number)).group_by(PASSES.c.queue)
        return self._passes(PASSES.c.number.in_(newest) & PASSES.c.ended_at.is_(None))

    def prune_passes(self, before: datetime) -> None:
        """Raises ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            connection.execute(delete(PASSES).where(PASSES.c.began_at < before))

    def _passes(self, which: ColumnElement[bool]) -> tuple[Pass, ...]:
        asked = select(PASSES.c.record).where(which).order_by(PASSES.c.queue)
        with self.database.reading() as connection:
            return tuple(self.read(Pass, connection.execute(asked).scalars()))


def _holds(last: RowMapping, now: datetime) -> bool:
    """A clock that was set back must not keep the watch out for as long as it was ahead: a lease that begins more than
    its own length from now is none. Less than that may be another machine's clock."""
    if last["ended_at"] is not None:
        return False
    began_at: datetime = last["began_at"]
    until: datetime = last["leased_until"]
    return began_at - now <= until - began_at and now < until
