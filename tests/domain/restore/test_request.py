"""The form of a restore, by table: each fault with its field, all of them at once."""

from datetime import timedelta
from typing import Any

import pytest

from muniment.domain.approval import Waiver
from muniment.domain.firm.firm import Contact, Firm, LiveHost, Notifier, RestoreRules
from muniment.domain.restore.request import RestoreRequest, faults
from tests.support.firms import paper_firm

FORM = {
    "firm": "acme",
    "to": "latest",
    "side": "primary",
    "where": "live",
    "ttl": "24 hours",
    "documents": True,
    "waive_safety_backup": False,
    "reason": None,
}


def live_firm(**changes: Any) -> Firm:
    firm = paper_firm()
    values = {
        "cluster": firm.cluster.model_copy(update={"live": LiveHost(data_directory="/srv/live")}),
        "contact": Contact(name="Dana", told_by=(Notifier(notifier="some.Notifier"),)),
        "restore": RestoreRules(approvers=("lead",)),
    }
    return firm.model_copy(update={**values, **changes})


def test_a_sound_form_has_no_faults() -> None:
    assert faults(FORM, live_firm(), "engineer") == ()
    waived = {**FORM, "waive_safety_backup": True, "reason": " it does not start "}
    assert faults(waived, live_firm(), "engineer") == ()
    request = RestoreRequest.of(waived, "engineer")
    assert request.waiver == Waiver(by="engineer", reason="it does not start")
    assert (request.where, request.ttl) == ("live", timedelta(hours=24))


@pytest.mark.parametrize(
    ("form", "firm", "asked_by", "fault"),
    [
        ({"firm": "birch"}, {}, "engineer", "firm: 'birch' is not 'acme', whose DAG this is"),
        ({"to": "2026-11-20 18:00"}, {}, "engineer", "to: '2026-11-20 18:00' has no time zone"),
        ({"to": "yesterday"}, {}, "engineer", "to: 'yesterday' is no target"),
        ({"ttl": "30 minutes"}, {}, "engineer", "ttl: it would be gone before restore.answer_within is over: 4 hours"),
        (
            {"where": "staging", "ttl": "1 minute"},
            {},
            "engineer",
            "ttl: '1 minute' is not between 10 minutes and 30 days",
        ),
        ({"ttl": "soon"}, {}, "engineer", "ttl: "),
        ({"waive_safety_backup": True, "reason": " "}, {}, "engineer", "reason: whoever waives"),
        ({"where": "staging", "waive_safety_backup": True}, {}, "engineer", "waive_safety_backup: staging replaces"),
        ({}, {"contact": Contact()}, "engineer", "where: the firm's file names no contact.told_by"),
        ({}, {"restore": RestoreRules()}, "engineer", "where: nobody could approve it: the firm's file names no"),
        ({}, {}, "lead", "where: nobody could approve it: lead asked for it and is the only one"),
        ({}, {}, None, "where: nobody could approve it: nobody knows who asked for it"),
    ],
)
def test_each_fault_names_its_field(
    form: dict[str, Any], firm: dict[str, Any], asked_by: str | None, fault: str
) -> None:
    [found] = faults({**FORM, **form}, live_firm(**firm), asked_by)
    assert found.startswith(fault)


def test_every_fault_comes_at_once() -> None:
    form = {**FORM, "firm": "birch", "to": "soon", "ttl": "soon", "waive_safety_backup": True}
    found = faults(form, paper_firm(), "engineer")
    assert [fault.split(":")[0] for fault in found] == ["firm", "to", "ttl", "reason", "where", "where", "where"]


def test_staging_needs_neither_host_nor_approver() -> None:
    assert faults({**FORM, "where": "staging"}, paper_firm(), None) == ()
