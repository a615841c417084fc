"""A second person's yes on the command line: what is to be signed is written; what comes back signed is judged.

Who signs needs neither this machine nor Muniment: OpenSSH is enough. docs/adr/0030 says what that proves.
"""

import socket
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from muniment.adapters.approval.ssh_signature import holds
from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.host.login import login_name
from muniment.domain.acts.act import Kind
from muniment.domain.approval import (
    Approval,
    ApprovalRequest,
    Presented,
    SignedRequest,
    Wanted,
    signed_refusal,
    signer,
)
from muniment.domain.firm.firm import Firm
from muniment.domain.ssh_key import SshSignature
from muniment.errors import ActNotApproved, ApprovalWanted
from muniment.ports import Clock

REQUEST, SIGNATURE = ".request", ".sig"


@dataclass(frozen=True, slots=True)
class Subject:
    """What shall be done. ``asked_by`` is ``None`` where no plan says it: then whoever asks for the approval does."""

    act: Kind
    what: str
    plan_sha256: str
    asked_by: str | None = None

    def wanted(self, firm: Firm) -> Wanted:
        rules = firm.restore
        return Wanted(
            firm=firm.id,
            act=self.act,
            what=self.what,
            plan_sha256=self.plan_sha256,
            asked_by=self.asked_by,
            typed_by=login_name(),
            approvers=rules.approvers,
            lasts=rules.approval_lasts,
        )


def request_beside(plan: Path) -> Path:
    return plan.with_name(plan.name + REQUEST)


def signature_beside(plan: Path) -> Path:
    return plan.with_name(plan.name + REQUEST + SIGNATURE)


def write_request(firm: Firm, subject: Subject, path: Path, *, then: str, clock: Clock) -> ApprovalWanted:
    """What is to be signed, in ``path``; one that is there already and asks for the same stays as it is.

    ``then``: the command line that carries it out. Returns what there is to say: raise it where something was to be
    done now. Raises ``ActNotApproved`` where nobody could sign it, and ``OSError``.
    """
    wanted, now = subject.wanted(firm), clock()
    if objection := wanted.objection():
        raise ActNotApproved(firm=firm.id, what=subject.what, reason=objection)
    request = _there(path)
    if request is None or not wanted.is_asked_by(request, now=now):
        request = wanted.request(host=socket.gethostname(), now=now)
        path.with_name(path.name + SIGNATURE).unlink(missing_ok=True)
        replace_file(path, request.to_json())
    until = f"{request.valid_until:%Y-%m-%d %H:%M} UTC"
    may = ", ".join(wanted.keys)
    return ApprovalWanted(firm=firm.id, what=subject.what, request=path, until=until, approvers=may, then=then)


def take_approval(firm: Firm, subject: Subject, signature: Path, *, clock: Clock) -> tuple[Approval, str]:
    """What ``signature`` (``….request.sig``, beside what was signed) is worth, and who had asked.

    Raises ``ActNotApproved``.
    """
    wanted, now = subject.wanted(firm), clock()
    try:
        text, armoured = signature.with_suffix("").read_bytes(), signature.read_text("ascii")
        request, signed = ApprovalRequest.from_json(text), SshSignature.parse(armoured)
    except (OSError, ValueError) as error:
        why = "what was signed is no request" if isinstance(error, ValidationError) else error
        raise ActNotApproved(firm=firm.id, what=subject.what, reason=f"{signature}: {why}") from None
    presented = Presented(request, signed, holds(signed, text))
    if reason := signed_refusal(wanted, presented, now):
        raise ActNotApproved(firm=firm.id, what=subject.what, reason=reason)
    approver = signer(wanted, presented)
    assert approver is not None
    kept = SignedRequest(request=text.decode(), signature=armoured, key=signed.key.line)
    approval = Approval(by=approver.name, at=now, plan_sha256=subject.plan_sha256, signed=kept)
    return approval, request.asked_by


def _there(path: Path) -> ApprovalRequest | None:
    try:
        return ApprovalRequest.from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
