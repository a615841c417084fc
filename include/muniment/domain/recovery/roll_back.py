"""What became of a cut-over that was undone: it decides which of the firm's timelines is its present."""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record


class RecordedStep(Record):
    """``ended_at`` is ``None`` for one that failed or whose run was killed."""

    name: str
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class RolledBack(Record):
    """``restores/<id>.rolled-back.json``: a cut-over was undone, and which timeline the firm's cluster is on since.

    The record of the restore itself is locked as it was written: this one says what became of it.
    """

    format: Literal[1] = 1
    id: str
    """The restore's."""
    firm: str
    run: str
    """The command that undid it, who gave it, and where; or that nobody did."""
    why: str | None
    was_live: bool
    """False where it went back by itself, before anybody could have used the restored cluster."""
    abandoned: int
    """The restored cluster's timeline."""
    timeline: int | None
    """On which the old cluster goes on; ``None`` where there was none to put back."""
    answers: bool | None = None
    """Whether somebody connected to the old cluster over the firm's own connection; ``None``: it did not run before."""
    steps: tuple[RecordedStep, ...] = ()
    ended_at: AwareDatetime
