"""Four eyes: who may say that something changes what is live. Whoever asked never does, nor whoever carries it out.

Airflow knows who answers it. On the command line a person is known by a key: what was asked for is a file
(``ApprovalRequest``), and who approves it signs that file with ``ssh-keygen -Y sign`` (docs/adr/0030).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from muniment.domain.record import HashedRecord, Record
from muniment.domain.ssh_key import SshKey, SshSignature

APPROVE, REJECT = "Approve", "Reject"
NAMESPACE = "muniment"
"""Of the signatures: one that was made for anything else (git, a mail) approves nothing here."""
CLOCKS_DIFFER = timedelta(minutes=5)


def ssh_public_key(text: str) -> str:
    """The key without its comment. Raises ``ValueError``."""
    return SshKey.parse(text).line


class Approver(Record):
    """One of ``restore.approvers``."""

    name: str
    """The user name in Airflow, and on the hosts."""
    logins: tuple[str, ...] = ()
    """Whatever else this person logs in as, here or there: that is the same person still."""
    key: Annotated[str, AfterValidator(ssh_public_key)] | None = None
    """``None``: approves in Airflow alone."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.logins)


class SignedRequest(Record):
    """What anybody can check with OpenSSH alone, years later: ``ssh-keygen -Y verify -n muniment``."""

    request: str
    """The text of the file that was signed, to the last byte."""
    signature: str
    key: str
    """The approver's, as the firm's file had it then."""


class Approval(Record):
    """A second person's yes to one plan. ``by`` is a user name, ``plan_sha256`` (hex) what they were shown."""

    by: str
    at: AwareDatetime
    """When it was given; of a signature, which has no time, when it was first shown to us."""
    plan_sha256: str
    comment: str = ""
    signed: SignedRequest | None = None
    """``None`` where Airflow says who it was."""


class Waiver(Record):
    """Why the cluster is replaced without a safety backup of it, and who said so."""

    by: str
    reason: str


class ApprovalRequest(HashedRecord):
    """What is asked for, as a file that is signed as it is."""

    format: int = 1
    firm: str
    act: str
    what: str
    """For people: ``matter 2026-00417``."""
    plan_sha256: str
    asked_by: str
    asked_on: str
    """A host's name."""
    made_at: AwareDatetime
    valid_until: AwareDatetime
    keys: tuple[str, ...] = ()
    """The fingerprints of those who may sign it, by the firm's file of then. Only to warn: they decide nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for an answer. ``asked_by`` is ``None`` where nobody knows who started the run."""

    plan_sha256: str
    asked_by: str | None
    approvers: Sequence[Approver]

    @property
    def may_answer(self) -> tuple[Approver, ...]:
        return tuple(each for each in self.approvers if self.asked_by not in each.names)

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
    known = {name for each in request.approvers if set(each.names) & set(answer.names) for name in each.names}
    if request.asked_by in {*answer.names, *known}:
        return f"{request.asked_by} asked for it: somebody else has to approve"
    if not known:
        listed = ", ".join(each.name for each in request.approvers)
        return f"{answer.names[0]} is not one of restore.approvers ({listed})"
    if answer.chosen != APPROVE:
        return f"{answer.names[0]} rejected it" + (f": {answer.comment}" if answer.comment else "")
    return None


def approved(request: Request, answer: Answer) -> Approval:
    """For an answer that ``refusal`` has nothing against."""
    by = next(each.name for each in request.may_answer if set(each.names) & set(answer.names))
    return Approval(by=by, at=answer.at, plan_sha256=request.plan_sha256, comment=answer.comment)


def still_holds(approval: Approval, request: Request) -> str | None:
    """Asked again where it is used: why this approval does not cover ``request``; ``None`` where it does."""
    if approval.plan_sha256 != request.plan_sha256:
        return (
            f"{approval.by} approved another plan ({approval.plan_sha256[:12]}, this one is {request.plan_sha256[:12]})"
        )
    return refusal(request, Answer(APPROVE, (approval.by,), approval.at))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is about to be carried out, and would need a signature. ``asked_by`` is ``None`` where no plan says it.

    ``typed_by``: the login that carries it out. ``lasts``: for how long a request may be valid at the most.
    """

    firm: str
    act: str
    what: str
    plan_sha256: str
    asked_by: str | None
    typed_by: str
    approvers: Sequence[Approver]
    lasts: timedelta

    @property
    def asker(self) -> str:
        return self.asked_by or self.typed_by

    @property
    def keys(self) -> Mapping[str, str]:
        """Of those who may sign this: name → key."""
        return {each.name: each.key for each in self._question.may_answer if each.key}

    @property
    def _question(self) -> Request:
        return Request(self.plan_sha256, self.asker, self.approvers)

    def objection(self) -> str | None:
        """Why nobody can sign this; ``None`` where somebody can."""
        if objection := self._question.objection():
            return objection
        if not self.keys:
            return f"no one of restore.approvers but {self.asker} has a key in the firm's file"
        return None

    def request(self, *, host: str, now: datetime) -> ApprovalRequest:
        return ApprovalRequest(
            firm=self.firm,
            act=self.act,
            what=self.what,
            plan_sha256=self.plan_sha256,
            asked_by=self.asker,
            asked_on=host,
            made_at=now,
            valid_until=now + self.lasts,
            keys=tuple(SshKey.parse(key).fingerprint for key in self.keys.values()),
        )

    def is_asked_by(self, request: ApprovalRequest, *, now: datetime) -> bool:
        """Whether ``request`` asks for this, for long enough to be signed."""
        same = (request.firm, request.act, request.plan_sha256) == (self.firm, self.act, self.plan_sha256)
        return same and request.asked_by == self.asker and now + self.lasts / 2 <= request.valid_until


@dataclass(frozen=True, slots=True)
class Presented:
    """A request, the signature that came with it, and whether that is the key's own, over the request's very bytes."""

    request: ApprovalRequest
    signature: SshSignature
    holds: bool


def signed_refusal(wanted: Wanted, presented: Presented, now: datetime) -> str | None:
    """Why this signature is no approval of what is wanted; ``None`` where it is one."""
    if objection := wanted.objection():
        return objection
    if not presented.holds:
        return "the signature is not of this request: one of the two was changed, or belongs to another"
    if presented.signature.namespace != NAMESPACE:
        return f"it was signed for {presented.signature.namespace!r}, not for {NAMESPACE!r}"
    approver = signer(wanted, presented)
    if approver is None:
        return f"the key {presented.signature.key.fingerprint} is nobody's of restore.approvers"
    return (
        _of_another(wanted, presented.request, approver.name)
        or _by_the_same(wanted, presented.request, approver)
        or _out_of_time(wanted, presented.request, now)
    )


def signer(wanted: Wanted, presented: Presented) -> Approver | None:
    line = presented.signature.key.line
    return next((each for each in wanted.approvers if each.key == line), None)


def _of_another(wanted: Wanted, request: ApprovalRequest, by: str) -> str | None:
    if request.firm != wanted.firm:
        return f"{by} approved something for firm {request.firm}"
    if request.act != wanted.act:
        return f"{by} approved another act ({request.act}: {request.what})"
    if request.plan_sha256 != wanted.plan_sha256:
        return f"{by} approved another plan ({request.plan_sha256[:12]}, this one is {wanted.plan_sha256[:12]})"
    if wanted.asked_by not in (None, request.asked_by):
        return f"{request.asked_by} asked for it in the request, {wanted.asked_by} in the plan"
    return None


def _by_the_same(wanted: Wanted, request: ApprovalRequest, approver: Approver) -> str | None:
    if request.asked_by in approver.names:
        return f"{request.asked_by} asked for it: somebody else has to approve"
    if wanted.typed_by in approver.names:
        return f"{wanted.typed_by} approved it: somebody else has to carry it out"
    return None


def _out_of_time(wanted: Wanted, request: ApprovalRequest, now: datetime) -> str | None:
    ends = min(request.valid_until, request.made_at + wanted.lasts)
    if now > ends:
        return f"it was valid until {ends:%Y-%m-%d %H:%M} UTC"
    if request.made_at > now + CLOCKS_DIFFER:
        return f"it was asked for at {request.made_at:%Y-%m-%d %H:%M} UTC, which is still to come"
    return None
