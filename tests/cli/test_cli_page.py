"""docs/cli.md says what the command does: a command, an exit code or a JSON key that it lacks fails here."""

import re

from muniment.runbooks.wal.status import WalStatus
from tests.support.command_page import PAGE, keys_listed
from tests.support.commands import leaves


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^\| `muniment ([a-z -]+?)(?: [A-Z ]+)?` \|", PAGE, re.MULTILINE)
    assert listed == [" ".join(words) for words in leaves()]


def test_every_exit_code_is_listed() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == ["0", "1", "2", "3", "4", "75", "130"]


def test_the_statuss_keys_are_listed_in_full() -> None:
    assert keys_listed("wal status") == set(WalStatus.model_fields)
