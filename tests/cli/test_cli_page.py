"""docs/cli.md says what the command does: a command, an exit code or a JSON key that it lacks fails here."""

import re
from collections.abc import Iterator
from typing import Any

from muniment.runbooks.wal.status import WalStatus
from tests.cli.test_groups import leaves
from tests.fixtures.clusters import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^\| `muniment ([a-z -]+?)(?: [A-Z ]+)?` \|", PAGE, re.MULTILINE)
    assert listed == [" ".join(words) for words in leaves()]


def test_every_exit_code_is_listed() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == ["0", "1", "2", "3", "4", "75", "130"]


def test_the_statuss_keys_are_listed_in_full() -> None:
    assert keys_listed("wal status") == set(WalStatus.model_fields)


def keys_listed(command: str) -> set[str]:
    row = re.search(rf"^\| `{command}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row is not None, command
    return set(re.findall(r"`(\w+)`", row[1]))


def keys_in(answer: Any) -> Iterator[str]:
    """Every key, at any depth."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            yield key
            yield from keys_in(value)
    elif isinstance(answer, list):
        for item in answer:
            yield from keys_in(item)
