"""A store of an older version, or a new one, becomes what ``tables.py`` says: in one transaction, by alembic.

There is no ``alembic.ini`` and no ``env.py``: nobody but ``WatchStore.open`` runs these migrations.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from muniment.adapters.watch.tables import METADATA, VERSION, VERSION_TABLE

_MIGRATIONS = str(Path(__file__).with_name("migrations"))


def upgrade(connection: Connection) -> None:
    """In the transaction that ``connection`` is in; whoever calls it holds the lock of migrations."""
    scripts = ScriptDirectory(_MIGRATIONS, version_locations=[_MIGRATIONS])
    steps = EnvironmentContext(Config(), scripts, fn=lambda now, _: scripts._upgrade_revs(VERSION, now))
    with steps:
        steps.configure(connection=connection, target_metadata=METADATA, version_table=VERSION_TABLE)
        steps.run_migrations()
