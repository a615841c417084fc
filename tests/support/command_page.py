"""docs/cli.md: which keys it lists of an answer, and which an answer has."""

import re
from collections.abc import Iterator
from typing import Any

from tests.fixtures.clusters import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()


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
