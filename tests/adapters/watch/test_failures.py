"""What a store that fails says, word for word."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from muniment.adapters.watch.store import WatchStore
from muniment.adapters.watch.tables import VERSION
from muniment.errors import (
    MunimentError,
    WatchStoreDamaged,
    WatchStoreNotReady,
    WatchStoreTooNew,
    WatchStoreUnavailable,
)
from tests.support.watched import firm_seen


def test_one_that_is_locked_for_too_long(tmp_path: Path) -> None:
    file = tmp_path / "watch.sqlite"
    store = WatchStore.open(str(file), patience_s=0.1)
    with closing(sqlite3.connect(file, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(WatchStoreUnavailable) as refused:
            store.put_firms([firm_seen()])
    assert refused.value.exit_code == 75
    assert str(refused.value) == (
        f"the watch's store {file} does not do what it was asked for: database is locked\n"
        "KEPT: every recovery point that is registered; what the watch has written, and nothing of what it was about"
        " to write\n"
        "HINT: it is tried again with the next pass; if it goes on, look at that disk's space and rights, or at that"
        " server. What the watch shows until then is as old as it says."
    )


def test_one_that_a_later_muniment_has_migrated(url: str, store: WatchStore) -> None:
    with store.database.writing() as connection:
        connection.execute(text("UPDATE muniment_watch_version SET version_num = '0999'"))
    with pytest.raises(WatchStoreTooNew) as refused:
        WatchStore.open(url)
    assert refused.value.exit_code == 1
    assert str(refused.value) == (
        f"the watch's store {store.database.place} is of version 0999, this Muniment knows {VERSION}\n"
        "KEPT: everything: nothing was read from it, nothing was written\n"
        "HINT: install here the Muniment that has migrated it; every machine that watches runs the same."
    )


def test_one_that_is_not_there_to_be_read(tmp_path: Path) -> None:
    file = tmp_path / "watch.sqlite"
    with pytest.raises(WatchStoreNotReady) as refused:
        WatchStore.open(str(file), read_only=True)
    assert (refused.value.exit_code, list(tmp_path.iterdir())) == (75, [])
    assert str(refused.value) == (
        f"the watch's store {file} is not there yet\n"
        "KEPT: everything: nothing was read from it, nothing was written\n"
        "HINT: the next pass of the watch makes it, or brings it to this version: look whether the DAG fleet__watch"
        " runs, and with the same Muniment and the same watch.yaml as whoever reads here."
    )


def test_one_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "watch.sqlite"
    file.write_text("not at all a database" * 100)
    with pytest.raises(WatchStoreDamaged) as refused:
        WatchStore.open(str(file))
    assert refused.value.exit_code == 3
    assert str(refused.value) == (
        f"the watch's store {file} is damaged: file is not a database\n"
        "KEPT: every recovery point that is registered: the vaults know nothing of the watch\n"
        "HINT: set a file aside, with those beside it that begin with its name; of PostgreSQL restore the schema"
        " muniment_watch, or rename it. The next pass makes a new store and learns everything anew but the series, who"
        " acknowledged what, silences and suspensions."
    )


def test_one_with_a_record_that_is_none_says_nothing_of_what_stands_in_it(store: WatchStore) -> None:
    store.put_firms([firm_seen()])
    with store.database.writing() as connection:
        connection.execute(text("UPDATE firms SET record = replace(record, '\"tier\"', '\"Jane Doe\"')"))
    with pytest.raises(WatchStoreDamaged) as refused:
        store.firms()
    assert refused.value.facts["reason"] == "a record is no FirmSeen: tier: missing"
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


def test_one_whose_tables_somebody_took_away(store: WatchStore) -> None:
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE samples"))
        connection.execute(text("DROP TABLE firms"))
    with pytest.raises(MunimentError, match="firms") as refused:
        store.firms()
    assert type(refused.value) is WatchStoreUnavailable
