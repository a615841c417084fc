"""What the Recovery page reads: a firm's line on the fleet's page, and what its vaults tell of its history."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("fleet_rows", "histories"):
        op.create_table(
            name, sa.Column("firm", sa.Text, primary_key=True), sa.Column("record", sa.Text, nullable=False)
        )
