"""Four eyes: who may say that a restore goes live. Whoever asked never does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime

from muniment.domain.record import Record

APPROVE, REJECT = "Approve", "Reject"


class Approval(Record):
    """A second person's yes to one plan. ``by`` is a user name, ``plan_sha256`` (hex) what they were shown."""

    by: str
    at: AwareDatetime
    plan_sha256: str
    comment: str = ""


class Waiver(Record):
    """Why the cluster is replaced without a safety backup of it, and who said so."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for an answer. ``asked_by`` is ``None`` where nobody knows who started the run."""

    plan_sha256: str
    asked_by: str | None
    approvers: Sequence[str]

    @property
    def may_answer(self) -> tuple[str, ...]:
        return tuple(user for user in self.approvers if user != self.asked_by)

    def objection(self) -> str | None:
        """Why nobody can approve this at all; ``None`` where somebody can."""
        if self.asked_by is None:
            return "nobody knows who asked for it"
        if not self.approvers:
            return "the firm's file names no restore.approvers"
        if not self.may_answer:
            return f"{self.asked_by} asked for it and is the only one of restore.approvers"
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``names`` are all by which the answering user is known; none where the time ran out."""

    chosen: str
    names: tuple[str, ...]
    at: datetime
    comment: str = ""


def refusal(request: Request, answer: Answer) -> str | None:
    """Why this answer is no approval; ``None`` where it is one."""
    if objection := request.objection():
        return objection
    if not answer.names:
        return "nobody answered in time"
    if request.asked_by in answer.names:
        return f"{request.asked_by} asked for it: somebody else has to approve"
    if not set(answer.names) & set(request.may_answer):
        return f"{answer.names[0]} is not one of restore.approvers ({', '.join(request.approvers)})"
    if answer.chosen != APPROVE:
        return f"{answer.names[0]} rejected it" + (f": {answer.comment}" if answer.comment else "")
    return None


def approved(request: Request, answer: Answer) -> Approval:
    """For an answer that ``refusal`` has nothing against."""
    by = next(name for name in answer.names if name in request.may_answer)
    return Approval(by=by, at=answer.at, plan_sha256=request.plan_sha256, comment=answer.comment)


def still_holds(approval: Approval, request: Request) -> str | None:
    """Asked again where it is used: why this approval does not cover ``request``; ``None`` where it does."""
    if approval.plan_sha256 != request.plan_sha256:
        return (
            f"{approval.by} approved another plan ({approval.plan_sha256[:12]}, this one is {request.plan_sha256[:12]})"
        )
    return refusal(request, Answer(APPROVE, (approval.by,), approval.at))
