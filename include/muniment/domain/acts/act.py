"""What was done to what is live: on the record before it begins, and again when it has ended.

``acts/<id>.begun.json`` says who, what, and on whose approval; ``acts/<id>.json`` how it ended. A record names a
matter, tables, a database, and holds no value of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.approval import Approval
from muniment.domain.record import Record

type Kind = Literal[
    "matter",
    "undo",
    "tables",
    "tables beside",
    "database",
    "database beside",
    "documents",
    "cut-over",
    "roll-back",
    "release",
    "adopt",
]
type Ended = Literal["done", "failed", "did not finish", "not finished yet"]

LONGEST = timedelta(days=2)
"""After that an act of another machine, which has left no end, is not waited for."""


class Order(Record):
    """Who wants what. ``what`` is for people: ``matter 2026-00417``, ``practice.notes, practice.tags``."""

    act: Kind
    what: str
    by: str
    """The command, the login that gave it and its host; or the run of Airflow."""
    asked_by: str | None = None
    plan_sha256: str | None = None
    approval: Approval | None = None
    """``None`` where none is needed: what was begun on one is finished, or undone before anybody could use it."""


class BegunAct(Order):
    """``acts/<id>.begun.json``."""

    format: Literal[1] = 1
    id: str
    firm: str
    began_at: AwareDatetime
    process: str
    """Of the machine and the process that it runs in: there, and nowhere else, it tells whether it still does."""


class EndedAct(Record):
    """``acts/<id>.json``."""

    format: Literal[1] = 1
    id: str
    firm: str
    outcome: Literal["done", "failed"]
    failure: str | None = None
    """The kind of error alone: its words may hold what is in a row."""
    did: dict[str, int] = Field(default_factory=dict)
    """How many of what: ``inserted``, ``updated``, ``deleted`` rows, ``documents``."""
    ended_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Act:
    begun: BegunAct
    ended: EndedAct | None = None

    def end(self, *, runs: bool | None, now: datetime) -> Ended:
        """``runs``: what the act's own machine says of its process; ``None`` on another one."""
        if self.ended is not None:
            return self.ended.outcome
        over = now - self.begun.began_at > LONGEST if runs is None else not runs
        return "did not finish" if over else "not finished yet"


def paired(begun: Mapping[str, BegunAct], ended: Mapping[str, EndedAct]) -> tuple[Act, ...]:
    """Both by id. Oldest first."""
    acts = (Act(each, ended.get(each.id)) for each in begun.values())
    return tuple(sorted(acts, key=lambda act: (act.begun.began_at, act.begun.id)))
