"""What happens to a store: processes beside each other, killed, forked; a server that restarts, a disk read-only."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.watch.store import WatchStore
from muniment.errors import InvalidConfiguration, WatchStoreUnavailable
from tests.fixtures.clusters import ROOT
from tests.support import watch_writers
from tests.support.watch_writers import BOOKS_EACH, NOTICES_EACH, forks, work_at_once
from tests.support.watched import LASTING, NOW, firm_row, firm_seen, incident, notice, sample

READER = (
    (ROOT / "docs" / "iam" / "watch-store-role.sql")
    .read_text()
    .replace(":'password'", "'hush'")
    .replace(':"store_role"', "postgres")
)
READ_ONLY = "options=-c%20default_transaction_read_only%3Don"


def test_processes_that_open_a_new_store_at_once_write_beside_each_other(url: str) -> None:
    """One migrates it. No book is lost, no notice is claimed twice, one pass begins."""
    told = work_at_once(url, 3)
    claimed = [name for names, _ in told for name in names]
    assert sorted(claimed) == sorted(notice(number).id for number in range(3 * NOTICES_EACH))
    assert sorted(begun for _, begun in told) == [False, False, True]
    [kept] = WatchStore.open(url).incidents(True)
    assert kept.bad_passes == 3 * BOOKS_EACH


def test_whoever_is_killed_in_the_middle_of_the_book_leaves_nothing_half_done(url: str, store: WatchStore) -> None:
    store.put_firms([firm_seen()])
    receiving, sending = forks().Pipe(duplex=False)
    process = forks().Process(target=watch_writers.stay_in_the_book, args=(url, sending))
    process.start()
    assert receiving.recv() == "half done"
    process.kill()
    process.join()
    with store.book() as book:
        assert book.incidents() == []
        book.put(incident())
    assert store.claim_notices(NOW, LASTING) == []
    assert store.firms() == {"acme": firm_seen()}
    assert store.incidents(True) == [incident()]


def test_whoever_waits_for_the_book_for_too_long_is_told_so_and_reads_on(url: str, store: WatchStore) -> None:
    impatient = WatchStore.open(url, patience_s=0.1)
    with store.book() as book:
        book.put(incident())
        with pytest.raises(WatchStoreUnavailable, match=r"lock"), impatient.book():
            pass
        assert impatient.incidents(False) == []
    assert impatient.incidents(False) == [incident()]


def test_a_server_that_restarts_costs_what_was_under_way(cluster: LocalCluster, server_url: str) -> None:
    store = WatchStore.open(server_url)
    store.put_firms([firm_seen()])
    cluster.stop(mode="fast")
    cluster.start()
    assert store.firms() == {"acme": firm_seen()}
    with pytest.raises(WatchStoreUnavailable), store.book() as book:
        book.put(incident())
        cluster.stop(mode="fast")
        book.enqueue(notice())
    with pytest.raises(WatchStoreUnavailable) as away:
        store.firms()
    assert away.value.exit_code == 75
    cluster.start()
    assert store.incidents(False) == []
    store.put_firms([firm_seen("birch")])
    assert list(store.firms()) == ["acme", "birch"]


def test_a_fork_has_a_session_of_its_own(server_url: str) -> None:
    receiving, sending = forks().Pipe(duplex=False)
    process = forks().Process(target=watch_writers.sessions_of_a_fork, args=(server_url, sending))
    process.start()
    parent, child, parent_again = receiving.recv()
    process.join()
    assert (parent == parent_again, parent == child) == (True, False)


def test_a_server_that_takes_no_writes_is_read(server_url: str) -> None:
    WatchStore.open(server_url).put_firms([firm_seen()])
    store = WatchStore.open(f"{server_url}&{READ_ONLY}")
    assert store.firms() == {"acme": firm_seen()}
    with pytest.raises(WatchStoreUnavailable, match=r"read-only transaction \(SQLSTATE 25006\)"):
        store.add_samples([sample()])
    with pytest.raises(WatchStoreUnavailable), store.book() as book:
        book.put(incident())


READ = """
import sys
from muniment.adapters.watch.store import WatchStore
from muniment.errors import WatchStoreUnavailable
from tests.support.watched import NOW, firm_seen, sample
store = WatchStore.open(sys.argv[1])
print(*store.firms(), len(store.samples("acme", NOW, NOW)))
print(*WatchStore.open(sys.argv[1], read_only=True).firms())
try:
    store.put_firms([firm_seen()])
except WatchStoreUnavailable as refused:
    print(refused.facts["reason"])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("is_open", [True, False], ids=["while another one has it open", "when nobody has"])
def test_a_disk_that_takes_no_writes_is_read(tmp_path: Path, is_open: bool) -> None:
    """With the log beside the file, and without one, which SQLite could not make."""
    file = tmp_path / "watch" / "watch.sqlite"
    store = WatchStore.open(str(file))
    with closing(sqlite3.connect(file if is_open else ":memory:")) as session:
        session.execute("SELECT name FROM sqlite_master").fetchall()
        store.put_firms([firm_seen()])
        store.add_samples([sample()])
        assert file.with_name("watch.sqlite-wal").exists() is is_open
        mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", mount, "sh", str(file.parent), sys.executable, "-c", READ, str(file)]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}"}
        seen = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    assert (seen.stdout.splitlines(), seen.stderr) == (["acme 1", "acme", "attempt to write a readonly database"], "")


def test_a_new_file_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    file = tmp_path / "project" / ".muniment" / "watch" / "watch.sqlite"
    store = WatchStore.open(f"sqlite:///{file}")
    with store.database.reading():
        modes = {path.name: path.stat().st_mode & 0o777 for path in (file.parent, *file.parent.iterdir())}
    assert modes == {"watch": 0o700, "watch.sqlite": 0o600, **dict.fromkeys(modes.keys() - {"watch"}, 0o600)}
    with closing(sqlite3.connect(file)) as session:
        assert session.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "watch").write_text("a file")
    with pytest.raises(WatchStoreUnavailable) as refused:
        WatchStore.open(str(tmp_path / "watch" / "inner" / "watch.sqlite"))
    assert refused.value.facts["reason"] == "Not a directory"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://watch:hush@db/watch", "mysql:// is neither sqlite:///FILE nor postgresql://"),
        ("sqlite://", "sqlite:// is neither sqlite:///FILE nor postgresql://"),
        ("postgresql://watch:hush@db:port:2/watch?nonsense=1", "its URL is not one that libpq reads"),
    ],
)
def test_a_url_that_is_none_is_a_fault_without_its_password(url: str, fault: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        WatchStore.open(url)
    assert refused.value.facts["faults"] == f"the watch's store: {fault}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_tables_have_a_schema_of_their_own(cluster: LocalCluster, server_url: str) -> None:
    """It may be Airflow's database: nothing of ``public`` is touched, ``alembic_version`` least of all."""
    WatchStore.open(server_url).put_firms([firm_seen()])
    with psycopg.connect(cluster.conninfo()) as connection:
        asked = "SELECT table_schema FROM information_schema.tables WHERE table_schema !~ '^(pg_|information)'"
        assert {row[0] for row in connection.execute(asked)} == {"muniment_watch"}


def test_a_role_that_may_only_read_is_enough_for_the_page(cluster: LocalCluster, server_url: str) -> None:
    WatchStore.open(server_url).put_rows([firm_row()])
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(READER)
    as_reader = server_url.replace("user=postgres", "user=muniment_page&password=hush")
    assert WatchStore.open(as_reader, read_only=True).fleet_rows() == (firm_row(),)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE muniment_watch.of_a_later_version ()")
        connection.execute("ALTER ROLE muniment_page RESET default_transaction_read_only")
        asked = "SELECT has_table_privilege('muniment_page', 'muniment_watch.of_a_later_version', 'SELECT')"
        assert connection.execute(asked).fetchone() == (True,)
    with pytest.raises(WatchStoreUnavailable, match="permission denied"):
        WatchStore.open(as_reader).put_rows([firm_row("birch")])
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("REVOKE USAGE ON SCHEMA muniment_watch FROM muniment_page")
    with pytest.raises(WatchStoreUnavailable, match="this login has no USAGE on schema muniment_watch"):
        WatchStore.open(as_reader, read_only=True)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP OWNED BY muniment_page; DROP ROLE muniment_page")


def test_nothing_shows_the_password(cluster: LocalCluster, server_url: str) -> None:
    """Of a role that may do nothing but make that schema, or has it already."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE watch LOGIN PASSWORD 'hush-hush'")
        connection.execute("CREATE SCHEMA muniment_watch AUTHORIZATION watch")
    as_watch = server_url.replace("user=postgres", "user=watch&password=hush-hush")
    store = WatchStore.open(as_watch)
    store.put_firms([firm_seen()])
    for wrong in (("hush-hush", "hush-hu"), (f"port={cluster.port}", "port=1")):
        with pytest.raises(WatchStoreUnavailable) as refused:
            WatchStore.open(as_watch.replace(*wrong))
        shown = [str(refused.value), repr(refused.value.facts), *map(repr, (refused.value, store, store.database))]
        assert [text for text in shown if "hush" in text] == []
        assert (refused.value.__cause__, refused.value.__suppress_context__) == (None, True)
