"""The migrations make what the tables say, from nothing."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from muniment.adapters.host.lock_file import locked
from muniment.adapters.watch import migrate
from muniment.adapters.watch.store import WatchStore
from muniment.adapters.watch.tables import METADATA, VERSION, VERSION_TABLE
from muniment.errors import WatchStoreUnavailable
from tests.support.watched import firm_seen


def test_what_the_migrations_make_is_what_the_tables_say(store: WatchStore) -> None:
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_migration_is_the_version_that_is_known() -> None:
    scripts = ScriptDirectory(migrate._MIGRATIONS, version_locations=[migrate._MIGRATIONS])
    assert scripts.get_heads() == [VERSION]
    assert {len(each.revision) for each in scripts.walk_revisions()} == {4}  # they are compared as texts


def test_a_migration_that_failed_half_way_leaves_nothing(url: str) -> None:
    store = WatchStore.open(url)
    with store.database.writing() as connection:
        connection.execute(text(f"DELETE FROM {VERSION_TABLE}"))
        for table in METADATA.tables:
            if table != "exposition":  # the last that is made: it will be there already
                connection.execute(text(f"DROP TABLE {table}"))
    for _ in range(2):
        with pytest.raises(WatchStoreUnavailable, match=r"exposition.* already exists"):
            WatchStore.open(url)
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE exposition"))
    WatchStore.open(url).put_firms([firm_seen()])


def test_one_process_at_a_time_makes_a_file(tmp_path: Path) -> None:
    """To switch to its log SQLite waits for nobody: two that do so at once are in each other's way now and then."""
    busy = AssertionError("nobody else has it")
    file = tmp_path / "watch.sqlite"
    with locked(tmp_path, busy), pytest.raises(WatchStoreUnavailable) as refused:
        WatchStore.open(str(file), patience_s=0)
    assert refused.value.facts["reason"] == "another process has its folder locked for too long"
    WatchStore.open(str(file))
    with locked(tmp_path, busy):
        WatchStore.open(str(file), patience_s=0)  # it is there: nobody waits
