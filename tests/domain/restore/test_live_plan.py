"""What a second person reads before a cluster is given up or deleted."""

from datetime import UTC, datetime
from typing import Any

from muniment.domain.restore.live_plan import LivePlan

NAMES: dict[str, Any] = {
    "firm": "acme",
    "cut_over": "20261121T083000123Z",
    "host": "db-1",
    "live": "/srv/pg/data",
    "aside": "/srv/pg/data.before-20261121T083000123Z",
    "requested_by": "engineer",
    "made_at": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
}


def test_it_says_what_is_lost() -> None:
    assert list(LivePlan(act="roll-back", why="the wrong night", **NAMES).lines()) == [
        "firm acme on db-1: cut-over 20261121T083000123Z is undone: the wrong night",
        "the old cluster, /srv/pg/data.before-20261121T083000123Z, is in /srv/pg/data again and serves",
        "what was written to the restored cluster since it went live is not live any more: it goes to staging",
    ]
    assert list(LivePlan(act="release", **NAMES).lines()) == [
        "firm acme on db-1: the old cluster of cut-over 20261121T083000123Z is deleted:"
        " /srv/pg/data.before-20261121T083000123Z",
        "the restored cluster in /srv/pg/data goes on serving, and there is no way back to the old one after that",
    ]
