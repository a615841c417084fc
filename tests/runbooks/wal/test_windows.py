"""Whose roll-backs they were: timelines of two clusters may have the same numbers."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.vault.firm_mark import FirmMark, FormerCluster
from muniment.runbooks.wal import windows

OLD, NEW = 7, 8
ADOPTED = datetime(2026, 11, 20, tzinfo=UTC)


def back(name: str, at: datetime) -> RolledBack:
    return RolledBack(
        id=name, firm="acme", run="test", why=None, was_live=True, abandoned=3, timeline=2, steps=(), ended_at=at
    )


def test_a_way_back_is_of_the_cluster_that_served_then(monkeypatch: pytest.MonkeyPatch) -> None:
    former = (FormerCluster(system_identifier=OLD, until=ADOPTED, adoption="a"),)
    mark = FirmMark(firm="acme", system_identifier=NEW, role="primary", created_at=ADOPTED, former=former)
    found = (back("before", ADOPTED - timedelta(days=1)), back("after", ADOPTED + timedelta(days=1)))
    monkeypatch.setattr(windows, "rolled_back", lambda _: found)
    vault: Any = SimpleNamespace()
    ids = {of: [each.id for each in windows.ways_back_of(vault, mark, of)] for of in (OLD, NEW)}
    assert ids == {OLD: ["before"], NEW: ["after"]}
