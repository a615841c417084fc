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
    "target": "latest",
    "time": None,
    "position": None,
    "timeline": None,
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
    request = RestoreRequest.of(waived, live_firm(), "engineer")
    assert request.waiver == Waiver(by="engineer", reason="it does not start")
    assert (request.where, request.ttl) == ("live", timedelta(hours=24))


@pytest.mark.parametrize(
    ("form", "firm", "asked_by", "fault"),
    [
        ({"firm": "birch"}, {}, "engineer", "firm: 'birch' is not 'acme', whose DAG this is"),
        (
            {"target": "time", "time": "yesterday"},
            {},
            "engineer",
            "time: 'yesterday' is no time: write it as 2026-11-20T18:00",
        ),
        ({"target": "time"}, {}, "engineer", "time: is empty, and the target is 'A time'"),
        ({"target": "lsn"}, {}, "engineer", "position: is empty, and the target is 'An LSN'"),
        (
            {"target": "lsn", "position": "20261120T083000123Z"},
            {},
            "engineer",
            "position: '20261120T083000123Z' is of another kind than 'An LSN'",
        ),
        ({"time": "2026-11-20T18:00Z"}, {}, "engineer", "time: does not go with the target 'Latest: as far as the WAL"),
        (
            {"target": "time", "time": "2026-11-01 01:30"},
            {},
            "engineer",
            "time: '2026-11-01 01:30' came twice in America/Chicago: write it with its offset from UTC",
        ),
        (
            {"target": "time", "time": "2026-03-08T02:30"},
            {},
            "engineer",
            "time: '2026-03-08T02:30' came never in America/Chicago",
        ),
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
    form = {**FORM, "firm": "birch", "target": "time", "time": "soon", "ttl": "soon", "waive_safety_backup": True}
    found = faults(form, paper_firm(), "engineer")
    assert [fault.split(":")[0] for fault in found] == ["firm", "time", "ttl", "reason", "where", "where", "where"]


def test_staging_needs_neither_host_nor_approver() -> None:
    assert faults({**FORM, "where": "staging"}, paper_firm(), None) == ()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "latest"),
        ({"target": "immediate"}, "immediate"),
        ({"target": "time", "time": "2026-11-20T18:00:00.000Z"}, "2026-11-20 18:00:00.000000+00:00"),
        ({"target": "time", "time": "2026-11-20 18:00"}, "2026-11-21 00:00:00.000000+00:00"),
        ({"target": "point", "position": " 20261120T083000123Z "}, "20261120T083000123Z"),
        ({"target": "lsn", "position": "16/B374D848"}, "16/B374D848"),
        ({"target": "xid", "position": "731", "timeline": 2}, "timeline:2:xid:731"),
        ({"target": "name", "position": "before-import"}, "name:before-import"),
    ],
)
def test_the_fields_of_the_target_lead_where_the_commands_text_does(fields: dict[str, Any], text: str) -> None:
    """A time without its offset is the wall clock of the firm, which is in Chicago."""
    form = {**FORM, **fields}
    assert faults(form, live_firm(), "engineer") == ()
    assert str(RestoreRequest.of(form, live_firm(), "engineer").target) == text
