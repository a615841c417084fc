"""The fleet's page as a reader has it: every firm a row, everything a link, and an empty one says why."""

import gzip
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from lxml.html import HtmlElement

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.fleet_view import fleet_view
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.query import FleetQuery
from muniment.domain.fleet.row import BUCKETS, FirmRow, unread_row
from tests.support.fleet_rows import NOW, firm_row, fleet_seen, open_incident, vault_cell
from tests.support.html_pages import inlined, links_of, main_text, parameters_of, parsed, rows_of, text_of

FRAME = Frame("/airflow", NOW)
TAG = "<script>alert(1)</script>"


def _page(
    rows: Sequence[FirmRow], query: FleetQuery | None = None, allowed: frozenset[str] | None = None, **seen: Any
) -> str:
    may_see = frozenset(row.firm for row in rows) if allowed is None else allowed
    view = fleet_view(fleet_seen(rows, **seen), may_see, query or FleetQuery(), NOW)
    return render("fleet.html", FRAME, view=view)


def _table(page: str) -> HtmlElement:
    (table,) = parsed(page).xpath("//table")
    return table


def test_of_a_line_that_cannot_be_read_all_is_unknown_and_the_firm_stays_on_the_page() -> None:
    [cells] = rows_of(_table(_page((unread_row("acme"),))))
    assert cells == [
        "acme acme · unknown · unknown",
        "unknown what the watch has kept of it cannot be read: its next pass writes it anew",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
        "none",
        "unknown",
    ]


def test_a_row_says_state_and_all_else_of_a_firm() -> None:
    over = (vault_cell("primary"), vault_cell("replica", rpo_s=2040.0))
    rows = (firm_row("hartwell", name="Hartwell & Söhne"), firm_row("late", vaults=over))
    page = _page(rows, open_incidents={"late": (open_incident(),)})
    assert rows_of(_table(page)) == [
        [
            "Late & Söhne late · mid-size · eu-central-1",
            "at risk incident: its archiver fails; and 1 more",
            "now − 2 min 10:00 CET seen 2 min ago",
            "34 min of 15 min; primary 0 s, replica 34 min",
            "02:05 CET in both vaults, verified",
            "8 d ago 20 Nov 10:02 CET RTO 21 min of 1 h",
            "since 24 Oct 11:02 CEST no holes",
            "1 open error",
            "in 16 h 29 Nov 02:00 CET",
        ],
        [
            "Hartwell & Söhne hartwell · mid-size · eu-central-1",
            "safe",
            "now − 2 min 10:00 CET seen 2 min ago",
            "0 s of 15 min",
            "02:05 CET in both vaults, verified",
            "8 d ago 20 Nov 10:02 CET RTO 21 min of 1 h",
            "since 24 Oct 11:02 CEST no holes",
            "none",
            "in 16 h 29 Nov 02:00 CET",
        ],
    ]


def test_state_is_a_word_with_a_form_beside_its_colour() -> None:
    page = parsed(_page((firm_row(), firm_row("gone", seen_at=NOW - timedelta(hours=2)))))
    states = page.xpath("//tbody//td[1]/*[contains(@class, 'state')]")
    assert [(text_of(each), each.get("class"), each.xpath(".//*[local-name()='use']/@href")) for each in states] == [
        ("unknown", "state s-unknown", ["#shape-unknown"]),
        ("safe", "state s-safe", ["#shape-safe"]),
    ]
    assert {"shape-unknown", "shape-safe"} <= set(page.xpath("//*[local-name()='symbol']/@id"))


def test_the_days_line_has_its_words_and_the_promise() -> None:
    day = (*(60.0,) * 50, None, None, *(240.0,) * 44)
    (spark,) = parsed(_page((firm_row(day=day),))).xpath("//*[local-name()='svg'][@role='img']")
    assert spark.get("aria-label") == "RPO over the last day: at most 4 min of promised 15 min, unknown for 30 min"
    assert [(each.get("class"), each.get("d")) for each in spark.xpath("./*")] == [
        ("promise-line", "M0 5h96"),
        ("line", "M0 22h50M52 18h44"),
    ]


def test_each_row_is_headed_by_its_firm_and_each_column_by_a_link_that_sorts() -> None:
    page = _page((firm_row("hartwell"),), FleetQuery(sort="rpo", is_descending=True, q="hart"))
    table = _table(page)
    assert [link.get("href") for link in table.xpath("./tbody/tr/th[@scope='row']/a")] == [
        "/airflow/recovery/firm/hartwell"
    ]
    heads = table.xpath("./thead/tr/th[@scope='col']")
    assert [(text_of(head), head.get("aria-sort")) for head in heads] == [
        ("Firm", None),
        ("State", None),
        ("Can be recovered to", None),
        ("RPO against promised", "descending"),
        ("Last point", None),
        ("Last drill", None),
        ("Window", None),
        ("Incidents", None),
        ("Next run", None),
    ]
    addresses = [parameters_of(head.xpath("./a/@href")[0]) for head in heads]
    assert addresses[0] == [("sort", "firm"), ("q", "hart")]
    assert addresses[1] == [("q", "hart")]
    assert addresses[3] == [("sort", "rpo"), ("q", "hart")]
    assert [text_of(each) for each in table.xpath("./caption")] == ["1 of 1 firms. Times are in the firm's zone."]
    (region,) = table.xpath("..")
    assert (region.get("role"), region.get("tabindex"), region.get("aria-label")) == ("region", "0", "Firms")


def test_what_is_counted_leads_to_it() -> None:
    rows = (firm_row("a"), firm_row("b"), firm_row("c", missing=("drill",)))
    page = _page(rows, open_incidents={"c": (open_incident(),)})
    links = dict(links_of(page))
    assert parameters_of(links["1 at risk"]) == [("state", "risk")]
    assert parameters_of(links["0 unknown"]) == [("state", "unknown")]
    assert parameters_of(links["2 safe"]) == [("state", "safe")]
    assert links["1 open incident"] == "/airflow/recovery/incidents"
    assert links["1 open"] == "/airflow/recovery/incident/20261128T084500000Z"
    assert links["8 d ago"].startswith("/airflow/recovery/firm/")
    assert "100.0 % of 90 nights in 30 days left a point; promised are 99.5 %" in main_text(page)
    assert "1 error" in main_text(page)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nights_due": 200, "nights_kept": 199}, "99.5 % of 200 nights in 30 days left a point; promised are 99.5 %"),
        ({"nights_due": 1000, "nights_kept": 994}, "99.4 % of 1000 nights in 30 days left a point; short of 99.5 %"),
        ({"nights_due": 9999, "nights_kept": 9998}, "99.9 % of 9999 nights in 30 days"),
        ({"nights_due": 0, "nights_kept": 0}, "no night was due since the watch began"),
    ],
)
def test_the_success_rate(changed: dict[str, int], said: str) -> None:
    assert said in main_text(_page((firm_row(**changed),)))


def test_what_is_unknown_is_said_above_the_table() -> None:
    assert "something is unknown" not in main_text(_page((firm_row(),)))
    two = _page((firm_row(seen_at=NOW - timedelta(hours=2)), firm_row("b", seen_at=NOW - timedelta(hours=2))))
    assert "Of 2 firms something is unknown: a look is too old, was never made, or did not show it." in main_text(two)
    assert "The last pass ended 2 min ago." in main_text(two)


def test_the_form_keeps_what_is_asked_and_needs_no_script() -> None:
    query = FleetQuery(sort="rpo", tiers=("mid-size",), states=("safe",), q="söhne")
    (form,) = parsed(_page((firm_row(), firm_row("b", tier="small")), query)).xpath("//form")
    assert (form.method, form.action) == ("GET", "/airflow/recovery/")
    assert [tuple(pair) for pair in form.form_values()] == [
        ("sort", "rpo"),
        ("q", "söhne"),
        ("state", "safe"),
        ("tier", "mid-size"),
    ]
    assert FleetQuery.of(form.form_values()) == query
    labelled = form.xpath(".//label//input")
    assert len(labelled) == len(form.xpath(".//input[not(@type='hidden')]"))
    assert [text_of(each) for each in form.xpath(".//fieldset/legend")] == ["State", "Tier", "Region"]
    assert [text_of(each) for each in form.xpath(".//button")] == ["Show"]


def test_a_tag_in_a_name_and_in_what_is_sought_is_text() -> None:
    page = _page((firm_row("bobby", name=TAG),), FleetQuery(q=TAG))
    assert not parsed(page).xpath("//body//script")
    assert _table(page).xpath("./tbody/tr/th/a")[0].text == TAG
    assert parsed(page).xpath("//input[@name='q']/@value") == [TAG]


def test_nothing_is_within_the_page_that_its_policy_forbids() -> None:
    assert inlined(_page((firm_row(), firm_row("b", seen_at=NOW - timedelta(days=1))))) == []


def test_no_pass_yet_says_how_to_begin_and_not_that_there_are_no_backups() -> None:
    page = _page((), passes=())
    assert "The watch has not ended a pass yet" in main_text(page)
    assert dict(links_of(page))["fleet__watch"] == "/airflow/dags/fleet__watch"
    assert not parsed(page).xpath("//table | //form")


def test_no_firm_none_that_one_may_see_and_none_that_matches() -> None:
    assert "The registry has no firm." in main_text(_page(()))
    hidden = _page((firm_row("secret-firm"),), allowed=frozenset())
    assert "There is no firm that you may see." in main_text(hidden)
    assert "secret" not in hidden
    none = _page((firm_row(),), FleetQuery(q="nobody", sort="rpo"))
    assert "No firm matches. There are 1 that you may see" in main_text(none)
    assert dict(links_of(none))["show all of them"] == "/airflow/recovery/?sort=rpo"
    assert parsed(none).xpath("//form")


def test_a_firm_that_left_the_registry_is_shown_as_such() -> None:
    (row,) = rows_of(_table(_page((firm_row(left_registry_at=NOW - timedelta(days=3)),))))
    assert row[0].endswith("eu-central-1 · left the registry on 2026-11-25")
    assert row[1] == "suspended it left the registry on 2026-11-25: no night is taken any more"


def test_a_thousand_firms_are_under_300_kilobytes_compressed() -> None:
    """With RPO that is another one in each quarter of an hour, which compresses worst."""
    chance = Random(10)
    rows = [
        firm_row(
            f"firm-{number:04}",
            name=f"{chance.choice(('Aldgate', 'Hartwell', 'Whitcombe'))} {number} LLP",
            day=tuple(chance.random() * 700 for _ in range(BUCKETS)),
            last_point_at=NOW - timedelta(seconds=chance.randrange(90_000)),
            last_drill_at=NOW - timedelta(seconds=chance.randrange(3_000_000)),
            drill_rto_s=chance.random() * 4000,
        )
        for number in range(1000)
    ]
    page = _page(rows)
    assert len(rows_of(_table(page))) == 1000
    assert len(gzip.compress(page.encode(), 6)) < 300_000
