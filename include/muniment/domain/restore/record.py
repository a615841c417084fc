"""``restores/<id>.json``: what one restore was to do, who asked, who let it go live, what it did and where it ended.

Written last, once, in both vaults under a lock, however the restore ended: a refusal is on the record as well.
"""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.approval import Approval
from muniment.domain.evidence import Check
from muniment.domain.record import Record
from muniment.domain.recovery.roll_back import RecordedStep, RolledBack
from muniment.domain.restore.cut_over import CutOver, Safety
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging
from muniment.domain.wal.lsn_text import LsnText

type End = Literal["staged", "live", "went back", "not approved", "failed"]


class RestoreRecord(Record):
    format: Literal[1] = 1
    id: str
    firm: str
    run: str
    """``<dag id>/<run id>``, or ``muniment`` and the host."""
    where: Literal["staging", "live"]
    asked_by: str | None
    asked_at: AwareDatetime
    plan: RestorePlan | None = None
    """``None`` where nothing could be planned."""
    plan_sha256: str | None = None
    approval: Approval | None = None
    not_approved: str | None = None
    """Why it did not go live, where a person or the time decided that."""
    times_asked: int = 0
    """More than 1: an answer came before Airflow could take it, and was asked for again."""
    safety: Safety | None = None
    staging: str | None = None
    """Its id; the checks of what was staged are in ``checks``."""
    checks: tuple[Check, ...] = ()
    reached_lsn: LsnText | None = None
    reached_at: AwareDatetime | None = None
    steps: tuple[RecordedStep, ...] = ()
    notes: tuple[str, ...] = ()
    timeline: int | None = None
    set_aside: str | None = None
    """Where the old data directory is kept until it is released."""
    full_backup: str | None = None
    """The recovery point that was taken of the restored cluster at once."""
    contact: str | None = None
    """Who at the firm was told, and how; or that nobody was."""
    end: End
    failure: str | None = None
    finished_at: AwareDatetime


class ContactTold(Record):
    """``restores/<id>.rolled-back-told.json``: the firm's contact knows of it, or could not be reached."""

    format: Literal[1] = 1
    id: str
    firm: str
    contact: str
    """Who was told, and how; or that nobody was."""
    at: AwareDatetime


def of_staging(record: RestoreRecord, staging: Staging) -> RestoreRecord:
    told = {
        "staging": staging.id,
        "checks": staging.checks,
        "reached_lsn": staging.reached_lsn,
        "reached_at": staging.reached_at,
    }
    return record.model_copy(update=told)


def of_cut_over(record: RestoreRecord, journal: CutOver) -> RestoreRecord:
    told = {
        "approval": journal.approval,
        "safety": journal.safety,
        "steps": (*record.steps, *_steps(journal)),
        "notes": journal.notes,
        "timeline": journal.timeline,
        "set_aside": str(journal.aside) if journal.outcome == "live" and journal.had_live else None,
    }
    return record.model_copy(update=told)


def rolled_back_by(journal: CutOver, *, now: datetime) -> RolledBack:
    """Of a cut-over that has gone back; ``now`` where it had not begun with anything."""
    return RolledBack(
        id=journal.id,
        firm=journal.firm,
        run=journal.undone_by or "the cut-over itself",
        why=journal.why_back,
        was_live=journal.did("prove"),
        abandoned=journal.timeline,
        timeline=journal.old_timeline,
        answers=journal.answers,
        steps=_steps(journal),
        ended_at=max((step.ended_at for step in journal.steps if step.ended_at), default=now),
    )


def _steps(journal: CutOver) -> tuple[RecordedStep, ...]:
    return tuple(RecordedStep(name=each.step, began_at=each.began_at, ended_at=each.ended_at) for each in journal.steps)


def end_of(*, where: str, staged: bool, journal: CutOver | None, not_approved: str | None) -> End:
    if not_approved is not None:
        return "not approved"
    if journal is not None and journal.outcome == "gone back":
        return "went back"
    if journal is not None and journal.outcome in ("live", "released"):
        return "live"
    return "staged" if where == "staging" and staged else "failed"
