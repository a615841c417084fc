"""A request, and what comes back signed: files that pass through hands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.login import login_name
from muniment.domain.approval import ApprovalRequest
from muniment.domain.firm.firm import Firm
from muniment.errors import ActNotApproved
from muniment.runbooks.acts.second_person import Subject, request_beside, take_approval, write_request
from tests.support.firms import paper_firm
from tests.support.ssh_keys import Person, signed_by_openssh

ME, LEAD, MALLORY = Person(login_name()), Person("lead"), Person("mallory")
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SUBJECT = Subject("matter", "matter M-1", "ab" * 32, login_name())


@dataclass
class Desk:
    firm: Firm
    folder: Path
    now: datetime = AT

    @property
    def request(self) -> Path:
        return request_beside(self.folder / "plan.json")

    def ask(self, subject: Subject = SUBJECT) -> ApprovalRequest:
        write_request(self.firm, subject, self.request, then="", clock=lambda: self.now)
        return ApprovalRequest.from_json(self.request.read_bytes())

    def refusal(self, signature: Path, subject: Subject = SUBJECT) -> str:
        with pytest.raises(ActNotApproved) as refused:
            take_approval(self.firm, subject, signature, clock=lambda: self.now)
        return str(refused.value.facts["reason"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(paper_firm(restore={"approvers": [ME.setting, LEAD.setting]}), tmp_path)


def test_what_another_one_signed_is_an_approval_with_all_that_proves_it(desk: Desk) -> None:
    asked = desk.ask()
    assert (asked.asked_by, asked.valid_until - asked.made_at) == (login_name(), timedelta(days=1))
    signature = desk.request.with_name("plan.json.request.sig")
    signature.write_text(signed_by_openssh(LEAD, desk.request.read_bytes(), desk.folder))
    desk.now += timedelta(hours=1)
    approval, asked_by = take_approval(desk.firm, SUBJECT, signature, clock=lambda: desk.now)
    assert (approval.by, approval.at, approval.plan_sha256, asked_by) == ("lead", desk.now, "ab" * 32, login_name())
    assert approval.signed is not None
    assert approval.signed.request.encode() == desk.request.read_bytes()
    assert (approval.signed.signature, approval.signed.key) == (signature.read_text(), LEAD.line)


def _of_another(desk: Desk) -> Path:
    other = Subject("matter", "matter M-2", "cd" * 32, login_name())
    desk.ask(other)
    return LEAD.sign_file(desk.request)


def _changed(desk: Desk) -> Path:
    desk.ask()
    signature = LEAD.sign_file(desk.request)
    desk.request.write_bytes(desk.request.read_bytes().replace(b"2026-11-22", b"2026-12-22"))
    return signature


def _late(desk: Desk) -> Path:
    desk.ask()
    desk.now += timedelta(days=1, seconds=1)
    return LEAD.sign_file(desk.request)


def _signed_by(person: Person) -> Callable[[Desk], Path]:
    def sign(desk: Desk) -> Path:
        desk.ask()
        return person.sign_file(desk.request)

    return sign


def _of_a_mail(desk: Desk) -> Path:
    desk.ask()
    signature = desk.request.with_name("plan.json.request.sig")
    signature.write_text(LEAD.sign(desk.request.read_bytes(), namespace="email"))
    return signature


def _no_signature(desk: Desk) -> Path:
    desk.ask()
    signature = desk.request.with_name("plan.json.request.sig")
    signature.write_bytes(b"\xff\xfe")
    return signature


def _no_request(desk: Desk) -> Path:
    desk.request.write_text("{}")
    return LEAD.sign_file(desk.request)


@pytest.mark.parametrize(
    ("brought", "why"),
    [
        (_of_another, "lead approved another plan (cdcdcdcdcdcd, this one is abababababab)"),
        (_changed, "the signature is not of this request: one of the two was changed, or belongs to another"),
        (_late, "it was valid until 2026-11-22 09:30 UTC"),
        (_signed_by(ME), "asked for it: somebody else has to approve"),
        (_signed_by(MALLORY), "is nobody's of restore.approvers"),
        (_of_a_mail, "it was signed for 'email', not for 'muniment'"),
        (_no_signature, "codec can't decode"),
        (_no_request, "what was signed is no request"),
        (lambda desk: desk.folder / "none.request.sig", "No such file"),
    ],
)
def test_what_is_no_approval_says_why(desk: Desk, brought: Callable[[Desk], Path], why: str) -> None:
    signature = brought(desk)
    assert why in desk.refusal(signature)


def test_a_request_stays_while_it_may_be_signed_and_is_made_anew_after_that(desk: Desk) -> None:
    first = desk.ask()
    signature = LEAD.sign_file(desk.request)
    desk.now += timedelta(hours=2)
    assert desk.ask() == first
    assert signature.exists()
    desk.now += timedelta(hours=20)
    assert desk.ask().made_at == desk.now
    assert not signature.exists()


def test_nobody_is_asked_where_nobody_could_sign(desk: Desk) -> None:
    desk.firm = paper_firm(restore={"approvers": [ME.setting, "lead"]})
    with pytest.raises(ActNotApproved, match=f"no one of restore.approvers but {ME.name} has a key in the firm's file"):
        desk.ask()
    assert not desk.request.exists()


def test_what_there_is_to_do_is_said_in_full(desk: Desk) -> None:
    said = write_request(desk.firm, SUBJECT, desk.request, then="muniment matter acme M-1", clock=lambda: AT)
    request = desk.request
    assert str(said) == (
        f"matter M-1 of firm acme waits for a second person, until 2026-11-22 09:30 UTC: {request}\n"
        "KEPT: everything: nothing was written but that request\n"
        f"HINT: let one of lead read the plan and sign: `muniment approve {request}` (or `ssh-keygen -Y sign -n"
        f" muniment -f KEY {request}`); then run `muniment matter acme M-1`."
    )
