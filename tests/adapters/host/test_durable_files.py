"""A file is whole or not there: after an error, after a kill. A full disk: tests/faults/test_full_disk.py."""

import os
import signal
from pathlib import Path

import pytest

from muniment.adapters.host.durable_files import create_file, replace_file, unfinished_name, whole_file

OLD, NEW = b"old", b"new" * 100_000


@pytest.mark.parametrize("durable", [True, False])
def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path, durable: bool) -> None:
    for content in (OLD, NEW, b""):
        replace_file(tmp_path / "journal.json", content, durable=durable)
        assert (tmp_path / "journal.json").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    journal.write_bytes(OLD)
    with pytest.raises(ZeroDivisionError), whole_file(journal) as file:
        file.write(NEW)
        raise ZeroDivisionError
    assert journal.read_bytes() == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


def test_whoever_is_killed_leaves_the_old_file_and_the_next_one_writes_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    journal.write_bytes(OLD)
    if (child := os.fork()) == 0:
        with whole_file(journal) as file:
            file.write(NEW)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert journal.read_bytes() == OLD
    assert unfinished_name(journal).read_bytes() == NEW
    replace_file(journal, b"next")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"journal.json": b"next"}


def test_a_new_file_is_its_owners_alone_and_never_in_the_place_of_another(tmp_path: Path) -> None:
    create_file(tmp_path / "plan.json", OLD)
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "plan.json", NEW)
    assert (tmp_path / "plan.json").read_bytes() == OLD
