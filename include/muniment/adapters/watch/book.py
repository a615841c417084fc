"""The incidents, their silences and what is to be told of them, in one exclusive transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, delete, insert, or_, select, update

from muniment.adapters.watch.part import Part
from muniment.adapters.watch.tables import INCIDENT_FIRMS, INCIDENTS, NOTICES, SILENCES
from muniment.domain.incidents.incident import Incident, Notice, Silence

_TOPIC = "the book"
_INCIDENTS_KEPT = 2048


@lru_cache(_INCIDENTS_KEPT)
def _incident(record: str) -> Incident:
    """By its text, which is all that it is made of: one that is over never changes."""
    return Incident.model_validate_json(record)


@dataclass(frozen=True, slots=True)
class Book(Part):
    """Whatever is put here takes effect as one, at the end of the block; an error in it undoes all.

    Nobody else has it open meanwhile. So nobody is waited for in the block, neither a network nor a method of the
    store that writes: on SQLite that one would wait for this very block.
    """

    connection: Connection

    def open_incidents(self) -> list[Incident]:
        """All but those that are resolved, in the order in which they were put first."""
        return self.incidents(open_only=True)

    def incidents(
        self, *, open_only: bool = False, since: datetime | None = None, firm: str | None = None
    ) -> list[Incident]:
        """Not resolved (``open_only``), not resolved before ``since``, touching ``firm``; in the same order."""
        asked = select(INCIDENTS.c.record).order_by(INCIDENTS.c.number)
        if open_only:
            asked = asked.where(INCIDENTS.c.is_over.is_(False))
        if since is not None:
            asked = asked.where(or_(INCIDENTS.c.is_over.is_(False), INCIDENTS.c.over_at >= since))
        if firm is not None:
            touching = select(INCIDENT_FIRMS.c.incident).where(INCIDENT_FIRMS.c.firm == firm)
            asked = asked.where(INCIDENTS.c.id.in_(touching))
        return self.read(Incident, self.connection.execute(asked).scalars(), _incident)

    def find(self, id_or_key: str) -> Incident | None:
        """The one with this id, else the last one with this key."""
        asked = select(INCIDENTS.c.record).order_by(INCIDENTS.c.number.desc()).limit(1)
        for its in (INCIDENTS.c.id, INCIDENTS.c.key):
            if found := self.read(Incident, self.connection.execute(asked.where(its == id_or_key)).scalars()):
                return found[0]
        return None

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
        """Those that have not ended, in the order in which they were put."""
        asked = select(SILENCES.c.record).where(SILENCES.c.until > now).order_by(SILENCES.c.number)
        return tuple(self.read(Silence, self.connection.execute(asked).scalars()))


class Books(Part):
    @contextmanager
    def book(self) -> Iterator[Book]:
        """Raises ``WatchStoreUnavailable``, also at the end of the block."""
        with self.database.writing(_TOPIC) as connection:
            yield Book(self.database, connection)

    def incidents(self, open_only: bool, firm: str | None = None, since: datetime | None = None) -> list[Incident]:
        """As ``Book.incidents``. Raises ``WatchStoreUnavailable``."""
        with self._page() as page:
            return page.incidents(open_only=open_only, since=since, firm=firm)

    def find_incident(self, id_or_key: str) -> Incident | None:
        """As ``Book.find``. Raises ``WatchStoreUnavailable``."""
        with self._page() as page:
            return page.find(id_or_key)

    def silences(self, now: datetime) -> tuple[Silence, ...]:
        """As ``Book.silences``. Raises ``WatchStoreUnavailable``."""
        with self._page() as page:
            return page.silences(now)

    @contextmanager
    def _page(self) -> Iterator[Book]:
        """To read alone: it keeps nobody out."""
        with self.database.reading() as connection:
            yield Book(self.database, connection)

    def put_silence(self, silence: Silence) -> None:
        """Over the one with its id. Raises ``WatchStoreUnavailable``."""
        row = {"id": silence.id, "until": silence.until, "record": silence.model_dump_json()}
        with self.book() as book:
            book.connection.execute(self.database.upsert(SILENCES, "id"), row)

    def end_silence(self, silence_id: str, now: datetime) -> bool:
        """Whether it was there and had not ended yet. Raises ``WatchStoreUnavailable``."""
        with self.book() as book:
            found = [each for each in book.silences(now) if each.id == silence_id]
            for each in found:
                ended = {"until": now, "record": each.model_copy(update={"until": now}).model_dump_json()}
                book.connection.execute(update(SILENCES).where(SILENCES.c.id == silence_id).values(ended))
        return bool(found)
