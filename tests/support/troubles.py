"""Troubles, passes and what is told of them, by a clock that a test turns."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.incidents.assess import Known, assess
from muniment.domain.incidents.incident import Incident, Notice, Silence
from muniment.domain.incidents.judged import Judged, JudgedFirm
from muniment.domain.incidents.trouble import Cause, Scope, Trouble

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
PASS = timedelta(minutes=5)
EAST, WEST = Scope(kind="region", name="us-east-2"), Scope(kind="region", name="us-west-2")
WATCHED: tuple[Cause, ...] = (
    *("wal-at-risk", "archiver-failing", "vault-unseen", "key-unusable", "server-unseen", "wal-hole", "wal-space"),
    *("point-missing", "copy-missing", "dag-paused", "another-database", "vault-settings"),
)


def places_of(firm: str) -> tuple[Scope, ...]:
    """Of its primary vault."""
    return Scope(kind="key", name=f"key-of-{firm}"), Scope(kind="bucket", name=f"{firm}-vault"), EAST


def trouble(firm: str | None, cause: Cause = "wal-at-risk", **facts: Any) -> Trouble:
    """Of the firm's primary vault, where nothing else is said."""
    known: dict[str, Any] = {
        "cause": cause,
        "firm": firm,
        "tier": "professional" if firm else None,
        "scopes": places_of(firm) if firm else (),
        "severity": "error",
        "subject": f"{cause} happened",
        "what": f"{cause} of {firm}",
        "kept": "the rest",
        "hint": "do something.",
        "seen_at": START,
    }
    return Trouble(**(known | facts))


def judged(firms: Iterable[str], causes: Iterable[Cause] = WATCHED, fleet: Iterable[Cause] = ()) -> Judged:
    asked = frozenset(causes)
    return Judged(
        firms=tuple(JudgedFirm(firm=firm, causes=asked, scopes=(*places_of(firm), WEST)) for firm in firms),
        fleet=frozenset(fleet),
    )


class Watching:
    """Pass after pass over the same firms, kept in memory as the store keeps it."""

    def __init__(self, *firms: str, causes: Iterable[Cause] = WATCHED, fleet: Iterable[Cause] = ()) -> None:
        self.now = START
        self.judged = judged(firms, causes, fleet)
        self.incidents: dict[str, Incident] = {}
        self.silences: list[Silence] = []
        self.told: list[Notice] = []

    def look(self, *troubles: Trouble, after: timedelta = PASS, judged: Judged | None = None) -> list[tuple[str, str]]:
        """Kind and key's beginning of what this pass tells."""
        self.now += after
        found = list(self.incidents.values())
        active = [each for each in found if each.state != "resolved"]
        over = [each for each in found if each.state == "resolved"]
        silences = [each for each in self.silences if each.until > self.now]
        outcome = assess(troubles, self.judged if judged is None else judged, Known(active, over, silences), self.now)
        self.incidents |= {each.id: each for each in outcome.incidents}
        self.told += outcome.notices
        return [(each.kind, each.key.rpartition(".")[0]) for each in outcome.notices]

    def keep(self, incident: Incident) -> None:
        self.incidents[incident.id] = incident

    def the(self, beginning: str) -> Incident:
        """The newest incident whose key begins so."""
        return [each for each in self.incidents.values() if each.key.startswith(beginning)][-1]

    def open(self) -> Sequence[str]:
        return [each.key.rpartition(".")[0] for each in self.incidents.values() if each.state == "open"]
