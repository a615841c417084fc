from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from muniment.adapters.watch.store import WatchStore
from tests.cli.conftest import Command
from tests.fixtures.clusters import ROOT
from tests.support.fleets import NEEDLE

VALUE, INSTANT = (
    b'muniment_rpo_seconds{firm="acme"} 1.0\n',
    b'muniment_rpo_observed_timestamp_seconds{firm="acme"} 2.0\n',
)
TEXT = VALUE + INSTANT + b"# EOF\n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchStore:
    file = tmp_path / "watch.sqlite"
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(file))
    return WatchStore.open(str(file))


def said(muniment: Command, *options: str | Path) -> str:
    ended = muniment("--registry", ROOT / "include", "watch", "metrics", *options)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def test_what_the_last_pass_has_rendered(muniment: Command, store: WatchStore) -> None:
    store.put_exposition(TEXT, datetime.now(UTC))
    assert said(muniment).encode() == TEXT


def test_before_the_first_pass_there_is_nothing(muniment: Command, store: WatchStore) -> None:
    assert said(muniment) == "# EOF\n"


def test_a_watch_that_stands_still_shows_instants_alone(muniment: Command, store: WatchStore) -> None:
    store.put_exposition(TEXT, datetime.now(UTC) - timedelta(hours=1))
    assert said(muniment).encode() == INSTANT + b"# EOF\n"


def test_a_file_takes_the_place_of_the_one_before(muniment: Command, store: WatchStore, tmp_path: Path) -> None:
    file = tmp_path / "textfiles" / "muniment.prom"
    file.parent.mkdir()
    for text in (TEXT, VALUE + TEXT):
        store.put_exposition(text, datetime.now(UTC))
        assert said(muniment, "--output", file) == ""
        assert file.read_bytes() == text
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o044 == 0o044, "the exporter is another user"


def test_a_file_that_cannot_be_written(muniment: Command, store: WatchStore, tmp_path: Path) -> None:
    ended = muniment("--registry", ROOT / "include", "watch", "metrics", "--output", tmp_path / "nowhere" / "x.prom")
    assert ended.code == 2
    assert f"{tmp_path}/nowhere/x.prom cannot be written: No such file or directory" in ended.err


def test_a_store_that_is_away_names_no_secret(muniment: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", f"postgresql://watch:{NEEDLE}@127.0.0.1:1/watch")
    ended = muniment("--registry", ROOT / "include", "watch", "metrics")
    assert ended.code == 75
    assert NEEDLE not in ended.err


def test_a_store_that_is_away_leaves_no_value_in_the_file(
    muniment: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "muniment.prom"
    file.write_bytes(TEXT)
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", "postgresql://127.0.0.1:1/watch")
    assert muniment("--registry", ROOT / "include", "watch", "metrics", "--output", file).code == 75
    assert file.read_bytes() == INSTANT + b"# EOF\n"
