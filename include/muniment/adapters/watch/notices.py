"""Notices on their way: told at least once, by one teller at a time."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import DELIVERIES, NOTICES
from muniment.domain.incidents.incident import Delivery, Notice


class Notices(Part):
    def claim_notices(self, now: datetime, lasting: timedelta) -> list[Notice]:
        """Those that nobody has delivered and nobody else has claimed, oldest first. The claim holds for ``lasting``:
        what was not ``delivered`` by then is claimed again, by whomever. Raises ``WatchStoreUnavailable``."""
        free = or_(
            NOTICES.c.claimed_until.is_(None),
            NOTICES.c.claimed_until <= now,
            NOTICES.c.claimed_at > now + lasting,  # by a clock that was ahead, as a pass's lease
        )
        claim = update(NOTICES).where(NOTICES.c.delivered_at.is_(None), free)
        claim = claim.values(claimed_at=now, claimed_until=now + lasting)
        with self.database.writing("claims") as connection:
            rows = connection.execute(claim.returning(NOTICES.c.number, NOTICES.c.record)).all()
        return self.read(Notice, [record for _, record in sorted(tuple(row) for row in rows)])

    def delivered(self, delivery: Delivery) -> None:
        """A receiver took it: it is claimed no more. Raises ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            connection.execute(insert(DELIVERIES), _row(delivery))
            told = update(NOTICES).where(NOTICES.c.id == delivery.notice, NOTICES.c.delivered_at.is_(None))
            connection.execute(told.values(delivered_at=delivery.at))

    def failed(self, delivery: Delivery) -> None:
        """A receiver did not take it; the claim stays as it is. Raises ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            connection.execute(insert(DELIVERIES), _row(delivery))

    def release(self, notice_id: str) -> None:
        """Nobody took it, and whoever comes next may try: they may have what this teller lacked. Raises
        ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            kept = update(NOTICES).where(NOTICES.c.id == notice_id, NOTICES.c.delivered_at.is_(None))
            connection.execute(kept.values(claimed_at=None, claimed_until=None))

    def deliveries(self, since: datetime) -> list[Delivery]:
        """What was tried, with success or without, in the order in which it was. Raises ``WatchStoreUnavailable``."""
        asked = select(DELIVERIES.c.record).where(DELIVERIES.c.at >= since).order_by(DELIVERIES.c.number)
        with self.database.reading() as connection:
            return self.read(Delivery, connection.execute(asked).scalars())

    def notices_of(self, incident_id: str) -> list[tuple[Notice, datetime | None]]:
        """Oldest first, each with when a receiver took it; ``None``: nobody has yet. Raises
        ``WatchStoreUnavailable``."""
        own = NOTICES.c.id.startswith(f"{incident_id}.", autoescape=True)
        asked = select(NOTICES.c.record, NOTICES.c.delivered_at).where(own).order_by(NOTICES.c.number)
        with self.database.reading() as connection:
            rows = connection.execute(asked).all()
        notices = self.read(Notice, [row.record for row in rows])
        return [(notice, row.delivered_at) for notice, row in zip(notices, rows, strict=True)]

    def deliveries_of(self, incident_id: str) -> list[Delivery]:
        """As ``deliveries``, of the notices of one incident. Raises ``WatchStoreUnavailable``."""
        own = DELIVERIES.c.notice.startswith(f"{incident_id}.", autoescape=True)
        asked = select(DELIVERIES.c.record).where(own).order_by(DELIVERIES.c.number)
        with self.database.reading() as connection:
            return self.read(Delivery, connection.execute(asked).scalars())

    def prune_notices(self, before: datetime) -> None:
        """What was delivered before, and what was tried before. What was not delivered stays. Raises
        ``WatchStoreUnavailable``."""
        with self.database.writing() as connection:
            connection.execute(delete(NOTICES).where(NOTICES.c.delivered_at < before))
            connection.execute(delete(DELIVERIES).where(DELIVERIES.c.at < before))


def _row(delivery: Delivery) -> dict[str, object]:
    return {"at": delivery.at, "notice": delivery.notice, "record": delivery.model_dump_json()}
