"""The database of a law firm's practice-management product: schema and tens of thousands of rows, made in seconds.

The same seed makes the same rows. The ledger is double entry and balances to the cent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.postgres.session import open_session
from muniment_demo.documents import PER_FIRM, Paper, added_in_a_day, deleted_in_a_day
from muniment_demo.prose import AREAS, Prose

DATABASE = "practice"
EMBEDDING_DIMENSIONS = 384
_OPENED = date(2024, 1, 2)
_WRITTEN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
_ROLES = ("partner", "associate", "associate", "paralegal", "assistant", "bookkeeper")
_EVENT_KINDS = ("hearing", "deposition", "client meeting", "closing", "mediation", "filing deadline")
_TOPICS = ("limitation of liability", "governing law", "indemnity", "assignment", "termination", "confidentiality")
_POSITIONS = ("preferred", "acceptable", "refused")

type Rows = Iterator[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Practice:
    """How much a firm has. `scale` 1 is about 27,000 rows."""

    seed: str
    scale: float = 1.0

    def count(self, base: int) -> int:
        return max(2, round(base * self.scale))

    @property
    def matters(self) -> int:
        return self.count(600)

    @property
    def transfers(self) -> int:
        return self.count(4_000)


def create_database(conninfo: str) -> None:
    """Makes the empty database; `conninfo` leads to another one of the same cluster."""
    with open_session(conninfo) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def fill(conninfo: str, practice: Practice) -> None:
    """Schema and rows into the empty database that `conninfo` names; all of it or nothing."""
    with open_session(conninfo, autocommit=False) as connection:
        connection.execute("CREATE SCHEMA practice")
        vectors = _create_embedding(connection)
        connection.execute(_script("practice.sql"))
        _load(connection, practice, vectors=vectors)
        connection.execute(_script("practice_rules.sql"))
        connection.execute("SELECT setval('practice.transfer_ids', max(transfer_id)) FROM practice.ledger_entries")


def live_a_day(conninfo: str, firm: str) -> None:
    """What happens to the rows when documents.live_a_day has happened to the bucket."""
    with open_session(conninfo, autocommit=False) as connection:
        gone = [paper.key for paper in deleted_in_a_day(firm)]
        connection.execute("DELETE FROM practice.documents WHERE storage_key = ANY(%s)", (gone,))
        for paper in added_in_a_day(firm):
            connection.execute(
                "INSERT INTO practice.documents (matter_id, title, passage, filed_at, embedding, storage_key)"
                " SELECT matter_id, %s, passage, now(), embedding, %s FROM practice.documents LIMIT 1",
                (paper.title, paper.key),
            )


def _script(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


def _create_embedding(connection: psycopg.Connection) -> bool:
    """Whether the server has pgvector. Debian's own PostgreSQL does not."""
    has = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'").fetchone() is not None
    if has:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE DOMAIN practice.embedding AS vector(384)")
    else:
        connection.execute("CREATE DOMAIN practice.embedding AS real[] CHECK (array_length(VALUE, 1) = 384)")
    return has


def _load(connection: psycopg.Connection, practice: Practice, *, vectors: bool) -> None:
    prose = Prose(practice.seed)
    ledger = Ledger(practice)
    _copy(connection, "users", _users(practice, prose))
    _copy(connection, "contacts", _contacts(practice, prose))
    _copy(connection, "matters", _matters(practice, prose, ledger))
    _copy(connection, "tasks", _tasks(practice, prose))
    _copy(connection, "notes", _notes(practice, prose))
    _copy(connection, "events", _events(practice, prose))
    _copy(connection, "documents", _documents(practice, prose, vectors=vectors))
    _copy(connection, "playbook_clauses", _clauses(practice, prose))
    _copy(connection, "trust_accounts", ledger.accounts())
    _copy(connection, "ledger_entries", ledger.entries())
    _copy(connection, "practice_settings", _settings(practice))


def _copy(connection: psycopg.Connection, table: str, rows: Rows) -> None:
    """COPY, then the identity goes on where the rows end."""
    name = sql.Identifier("practice", table)
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
        for row in rows:
            copy.write_row(row)
    if table != "practice_settings":
        after = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}")
        connection.execute(after.format(sql.Literal(f"practice.{table}"), name))


def _users(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(24) + 1):
        yield number, prose.person(), f"user{number}@firm.example", _ROLES[number % 6], 9_500 + 2_500 * (number % 16)


def _contacts(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(1_500) + 1):
        company = prose.company() if prose.random.random() < 0.4 else None
        phone = f"+1 312 555 {number:04d}"
        yield number, prose.person(), company, f"contact{number}@client.example", phone, prose.address()


def _matters(practice: Practice, prose: Prose, ledger: "Ledger") -> Rows:
    users, contacts = practice.count(24), practice.count(1_500)
    for number in range(1, practice.matters + 1):
        opened = _OPENED + timedelta(days=prose.random.randrange(1_000))
        closed = opened + timedelta(days=30 + number % 700) if number % 3 == 0 else None
        title = f"{prose.person()} v. {prose.company()}" if number % 2 else f"{prose.company()}: {prose.thing()}"
        lead, client = prose.random.randint(1, users), prose.random.randint(1, contacts)
        row = (number, f"{opened.year}-{number:05d}", title, AREAS[number % len(AREAS)])
        yield *row, client, lead, opened, closed, ledger.balances[number]


def _tasks(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(4_000) + 1):
        due = _OPENED + timedelta(days=prose.random.randrange(1_100))
        matter, who = prose.random.randint(1, practice.matters), prose.random.randint(1, practice.count(24))
        yield number, matter, who, f"Review the {prose.thing()}", due, number % 4 != 0


def _notes(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(8_000) + 1):
        matter, author = prose.random.randint(1, practice.matters), prose.random.randint(1, practice.count(24))
        yield number, matter, author, _WRITTEN - timedelta(minutes=7 * number), prose.paragraph(2, 9)


def _events(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(3_000) + 1):
        starts = _WRITTEN + timedelta(minutes=30 * (number - 2_000))
        kind = prose.random.choice(_EVENT_KINDS)
        yield number, prose.random.randint(1, practice.matters), starts, timedelta(minutes=45), kind, prose.address()


def _documents(practice: Practice, prose: Prose, *, vectors: bool) -> Rows:
    embedding = Embeddings(prose, opening="[" if vectors else "{", closing="]" if vectors else "}")
    for number in range(1, practice.count(1_500) + 1):
        matter, filed = prose.random.randint(1, practice.matters), _WRITTEN - timedelta(minutes=31 * number)
        row = (number, matter, f"{prose.thing()} {number}.pdf", prose.paragraph(3, 6), filed, embedding.next())
        yield *row, Paper(practice.seed, number - 1).key if number <= PER_FIRM else None


def _clauses(practice: Practice, prose: Prose) -> Rows:
    for number in range(1, practice.count(300) + 1):
        topic, position = _TOPICS[number % len(_TOPICS)], _POSITIONS[number % 3]
        yield number, topic, position, prose.paragraph(2, 5), prose.paragraph(1, 2)


def _settings(practice: Practice) -> Rows:
    yield "billing.increment_minutes", "6"
    yield "letterhead", f"{practice.seed} · Attorneys at Law"
    yield "retention.closed_matters_years", "7"
    yield "trust.bank", "First Fiduciary Bank"
    yield "trust.minimum_balance_cents", "0"


class Embeddings:
    """Vectors as text, each component one of 256 steps: as hard to compress as a model's."""

    def __init__(self, prose: Prose, *, opening: str, closing: str) -> None:
        self._random = prose.random
        self._open, self._close = opening, closing
        self._step = [f"{(step - 127.5) / 1250:.4f}" for step in range(256)]

    def next(self) -> str:
        components = ",".join(map(self._step.__getitem__, self._random.randbytes(EMBEDDING_DIMENSIONS)))
        return f"{self._open}{components}{self._close}"


class Ledger:
    """Trust accounting: account 1 is the bank's, each matter has its own; no matter is ever overdrawn."""

    def __init__(self, practice: Practice) -> None:
        self._matters = practice.matters
        self._transfers: list[tuple[int, int, str]] = []
        self.balances = [0] * (practice.matters + 1)
        random = Prose(f"{practice.seed} ledger").random
        for _ in range(practice.transfers):
            matter = random.randint(1, practice.matters)
            self._transfer(matter, random.randint(5_000, 2_500_000), pays_out=random.random() < 0.45)

    def _transfer(self, matter: int, cents: int, *, pays_out: bool) -> None:
        balance = self.balances[matter]
        if pays_out and balance > 0:
            cents, why = -min(cents, balance), "disbursement from trust"
        else:
            why = "retainer received into trust"
        self.balances[matter] += cents
        self._transfers.append((matter, cents, why))

    def accounts(self) -> Rows:
        yield 1, "bank", "IOLTA pooled account", None
        for matter in range(1, self._matters + 1):
            yield matter + 1, "client", f"Client ledger of matter {matter}", matter

    def entries(self) -> Rows:
        for number, (matter, cents, why) in enumerate(self._transfers, start=1):
            posted = _WRITTEN - timedelta(minutes=11 * (len(self._transfers) - number))
            yield 2 * number - 1, number, matter + 1, cents, posted, why
            yield 2 * number, number, 1, -cents, posted, why
