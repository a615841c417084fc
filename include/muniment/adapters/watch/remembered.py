"""What is small: suspensions, what Airflow said, what the metrics are, what was done last."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import EXPOSITION, REMEMBERED, SUSPENSIONS
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.duty import Duty, Suspension

_AIRFLOW = ("airflow", "seen")
_ONLY = 1


class Suspensions(Part):
    def put_suspension(self, suspension: Suspension) -> None:
        """Instead of the one of the same firm and duty. Raises ``WatchStoreUnavailable``."""
        row = {"firm": suspension.firm, "duty": suspension.duty or "", "until": suspension.until}
        with self.database.writing() as connection:
            connection.execute(self.database.upsert(SUSPENSIONS), {**row, "record": suspension.model_dump_json()})

    def suspensions(self, now: datetime) -> tuple[Suspension, ...]:
        """Those that had not ended at ``now``, by firm and duty: of each the one that was put last. Raises
        ``WatchStoreUnavailable``."""
        asked = select(SUSPENSIONS.c.record).where(SUSPENSIONS.c.until > now)
        with self.database.reading() as connection:
            rows = connection.execute(asked.order_by(SUSPENSIONS.c.firm, SUSPENSIONS.c.duty)).scalars()
            return tuple(self.read(Suspension, rows))

    def end_suspension(self, firm: str, duty: Duty | None, now: datetime) -> bool:
        """Whether it was there and had not ended yet. Raises ``WatchStoreUnavailable``."""
        own = (SUSPENSIONS.c.firm == firm) & (SUSPENSIONS.c.duty == (duty or "")) & (SUSPENSIONS.c.until > now)
        with self.database.writing() as connection:
            asked = select(SUSPENSIONS.c.record).where(own).with_for_update()
            found = self.read(Suspension, connection.execute(asked).scalars())
            for each in found:
                ended = {"until": now, "record": each.model_copy(update={"until": now}).model_dump_json()}
                connection.execute(update(SUSPENSIONS).where(own).values(ended))
        return bool(found)


class Remembered(Part):
    def remember(self, topic: str, key: str, value: dict[str, Any], now: datetime) -> None:
        """Instead of what was remembered of it before. Raises ``WatchStoreUnavailable``."""
        self._keep((topic, key), json.dumps(value), now)

    def recall(self, topic: str, key: str) -> dict[str, Any] | None:
        """Raises ``WatchStoreUnavailable``."""
        kept = self._kept((topic, key))
        return None if kept is None else json.loads(kept)

    def put_airflow(self, seen: AirflowSeen) -> None:
        """Raises ``WatchStoreUnavailable``."""
        self._keep(_AIRFLOW, seen.model_dump_json(), seen.seen_at)

    def airflow(self) -> AirflowSeen | None:
        """Raises ``WatchStoreUnavailable``."""
        kept = self._kept(_AIRFLOW)
        return None if kept is None else self.read(AirflowSeen, [kept])[0]

    def put_exposition(self, body: bytes, now: datetime) -> None:
        """What is served as it is, rendered at ``now``. Raises ``WatchStoreUnavailable``."""
        row = {"number": _ONLY, "at": now, "body": body}
        with self.database.writing() as connection:
            connection.execute(
                self.database.insert(EXPOSITION).on_conflict_do_update(index_elements=["number"], set_=row), row
            )

    def exposition(self) -> tuple[bytes, datetime] | None:
        """The body, and when it was rendered. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            row = connection.execute(select(EXPOSITION.c.body, EXPOSITION.c.at)).first()
        return None if row is None else (bytes(row[0]), row[1])

    def _keep(self, about: tuple[str, str], record: str, now: datetime) -> None:
        row = {"topic": about[0], "key": about[1], "at": now, "record": record}
        with self.database.writing() as connection:
            connection.execute(self.database.upsert(REMEMBERED), row)

    def _kept(self, about: tuple[str, str]) -> str | None:
        asked = select(REMEMBERED.c.record).where(REMEMBERED.c.topic == about[0], REMEMBERED.c.key == about[1])
        with self.database.reading() as connection:
            return connection.execute(asked).scalar()
