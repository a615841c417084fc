"""Who may not see a firm reads no word that names it."""

import pytest

from muniment.domain.fleet.sight import Sight, firms_of
from muniment.domain.incidents.trouble import Scope
from tests.support.watched import incident

KNOWN = ("acme", "acme-west", "birch", "cedar")


def sight(*allowed: str) -> Sight:
    return Sight(frozenset(allowed), KNOWN)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("birch__backup of birch is paused", "another firm of another firm is paused"),
        ("bucket muniment-acme-primary", "bucket muniment-another firm"),
        ("acme-west__backup and acme__backup", "acme-west__backup and another firm"),
        ("host db.cedar.example.com:5432.", "host db.another firm:5432."),
        ("birchwood is a word of its own", "birchwood is a word of its own"),
        ("Acme is none of our ids", "Acme is none of our ids"),
    ],
)
def test_each_word_that_begins_with_a_hidden_id_is_another_firm(text: str, read: str) -> None:
    assert sight("acme-west").text(text) == read


def test_who_sees_all_reads_all() -> None:
    assert sight(*KNOWN).text("birch__backup") == "birch__backup"


def test_a_firm_that_the_store_has_forgotten_is_hidden_as_well() -> None:
    assert sight("acme").among(frozenset({"dogwood", "acme"})).text("dogwood__backup of acme") == "another firm of acme"


@pytest.mark.parametrize(
    ("firms", "scope", "owners"),
    [
        (("birch", "acme"), Scope(kind="region", name="us-east-2"), {"acme", "birch"}),
        ((), Scope(kind="firm", name="birch"), {"birch"}),
        ((), Scope(kind="dag", name="birch__restore/manual__1"), {"birch"}),
        ((), Scope(kind="dag", name="fleet__watch"), set()),
        ((), Scope(kind="channel", name="on-call"), set()),
    ],
)
def test_whose_an_incident_is(firms: tuple[str, ...], scope: Scope, owners: set[str]) -> None:
    found = incident(firms=firms, scope=scope)
    assert firms_of(found) == owners
    assert sight("cedar").sees(found) is not bool(owners)
    assert sight("birch").sees(found)
    assert sight("birch").sees_all_of(found) is (owners <= {"birch"})


def test_behind_an_allowed_firms_id_a_hidden_one_is_hidden_too() -> None:
    sight = Sight(frozenset({"acme", "acme-west"}), ("acme", "acme-west", "birch"))
    assert sight.text("acme-birch-wal, acme-west-birch, acme-west-1") == (
        "acme-another firm, acme-west-another firm, acme-west-1"
    )
