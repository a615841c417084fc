"""A firm's open incidents are those that touch it now, each once."""

from datetime import timedelta

from muniment.domain.fleet.open_incidents import open_by_firm
from muniment.domain.fleet.row import OpenIncident
from muniment.domain.incidents.incident import Member
from muniment.domain.incidents.trouble import Scope, Severity
from tests.support.watched import NOW, incident


def member(firm: str, severity: Severity = "warning", *, is_well: bool = False) -> Member:
    well_since = NOW - timedelta(minutes=1) if is_well else None
    return Member(firm=firm, since=NOW, last_seen_at=NOW, what="x", severity=severity, well_since=well_since)


def test_each_firm_has_its_own_severity_and_the_gravest_first() -> None:
    wide = incident(1, members=(member("acme"), member("birch", "critical"), member("cedar", is_well=True)))
    own = incident(2, key="dag-paused-acme", firms=(), scope=Scope(kind="firm", name="acme"), severity="error")
    found = open_by_firm([wide, own.model_copy(update={"state": "acknowledged"})])
    assert {firm: [(one.id, one.severity) for one in each] for firm, each in found.items()} == {
        "acme": [("incident-2", "error"), ("incident-1", "warning")],
        "birch": [("incident-1", "critical")],
    }
    assert found["birch"] == (
        OpenIncident(id="incident-1", cause="wal-at-risk", severity="critical", subject="commits at risk"),
    )


def test_what_is_not_confirmed_or_over_is_none() -> None:
    assert open_by_firm([incident(1, state="observed"), incident(2, state="resolved")]) == {}


def test_a_place_that_is_named_as_a_firm_is_no_firm() -> None:
    queue = incident(1, firms=("birch",), scope=Scope(kind="queue", name="acme"))
    assert list(open_by_firm([queue])) == ["birch"]


def test_what_a_wider_one_holds_back_counts_only_where_that_one_has_not_the_firm() -> None:
    wide = incident(1, key="vault-unseen-eu", firms=("acme",))
    held = incident(2, key="wal-at-risk-x", firms=("acme", "birch"), held_back_by="vault-unseen-eu")
    lost = incident(3, key="point-missing-x", firms=("cedar",), held_back_by="scheduler-still")
    found = open_by_firm([wide, held, lost])
    assert {firm: [one.id for one in each] for firm, each in found.items()} == {
        "acme": ["incident-1"],
        "birch": ["incident-2"],
        "cedar": ["incident-3"],
    }


def test_one_that_all_are_out_of_is_theirs_until_it_is_over() -> None:
    mended = incident(1, members=(member("acme", "error", is_well=True),))
    assert [one.severity for one in open_by_firm([mended])["acme"]] == ["error"]
    assert open_by_firm([mended.model_copy(update={"state": "resolved"})]) == {}
