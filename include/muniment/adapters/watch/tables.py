"""The tables of the watch's store: columns for what is asked for, the record itself as JSON text beside them.

What they are like in a store that is there already is said by ``migrations/``, which never import this module.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

VERSION = "0002"
"""Of the newest migration. A store of another one is brought to it when it is opened, or refused."""
VERSION_TABLE = "muniment_watch_version"
"""Not ``alembic_version``: whoever keeps the store in Airflow's own database loses nothing there."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """Microseconds since 1970 (UTC), in order and exact on each database; SQLite has no type for an instant."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


METADATA = MetaData()


def _numbered() -> Column[int]:
    """In the order in which the rows were written, whatever the clock did."""
    return Column("number", Integer, primary_key=True, autoincrement=True)


def _record() -> Column[str]:
    return Column("record", Text, nullable=False)


FIRMS = Table("firms", METADATA, Column("firm", Text, primary_key=True), _record())
FLEET_ROWS = Table("fleet_rows", METADATA, Column("firm", Text, primary_key=True), _record())
HISTORIES = Table("histories", METADATA, Column("firm", Text, primary_key=True), _record())
PASSES = Table(
    "passes",
    METADATA,
    _numbered(),
    Column("queue", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("leased_until", Instant, nullable=False),
    Column("ended_at", Instant),
    _record(),
    Index("passes_of_a_queue", "queue", "number"),
)
SAMPLES = Table(
    "samples",
    METADATA,
    Column("firm", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("rpo_primary_s", Double),
    Column("rpo_replica_s", Double),
    Column("behind_primary_bytes", BigInteger),
    Column("behind_replica_bytes", BigInteger),
    Column("flush_lsn_bytes", BigInteger),
    Column("ready", Integer),
    Column("pg_wal_bytes", BigInteger),
    Column("wal_free_bytes", BigInteger),
    Index("samples_by_age", "at"),
    sqlite_with_rowid=False,  # in the order of the key, once
)
INCIDENTS = Table(
    "incidents",
    METADATA,
    _numbered(),
    Column("id", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("over_at", Instant),
    _record(),
    Index("incidents_by_key", "key", "number"),
    Index("incidents_by_end", "is_over", "over_at"),
)
INCIDENT_FIRMS = Table(
    "incident_firms",
    METADATA,
    Column("firm", Text, primary_key=True),
    Column("incident", Text, primary_key=True),
    Index("firms_of_an_incident", "incident"),
)
SILENCES = Table(
    "silences",
    METADATA,
    _numbered(),
    Column("id", Text, nullable=False, unique=True),
    Column("until", Instant, nullable=False),
    _record(),
)
NOTICES = Table(
    "notices",
    METADATA,
    _numbered(),
    Column("id", Text, nullable=False, unique=True),
    Column("claimed_at", Instant),
    Column("claimed_until", Instant),
    Column("delivered_at", Instant),
    _record(),
    Index("notices_by_delivery", "delivered_at", "number"),
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    _numbered(),
    Column("at", Instant, nullable=False),
    Column("notice", Text, nullable=False),
    _record(),
    Index("deliveries_by_age", "at"),
)
SUSPENSIONS = Table(
    "suspensions",
    METADATA,
    Column("firm", Text, primary_key=True),
    Column("duty", Text, primary_key=True),  # '' for all of them: no key holds a NULL
    Column("until", Instant, nullable=False),
    _record(),
)
REMEMBERED = Table(
    "remembered",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    _record(),
)
EXPOSITION = Table(
    "exposition",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
