"""Where a store is looked for: the variable, a connection, the project's own file."""

import json
from pathlib import Path

import pytest

from muniment.adapters.host import project
from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.watch.places import store_url, url_of
from muniment.adapters.watch.store import WatchStore
from muniment.domain.secret import Secret
from muniment.errors import InvalidConfiguration

OWN = Path(".muniment", "watch", "watch.sqlite")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Airflow's home, and a working folder beside it, of an installed package."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setattr(project, "_SOURCE_ROOT", tmp_path / "site-packages")
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    monkeypatch.delenv("MUNIMENT_WATCH_STORE", raising=False)
    monkeypatch.chdir(here)
    return tmp_path


def test_it_is_a_file_of_the_project(elsewhere: Path) -> None:
    assert store_url(None, None).reveal() == str(elsewhere / "home" / OWN)


def test_the_one_that_is_there_comes_before_one_that_would_be_empty(elsewhere: Path) -> None:
    WatchStore.open(str(elsewhere / "here" / OWN))
    assert store_url(None, None).reveal() == str(elsewhere / "here" / OWN)
    WatchStore.open(store_url(None, None))
    assert not (elsewhere / "home" / OWN).exists()


@pytest.mark.parametrize("named", ["/srv/watch.sqlite", "postgresql://watch:hush@db/watch"])
def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", named)
    monkeypatch.setenv("AIRFLOW_CONN_WATCH_PG", "postgres://db/other")
    assert store_url("watch_pg", None) == Secret(named)


def test_a_connection_is_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"host": "/run/pg 1", "login": "wätch@x", "password": "a b&c=d?%/+'\\", "schema": "wa/tch", "port": 5433}
    monkeypatch.setenv("AIRFLOW_CONN_WATCH_PG", json.dumps({**told, "extra": {"sslmode": "verify-full"}}))
    url = store_url("watch_pg", None)
    assert parse_conninfo(url.reveal().replace("+psycopg", "")) == {
        "host": told["host"],
        "user": told["login"],
        "password": told["password"],
        "dbname": told["schema"],
        "port": "5433",
        "sslmode": "verify-full",
    }
    assert (str(url), "hush" in repr(url)) == ("**redacted**", False)


def test_a_connection_that_nobody_has_is_a_fault() -> None:
    with pytest.raises(InvalidConfiguration, match="connection watch_pg: neither AIRFLOW_CONN_WATCH_PG nor"):
        store_url("watch_pg", None)


def test_settings_may_be_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("airflow: {connections: [{conn_id: watch_pg, conn_host: db, conn_schema: watch}]}")
    assert store_url("watch_pg", settings) == url_of(Secret("host=db dbname=watch"))
