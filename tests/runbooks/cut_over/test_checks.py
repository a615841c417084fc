"""A staging that sorted otherwise than its indexes were built goes live when they have been rebuilt in it."""

from types import SimpleNamespace
from typing import Any

import pytest

from muniment.domain.collation import CHECK as COLLATIONS
from muniment.domain.evidence import Check
from muniment.runbooks.cut_over import checks


def staged(*failed: str) -> Any:
    found = tuple(Check(name=name, expected="", found="", passed=False) for name in failed)
    return SimpleNamespace(passed=not found, failed_checks=found)


@pytest.mark.parametrize(
    ("record", "running", "still", "passes"),
    [
        (None, True, 0, False),
        (staged(), False, 0, True),
        (staged(COLLATIONS), True, 0, True),
        (staged(COLLATIONS), True, 1, False),
        (staged(COLLATIONS), False, 0, False),
        (staged(COLLATIONS, "documents"), True, 0, False),
    ],
)
def test_what_sorts_otherwise_may_be_rebuilt_and_nothing_else_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, record: Any, running: bool, still: int, passes: bool
) -> None:
    monkeypatch.setattr(checks, "all_old_collations", lambda _: iter(["old"] * still))
    at: Any = SimpleNamespace(staged=SimpleNamespace(is_running=running), staging=None)
    assert checks.has_passed(at, record) is passes
