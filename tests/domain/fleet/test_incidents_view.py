"""The list of incidents: the gravest first, and nothing of firms that are hidden."""

from datetime import timedelta
from typing import Any

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.incidents_view import IncidentsView, incidents_view
from muniment.domain.fleet.sight import Sight
from muniment.domain.incidents.incident import Incident, Silence
from muniment.domain.incidents.trouble import Scope
from tests.support.html_pages import inlined, links_of, main_text
from tests.support.watched import NOW, incident

NAMES = {"acme": "Acme & Söhne", "birch": "Birch LLP", "cedar": "Cedar"}
HOUR = timedelta(hours=1)


def own(number: int, firm: str = "acme", **changed: Any) -> Incident:
    told = {"scope": Scope(kind="firm", name=firm), "subject": f"subject {number}", **changed}
    return incident(number, key=f"key-{number}", firms=(firm,), **told)


def view(*incidents: Incident, allowed: tuple[str, ...] = tuple(NAMES), **told: Any) -> IncidentsView:
    sight = Sight(frozenset(allowed), NAMES)
    return incidents_view(incidents, NAMES, told.pop("silences", ()), sight, **{"include_over": False, **told})


def page(found: IncidentsView, airflow: str = "/airflow", **frame: Any) -> str:
    return render("incidents.html", Frame(airflow, NOW + HOUR, **frame), view=found)


def test_the_gravest_comes_first_and_what_is_explained_last() -> None:
    found = view(
        own(1, severity="warning"),
        own(2, severity="critical", held_back_by="key-3"),
        own(3, severity="error"),
        own(4, severity="critical", state="acknowledged", acknowledged_by="ann", acknowledged_until=NOW + 2 * HOUR),
        own(5, state="observed"),
    )
    assert [each.id for each in found.open] == ["incident-4", "incident-3", "incident-1", "incident-2"]
    assert found.counts == (("critical", 2), ("error", 1), ("warning", 1))
    text = main_text(page(found))
    assert "by ann until 2026-11-28 05:00 UTC" in text
    assert "explained by a wider one" in text


def test_each_leads_to_its_page_and_nothing_is_inlined() -> None:
    html = page(view(own(1, subject="<script>alert(1)</script>")))
    assert ("<script>alert(1)</script>", "/airflow/recovery/incident/incident-1") in links_of(html)
    assert ("Show those that are over, too", "/airflow/recovery/incidents?all=1") in links_of(html)
    assert inlined(html) == []


def test_those_that_are_over_where_they_are_asked_for() -> None:
    ended = [own(n, state="resolved", resolved_at=NOW + n * timedelta(minutes=1)) for n in (1, 2)]
    assert view(*ended).over == ()
    found = view(*ended, include_over=True)
    assert [each.id for each in found.over] == ["incident-2", "incident-1"]
    text = main_text(page(found))
    assert "No incident is open." in text
    assert "58 min 00 s ago" in text


def test_of_hidden_firms_nothing_is_shown_and_nothing_counted() -> None:
    shared = incident(9, firms=("birch", "acme", "cedar"), subject="birch__backup is paused")
    channel = incident(7, firms=(), scope=Scope(kind="channel", name="on-call"), severity="error")
    found = view(own(1, "birch", severity="critical"), shared, channel, allowed=("acme",))
    assert [each.id for each in found.open] == ["incident-9", "incident-7"]
    assert found.counts[0] == ("critical", 1)
    text = main_text(page(found))
    assert "region eu-central-1: Acme & Söhne, and 2 that you may not see" in text
    assert "channel on-call" in text
    for name in ("birch", "Birch", "cedar", "Cedar"):
        assert name not in text


def test_a_silence_is_told() -> None:
    silence = Silence(id="s", firm=None, cause=None, key="key-1", until=NOW + HOUR, by="ann", why="a move", made_at=NOW)
    found = view(own(1), own(2), silences=(silence,))
    assert [each.is_silenced for each in found.open] == [True, False]


def test_that_none_is_open_is_no_more_than_is_known() -> None:
    text = main_text(page(view(), stale="The store is away."))
    assert "No incident is open, as far as is known." in text
