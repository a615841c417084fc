"""Four eyes, by table."""

from datetime import UTC, datetime

import pytest

from muniment.domain.approval import APPROVE, REJECT, Answer, Approval, Request, approved, refusal, still_holds

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PLAN = "ab" * 32
REQUEST = Request(PLAN, "engineer", ("engineer", "lead", "partner"))


def test_whoever_asked_cannot_answer() -> None:
    assert REQUEST.may_answer == ("lead", "partner")
    assert REQUEST.objection() is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request(PLAN, None, ("lead",)), "nobody knows who asked for it"),
        (Request(PLAN, "engineer", ()), "the firm's file names no restore.approvers"),
        (Request(PLAN, "lead", ("lead",)), "lead asked for it and is the only one of restore.approvers"),
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
