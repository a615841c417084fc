"""An incident's page: all that on-call needs, and for who may not see its other firms none of their words."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.incident_view import IncidentView, incident_view
from muniment.domain.fleet.pictures import IncidentPicture, ToldNotice
from muniment.domain.fleet.sight import Sight
from muniment.domain.incidents.incident import Change, Delivery, Incident, Member, Silence
from muniment.domain.incidents.trouble import Scope
from muniment.domain.incidents.wording import notice_of
from tests.support.html_pages import inlined, links_of, main_text, parsed
from tests.support.watched import NOW, firm_row, incident

KNOWN = ("acme", "birch", "cedar")
LATER = NOW + timedelta(hours=1)
LOG = "https://airflow.example.com/dags/acme__backup/runs/r/tasks/t"


def of_acme(**changed: Any) -> Incident:
    told = {"scope": Scope(kind="firm", name="acme"), "links": {"log": LOG}, **changed}
    return incident(firms=("acme",), **told)


def shared() -> Incident:
    """Of which birch's words are the incident's own."""
    members = (
        Member(firm="birch", since=NOW, last_seen_at=NOW, what="birch has no WAL", at_stake="40 s of birch's commits"),
        Member(firm="acme", since=NOW, last_seen_at=NOW, what="acme's WAL waits behind birch__backup", at_stake="12 s"),
    )
    found = incident(
        what="birch has no WAL", hint="`muniment backup birch`.", subject="birch waits", links={"log": LOG}
    )
    return found.model_copy(update={"members": members, "changes": (Change(at=NOW, what="opened", by="the watch"),)})


def picture(found: Incident, **told: Any) -> IncidentPicture:
    rows = {firm: firm_row(firm) for firm in KNOWN}
    return IncidentPicture(**{"incident": found, "notices": (), "silences": (), "rows": rows, **told})


def view(found: IncidentPicture, *allowed: str, now: datetime = LATER) -> IncidentView:
    shown = incident_view(found, Sight(frozenset(allowed or KNOWN), KNOWN), now)
    assert shown is not None
    return shown


def page(shown: IncidentView) -> str:
    return render("incident.html", Frame("/airflow", LATER), view=shown)


def test_one_firms_incident_with_the_ways_out_of_it() -> None:
    html = page(view(picture(of_acme())))
    text, links = main_text(html), dict(links_of(html))
    for part in ("the primary vault lacks WAL", "what it has", "look at the archiver.", "12 s at risk"):
        assert part in text
    assert "muniment incidents acknowledge incident-1" in text
    assert "2026-11-28 04:00 CET" in text
    assert links["Acme & Söhne"] == "/airflow/recovery/firm/acme"
    assert links["Log of the task"] == LOG
    assert links["Runbook: wal-at-risk"].endswith("/blob/main/docs/monitoring.md#wal-at-risk")
    assert inlined(html) == []
    assert html.count("data-out") == 2


def test_what_is_typed_is_told_from_what_is_said() -> None:
    found = of_acme(hint="try `muniment status <acme>`, then `x`.")
    typed = parsed(page(view(picture(found)))).xpath("//dd/code/text()")
    assert typed == ["muniment status <acme>", "x"]


def test_what_is_no_web_address_becomes_no_link() -> None:
    for url in ("javascript:alert(1)", "//elsewhere.example.com/x"):
        assert view(picture(of_acme(links={"log": url}))).log is None
    assert view(picture(of_acme(links={"log": "/dags/acme__backup"}))).log == "/dags/acme__backup"


def test_a_log_of_a_hidden_firm_is_not_linked() -> None:
    found = picture(of_acme(links={"log": "/dags/birch__backup/runs/r"}))
    assert view(found).log is not None
    assert view(found, "acme").log is None


def test_who_may_not_see_the_others_reads_the_own_lines_alone() -> None:
    shown = view(picture(shared()), "acme")
    assert (shown.what, shown.kept, shown.hint, shown.log, shown.hidden) == (None, "", "", None, 1)
    [line] = shown.members
    assert (line.what, line.at_stake) == ("acme's WAL waits behind another firm", "12 s")
    html = page(shown)
    assert "birch" not in html.lower()
    assert "1 firm that you may not see is in it as well" in main_text(html)
    assert "birch" in page(view(picture(shared())))


@pytest.mark.parametrize("allowed", [("cedar",), ("no-firm",)])
def test_whose_firms_are_all_hidden_is_not_there(allowed: tuple[str, ...]) -> None:
    assert incident_view(picture(shared()), Sight(frozenset(allowed), KNOWN), LATER) is None


def test_one_of_no_firm_is_everybodys_without_a_name_in_it() -> None:
    channel = incident(firms=(), scope=Scope(kind="channel", name="on-call"), what="failed for birch__backup")
    shown = view(picture(channel), "acme")
    assert shown.what == "failed for another firm"
    assert "channel on-call" in main_text(page(shown))


def told(
    kind: str = "opened", *, at: datetime = NOW, failures: tuple[str | None, ...] = (), **known: Any
) -> ToldNotice:
    notice = notice_of(of_acme(severity=known.pop("severity", "error")), "opened", at)
    tries = tuple(Delivery(notice=notice.id, channel=f"way-{n}", at=at, failure=f) for n, f in enumerate(failures))
    is_told = bool(failures) and failures[-1] is None
    return ToldNotice(notice, at if is_told else None, tries, **known)


@pytest.mark.parametrize(
    ("notice", "word"),
    [
        (told(failures=("refused", None)), "told"),
        (told(failures=("refused",), untold="way-0: refused"), "nobody took it yet; it is tried again"),
        (told(at=LATER - timedelta(minutes=3)), "on its way"),
        (told(), "waits for the end of quiet hours"),
        (told(severity="critical"), "on its way"),
    ],
)
def test_who_was_told_and_what_waits(notice: ToldNotice, word: str) -> None:
    shown = view(picture(of_acme(), notices=(notice,)))
    assert shown.told[0].word.state == word
    assert word in main_text(page(shown))


def test_by_which_channel() -> None:
    text = main_text(page(view(picture(of_acme(), notices=(told(failures=("refused", None)),)))))
    assert "way-0, 2026-11-28 04:00 CET: not taken: refusedway-1, 2026-11-28 04:00 CET: taken" in text


def test_what_is_silenced_waits_and_says_why() -> None:
    silence = Silence(
        id="s", firm=None, cause="wal-at-risk", key=None, until=LATER, by="ann", why="birch moves", made_at=NOW
    )
    found = picture(of_acme(), notices=(told(),), silences=(silence,))
    shown = view(found, "acme")
    assert shown.told[0].word.state == "waits: it is silenced"
    assert "by ann: another firm moves" in main_text(page(shown))
    other = silence.model_copy(update={"cause": "wal-hole"})
    assert view(picture(of_acme(), silences=(other,))).silences == ()


@pytest.mark.parametrize(
    "log",
    ["javascript:alert(1)", "//evil.example", "/\\evil.example", "/\t/evil.example", "/dags/birch__backup/runs/r"],
)
def test_what_is_no_page_of_airflows_or_names_a_hidden_firm_is_no_link(log: str) -> None:
    assert view(picture(of_acme(links={"log": log})), "acme").log is None
    assert view(picture(of_acme(links={"log": "/dags/acme__backup/runs/r"})), "acme").log == "/dags/acme__backup/runs/r"


def test_a_silence_of_a_hidden_firm_is_not_shown_and_of_a_shared_incident_nobodys_own_words_are() -> None:
    own = Silence(id="s", firm="birch", cause=None, key=None, until=LATER, by="ann", why="Birch LLP moves", made_at=NOW)
    acme, birch = shared().members[1], shared().members[0]
    well = acme.model_copy(update={"well_since": NOW})
    alone = shared().model_copy(update={"members": (birch, well)})
    assert view(picture(alone, silences=(own,))).silences == (own,)
    assert view(picture(alone, silences=(own,)), "acme").silences == ()
    everybodys = own.model_copy(update={"firm": None})
    shown = view(picture(shared(), silences=(everybodys,)), "acme")
    assert [(each.by, each.why) for each in shown.silences] == [("ann", "")]
    assert "Birch LLP" not in page(shown)


def test_what_explains_it_and_what_it_explains() -> None:
    wider = incident(2, firms=("acme", "birch"), subject="region away")
    hidden = incident(3, firms=("birch",), subject="of another one")
    shown = view(picture(of_acme(held_back_by=wider.key), held_back_by=wider, holds_back=(hidden,)), "acme")
    links = dict(links_of(page(shown)))
    assert links["region away"] == "/airflow/recovery/incident/incident-2"
    assert "of another one" not in links
    unseen = view(picture(of_acme(held_back_by="k"), held_back_by=hidden), "acme")
    assert "a wider incident" in main_text(page(unseen))


def test_one_that_is_over_asks_nobody_to_take_it_in_hand() -> None:
    shown = view(picture(of_acme(state="resolved", resolved_at=NOW)))
    text = main_text(page(shown))
    assert "over2026-11-28 04:00 CET, 1 h 00 min ago" in text
    assert "acknowledge" not in text
