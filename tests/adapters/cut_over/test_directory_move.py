"""pg_wal goes to another disk and comes back, wherever a run was cut off."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from muniment.adapters.cut_over.directory_move import bring_wal, return_wal

CONTENT = {"000000020000000000000003": "third", "archive_status/000000020000000000000002.ready": ""}


class CutOffError(Exception):
    """As if the process had been killed there."""


@pytest.fixture(params=["one file system", "two"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    below = tmp_path if request.param == "one file system" else Path("/dev/shm")
    folder = below / f"muniment-test-{uuid4().hex[:8]}"
    folder.mkdir()
    yield folder / "restored-X"
    shutil.rmtree(folder)


def content_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def make(folder: Path) -> Path:
    for name, text in CONTENT.items():
        (folder / "pg_wal" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pg_wal" / name).write_text(text)
    return folder


@contextmanager
def cut_off(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[None]:
    """Before the ``at``-th change of names."""
    number = count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(number) == at:
                raise CutOffError
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "rename"), (Path, "symlink_to"), (shutil, "rmtree"), (shutil, "copytree")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield


@pytest.mark.parametrize("at", range(1, 7))
def test_it_goes_there_all_the_same(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    folder = make(tmp_path / "incoming")
    with cut_off(monkeypatch, at), suppress(CutOffError):
        bring_wal(folder, place, None)
    bring_wal(folder, place, None)
    assert (folder / "pg_wal").readlink() == place
    assert content_of(place) == CONTENT
    assert [path.name for path in folder.iterdir()] == ["pg_wal"]


@pytest.mark.parametrize("at", range(1, 7))
def test_it_comes_back_from_wherever_it_was(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    folder = make(tmp_path / "incoming")
    with cut_off(monkeypatch, at), suppress(CutOffError):
        bring_wal(folder, place, None)
    with cut_off(monkeypatch, 7 - at), suppress(CutOffError):
        return_wal(folder, place)
    for _ in range(2):
        return_wal(folder, place)
        assert not (folder / "pg_wal").is_symlink()
        assert content_of(folder / "pg_wal") == CONTENT
        assert [path.name for path in folder.iterdir()] == ["pg_wal"]
        assert not list(place.parent.iterdir())
