"""Four eyes, by table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.domain.approval import (
    APPROVE,
    REJECT,
    Answer,
    Approval,
    ApprovalRequest,
    Approver,
    Presented,
    Request,
    Wanted,
    approved,
    refusal,
    signed_refusal,
    still_holds,
)
from muniment.domain.ssh_key import SshKey, SshSignature
from tests.support.ssh_keys import Person

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PLAN = "ab" * 32
ENGINEER, LEAD, PARTNER, MALLORY = (Person(name) for name in ("engineer", "lead", "partner", "mallory"))


def listed(*people: Person | str) -> tuple[Approver, ...]:
    return tuple(Approver(name=each) if isinstance(each, str) else Approver(**each.setting) for each in people)


REQUEST = Request(PLAN, "engineer", listed("engineer", "lead", "partner"))


def test_whoever_asked_cannot_answer() -> None:
    assert [each.name for each in REQUEST.may_answer] == ["lead", "partner"]
    assert REQUEST.objection() is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request(PLAN, None, listed("lead")), "nobody knows who asked for it"),
        (Request(PLAN, "engineer", ()), "the firm's file names no restore.approvers"),
        (Request(PLAN, "lead", listed("lead")), "lead asked for it and is the only one of restore.approvers"),
    ],
)
def test_a_request_that_nobody_can_approve_says_why(request_: Request, why: str) -> None:
    assert request_.objection() == why
    assert refusal(request_, Answer(APPROVE, ("lead",), AT)) == why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(REJECT, (), AT), "nobody answered in time"),
        (Answer(APPROVE, (), AT), "nobody answered in time"),
        (Answer(APPROVE, ("engineer",), AT), "engineer asked for it: somebody else has to approve"),
        (Answer(APPROVE, ("17", "engineer"), AT), "engineer asked for it: somebody else has to approve"),
        (Answer(APPROVE, ("admin",), AT), "admin is not one of restore.approvers (engineer, lead, partner)"),
        (Answer(REJECT, ("lead",), AT), "lead rejected it"),
        (Answer(REJECT, ("lead",), AT, "wrong night"), "lead rejected it: wrong night"),
    ],
)
def test_what_is_no_approval_says_why(answer: Answer, why: str) -> None:
    assert refusal(REQUEST, answer) == why


def test_an_approval_names_its_user_and_its_plan() -> None:
    answer = Answer(APPROVE, ("9", "lead"), AT, "as agreed by telephone")
    assert refusal(REQUEST, answer) is None
    assert approved(REQUEST, answer) == Approval(by="lead", at=AT, plan_sha256=PLAN, comment="as agreed by telephone")


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        (Approval(by="lead", at=AT, plan_sha256=PLAN), None),
        (
            Approval(by="lead", at=AT, plan_sha256="cd" * 32),
            "lead approved another plan (cdcdcdcdcdcd, this one is abababababab)",
        ),
        (Approval(by="engineer", at=AT, plan_sha256=PLAN), "engineer asked for it: somebody else has to approve"),
        (
            Approval(by="mallory", at=AT, plan_sha256=PLAN),
            "mallory is not one of restore.approvers (engineer, lead, partner)",
        ),
    ],
)
def test_where_it_is_used_an_approval_is_asked_again(approval: Approval, why: str | None) -> None:
    assert still_holds(approval, REQUEST) == why


def test_another_login_is_the_same_person() -> None:
    lead = Approver(name="lead", logins=("jsmith", "j.smith@hudson.example"))
    asked = Request(PLAN, "jsmith", (lead, *listed("partner")))
    assert [each.name for each in asked.may_answer] == ["partner"]
    assert refusal(asked, Answer(APPROVE, ("lead",), AT)) == "jsmith asked for it: somebody else has to approve"
    other = Request(PLAN, "engineer", (lead,))
    assert approved(other, Answer(APPROVE, ("12", "j.smith@hudson.example"), AT)).by == "lead"


# --- a signature ------------------------------------------------------------------------------------------------------

WANTED = Wanted(
    firm="acme",
    act="matter",
    what="matter M-1",
    plan_sha256=PLAN,
    asked_by="engineer",
    typed_by="engineer",
    approvers=listed(ENGINEER, LEAD, "partner"),
    lasts=timedelta(hours=24),
)


def presented(by: Person = LEAD, *, holds: bool = True, namespace: str = "muniment", **changes: Any) -> Presented:
    request = WANTED.request(host="db-1", now=AT).model_copy(update=changes)
    signature = SshSignature(SshKey.parse(by.line), namespace, "sha512", "ssh-ed25519", b"")
    return Presented(request, signature, holds)


def test_a_second_persons_signature_approves() -> None:
    assert signed_refusal(WANTED, presented(), AT) is None
    assert signed_refusal(WANTED, presented(), AT + timedelta(hours=24)) is None
    assert signed_refusal(replace(WANTED, typed_by="colleague"), presented(), AT) is None
    asked_here = replace(WANTED, asked_by=None, typed_by="colleague")
    assert signed_refusal(asked_here, presented(), AT) is None


LATER = AT + timedelta(days=1, seconds=1)


@pytest.mark.parametrize(
    ("wanted", "shown", "now", "why"),
    [
        (WANTED, presented(holds=False), AT, "the signature is not of this request: one of the two was changed,"),
        (WANTED, presented(namespace="git"), AT, "it was signed for 'git', not for 'muniment'"),
        (WANTED, presented(MALLORY), AT, "the key SHA256:"),
        (WANTED, presented(PARTNER), AT, "is nobody's of restore.approvers"),  # listed, and without a key
        (WANTED, presented(ENGINEER), AT, "engineer asked for it: somebody else has to approve"),
        (replace(WANTED, typed_by="lead"), presented(), AT, "lead approved it: somebody else has to carry it out"),
        (WANTED, presented(firm="other"), AT, "lead approved something for firm other"),
        (WANTED, presented(act="release"), AT, "lead approved another act (release: matter M-1)"),
        (
            WANTED,
            presented(plan_sha256="cd" * 32),
            AT,
            "lead approved another plan (cdcdcdcdcdcd, this one is abababababab)",
        ),
        (WANTED, presented(asked_by="eve"), AT, "eve asked for it in the request, engineer in the plan"),
        (WANTED, presented(), LATER, "it was valid until 2026-11-22 09:30 UTC"),
        (WANTED, presented(valid_until=LATER + timedelta(days=99)), LATER, "it was valid until 2026-11-22 09:30 UTC"),
        (WANTED, presented(valid_until=AT - timedelta(hours=1)), AT, "it was valid until 2026-11-21 08:30 UTC"),
        (
            WANTED,
            presented(),
            AT - timedelta(hours=1),
            "it was asked for at 2026-11-21 09:30 UTC, which is still to come",
        ),
        (replace(WANTED, approvers=()), presented(), AT, "the firm's file names no restore.approvers"),
        (
            replace(WANTED, approvers=listed(ENGINEER, "partner")),
            presented(),
            AT,
            "no one of restore.approvers but engineer has a key in the firm's file",
        ),
    ],
)
def test_what_is_no_approval_by_signature_says_why(wanted: Wanted, shown: Presented, now: datetime, why: str) -> None:
    assert why in (signed_refusal(wanted, shown, now) or "")


def test_whoever_plans_as_another_and_signs_himself_is_known_by_his_login() -> None:
    """A plan is a file, and its `requested_by` a line in it."""
    forged = replace(WANTED, asked_by="bob", typed_by="lead")
    assert (
        signed_refusal(forged, presented(asked_by="bob"), AT) == "lead approved it: somebody else has to carry it out"
    )


def test_a_request_that_is_half_over_is_made_anew() -> None:
    request = WANTED.request(host="db-1", now=AT)
    assert ApprovalRequest.from_json(request.to_json()) == request
    assert WANTED.is_asked_by(request, now=AT + timedelta(hours=11))
    assert not WANTED.is_asked_by(request, now=AT + timedelta(hours=13))
    assert not replace(WANTED, plan_sha256="cd" * 32).is_asked_by(request, now=AT)
