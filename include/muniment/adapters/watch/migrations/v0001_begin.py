"""The store's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _series()
    _incidents()
    _notices()
    _rest()


def _numbered() -> sa.Column[int]:
    return sa.Column("number", sa.Integer, primary_key=True, autoincrement=True)


def _record() -> sa.Column[str]:
    return sa.Column("record", sa.Text, nullable=False)


def _series() -> None:
    op.create_table("firms", sa.Column("firm", sa.Text, primary_key=True), _record())
    op.create_table(
        "passes",
        _numbered(),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        _record(),
    )
    op.create_index("passes_of_a_queue", "passes", ["queue", "number"])
    op.create_table(
        "samples",
        sa.Column("firm", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("rpo_primary_s", sa.Double),
        sa.Column("rpo_replica_s", sa.Double),
        sa.Column("behind_primary_bytes", sa.BigInteger),
        sa.Column("behind_replica_bytes", sa.BigInteger),
        sa.Column("flush_lsn_bytes", sa.BigInteger),
        sa.Column("ready", sa.Integer),
        sa.Column("pg_wal_bytes", sa.BigInteger),
        sa.Column("wal_free_bytes", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("samples_by_age", "samples", ["at"])


def _incidents() -> None:
    op.create_table(
        "incidents",
        _numbered(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("over_at", sa.BigInteger),
        _record(),
    )
    op.create_index("incidents_by_key", "incidents", ["key", "number"])
    op.create_index("incidents_by_end", "incidents", ["is_over", "over_at"])
    op.create_table(
        "incident_firms",
        sa.Column("firm", sa.Text, primary_key=True),
        sa.Column("incident", sa.Text, primary_key=True),
    )
    op.create_index("firms_of_an_incident", "incident_firms", ["incident"])
    op.create_table(
        "silences",
        _numbered(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        _record(),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        _numbered(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("claimed_at", sa.BigInteger),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("delivered_at", sa.BigInteger),
        _record(),
    )
    op.create_index("notices_by_delivery", "notices", ["delivered_at", "number"])
    op.create_table(
        "deliveries",
        _numbered(),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        _record(),
    )
    op.create_index("deliveries_by_age", "deliveries", ["at"])


def _rest() -> None:
    op.create_table(
        "suspensions",
        sa.Column("firm", sa.Text, primary_key=True),
        sa.Column("duty", sa.Text, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        _record(),
    )
    op.create_table(
        "remembered",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        _record(),
    )
    op.create_table(
        "exposition",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
