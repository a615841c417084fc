"""The promises as a reader has them."""

from datetime import timedelta

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.promise_cell import DUTIES
from muniment.domain.fleet.promises_view import promises_view
from muniment.domain.fleet.query import FleetQuery
from muniment.domain.fleet.row import DutyCell, FirmRow
from tests.support.fleet_rows import NOW, firm_row, fleet_seen
from tests.support.html_pages import inlined, links_of, main_text, parameters_of, parsed, rows_of, text_of

NIGHT = NOW - timedelta(hours=8)
TAG = "<script>alert(1)</script>"
MIXED = (
    DutyCell("wal flow", "kept", None, NOW - timedelta(minutes=2)),
    DutyCell("nightly point", "missing", NIGHT, NIGHT - timedelta(days=1)),
    DutyCell("second copy", "unknown"),
    DutyCell("drill", "suspended", suspended_until=NOW + timedelta(days=9)),
)


def _page(*rows: FirmRow, query: FleetQuery | None = None, allowed: frozenset[str] | None = None) -> str:
    may_see = frozenset(row.firm for row in rows) if allowed is None else allowed
    view = promises_view(fleet_seen(rows), may_see, query or FleetQuery(), NOW)
    return render("promises.html", Frame("/airflow", NOW), view=view)


def test_each_cell_says_its_word_and_the_age_of_its_evidence() -> None:
    page = parsed(_page(firm_row("hartwell", name=TAG, duties=MIXED, missing=("nightly point",))))
    (table,) = page.xpath("//table")
    heads = [text_of(each) for each in table.xpath("./thead//th[@scope='col']")]
    assert heads == ["Firm", "State", "RPO", "RTO", "WAL flow", *(duty.capitalize() for duty in DUTIES[1:])]
    (row,) = rows_of(table)
    assert dict(zip(heads, row, strict=True)) == {
        "Firm": f"{TAG} hartwell · mid-size · eu-central-1",
        "State": "at risk",
        "RPO": "kept 0 s of 15 min",
        "RTO": "kept 21 min of 1 h, 8 d ago",
        "WAL flow": "kept 2 min ago",
        "Nightly point": "missing due 8 h ago, last 32 h ago",
        "Second copy": "unknown",
        "Drill": "suspended until 7 Dec 10:02 CET",
        **dict.fromkeys(("Verification", "Sign-off", "Documents", "Configuration", "Channel test"), "not owed"),
        "Watch": "kept looked 2 min ago",
    }
    missing = table.xpath("./tbody/tr/*")[heads.index("Nightly point")]
    assert missing.get("title") == "2026-11-27 01:02 UTC"
    assert missing.xpath(".//*[local-name()='use']/@href") == ["#shape-lost"]
    assert not page.xpath("//body//script")


def test_the_promises_are_told_in_words_with_how_many_firms_they_are_kept_to() -> None:
    text = main_text(_page(firm_row("a", duties=MIXED), firm_row("b")))
    assert (
        "mid-size (2 firms): no more than 15 min of work is lost (RPO), and the firm is served again within 1 h" in text
    )
    assert "Nightly point Each night leaves a recovery point. 1 missing, 1 unknown." in text
    assert "is unknown and never kept" in text


def test_sorting_and_filters_stay_on_the_page() -> None:
    page = _page(firm_row("a"), firm_row("b", tier="small"), query=FleetQuery(tiers=("small",)))
    links = dict(links_of(page))
    assert links["RPO"].startswith("/airflow/recovery/promises?")
    assert parameters_of(links["RPO"]) == [("sort", "-rpo"), ("tier", "small")]
    assert links["Show all firms"] == "/airflow/recovery/promises"
    assert parsed(page).xpath("//form/@action") == ["/airflow/recovery/promises"]
    assert links["B & Söhne"] == "/airflow/recovery/firm/b"


def test_an_empty_matrix_says_why() -> None:
    assert "There is no firm that you may see." in main_text(_page(firm_row(), allowed=frozenset()))
    assert "The registry has no firm." in main_text(_page())
    none = _page(firm_row(), query=FleetQuery(q="nobody"))
    assert dict(links_of(none))["show all of them"] == "/airflow/recovery/promises"


def test_nothing_is_within_the_page_that_its_policy_forbids() -> None:
    assert inlined(_page(firm_row(duties=MIXED))) == []
