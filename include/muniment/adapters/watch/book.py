"""The incidents, their silences and what is to be told of them, in one exclusive transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, delete, insert, or_, select, update

from muniment.adapters.watch.database import Database
from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import INCIDENT_FIRMS, INCIDENTS, NOTICES, SILENCES
from muniment.domain.incidents.incident import Incident, Notice, Silence


@dataclass(frozen=True, slots=True)
class Book:
    """Whatever is put here takes effect as one, at the end of the block; an error in it undoes all. Nobody else has
    the book open: whoever does waits for nothing but the store in it."""

    database: Database
    connection: Connection

    def open_incidents(self) -> list[Incident]:
        """All but those that are resolved, in the order in which they were put first."""
        return _incidents(self.connection, open_only=True)

    def incidents(self, *, since: datetime | None = None, firm: str | None = None) -> list[Incident]:
        """Those that were not resolved before ``since``; of ``firm``: that touch it."""
        return _incidents(self.connection, since=since, firm=firm)

    def find(self, id_or_key: str) -> Incident | None:
        """The one with this id, else the last one with this key."""
        return _find(self.connection, id_or_key)

    def put(self, incident: Incident) -> None:
        """Over the one with its id."""
        is_over = incident.state == "resolved"
        over_at = (incident.resolved_at or incident.last_bad_at) if is_over else None
        row = {"id": incident.id, "key": incident.key, "is_over": is_over, "over_at": over_at}
        upsert = self.database.upsert(INCIDENTS, "id")
        self.connection.execute(upsert, {**row, "record": incident.model_dump_json()})
        self._touch(incident)

    def _touch(self, incident: Incident) -> None:
        """Which firms it touches: only what changed is written, for a lost region has a thousand."""
        touched = {member.firm for member in incident.members}
        if incident.scope.kind == "firm":
            touched.add(incident.scope.name)
        own = INCIDENT_FIRMS.c.incident == incident.id
        before = set(self.connection.execute(select(INCIDENT_FIRMS.c.firm).where(own)).scalars())
        rows = [{"incident": incident.id, "firm": firm} for firm in sorted(touched - before)]
        if rows:
            self.connection.execute(insert(INCIDENT_FIRMS), rows)
        for firm in before - touched:
            self.connection.execute(delete(INCIDENT_FIRMS).where(own, INCIDENT_FIRMS.c.firm == firm))

    def enqueue(self, notice: Notice) -> None:
        """Once, by its id."""
        once = self.database.insert(NOTICES).on_conflict_do_nothing(index_elements=["id"])
        self.connection.execute(once, {"id": notice.id, "record": notice.model_dump_json()})

    def silences(self, now: datetime) -> tuple[Silence, ...]:
        return _silences(self.connection, now)


class Books(Part):
    @contextmanager
    def book(self) -> Iterator[Book]:
        """Raises ``WatchStoreUnavailable``, also at the end of the block."""
        with self.database.writing("the book") as connection:
            yield Book(self.database, connection)

    def incidents(self, open_only: bool, firm: str | None = None, since: datetime | None = None) -> list[Incident]:
        """Not resolved (``open_only``), not resolved before ``since``, touching ``firm``; in the order in which they
        were put first. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            return _incidents(connection, open_only=open_only, since=since, firm=firm)

    def find_incident(self, id_or_key: str) -> Incident | None:
        """The one with this id, else the last one with this key. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            return _find(connection, id_or_key)

    def put_silence(self, silence: Silence) -> None:
        """Raises ``WatchStoreUnavailable``."""
        row = {"id": silence.id, "until": silence.until, "record": silence.model_dump_json()}
        with self.database.writing("the book") as connection:
            connection.execute(self.database.upsert(SILENCES, "id"), row)

    def silences(self, now: datetime) -> tuple[Silence, ...]:
        """Those that have not ended. Raises ``WatchStoreUnavailable``."""
        with self.database.reading() as connection:
            return _silences(connection, now)

    def end_silence(self, silence_id: str, now: datetime) -> bool:
        """Whether it was there and had not ended yet. Raises ``WatchStoreUnavailable``."""
        with self.database.writing("the book") as connection:
            found = [each for each in _silences(connection, now) if each.id == silence_id]
            for each in found:
                ended = {"until": now, "record": each.model_copy(update={"until": now}).model_dump_json()}
                connection.execute(update(SILENCES).where(SILENCES.c.id == silence_id).values(ended))
        return bool(found)


def _incidents(
    connection: Connection, *, open_only: bool = False, since: datetime | None = None, firm: str | None = None
) -> list[Incident]:
    asked = select(INCIDENTS.c.record).order_by(INCIDENTS.c.number)
    if open_only:
        asked = asked.where(INCIDENTS.c.is_over.is_(False))
    if since is not None:
        asked = asked.where(or_(INCIDENTS.c.is_over.is_(False), INCIDENTS.c.over_at >= since))
    if firm is not None:
        touching = select(INCIDENT_FIRMS.c.incident).where(INCIDENT_FIRMS.c.firm == firm)
        asked = asked.where(INCIDENTS.c.id.in_(touching))
    return _read(connection, asked)


def _find(connection: Connection, id_or_key: str) -> Incident | None:
    asked = select(INCIDENTS.c.record).order_by(INCIDENTS.c.number.desc()).limit(1)
    by_id = _read(connection, asked.where(INCIDENTS.c.id == id_or_key))
    return next(iter(by_id or _read(connection, asked.where(INCIDENTS.c.key == id_or_key))), None)


def _read(connection: Connection, asked: Select[str]) -> list[Incident]:
    return [Incident.model_validate_json(record) for record in connection.execute(asked).scalars()]


def _silences(connection: Connection, now: datetime) -> tuple[Silence, ...]:
    asked = select(SILENCES.c.record).where(SILENCES.c.until > now).order_by(SILENCES.c.number)
    return tuple(Silence.model_validate_json(record) for record in connection.execute(asked).scalars())
