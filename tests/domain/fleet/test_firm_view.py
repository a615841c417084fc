from datetime import timedelta
from typing import Any

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.firm_view import INCIDENTS_SHOWN, FirmView, firm_view, samples_span, span_of
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.sight import Sight
from muniment.domain.fleet.span import Span
from muniment.domain.incidents.incident import Incident, Member
from tests.support.fleet_rows import firm_row, vault_cell
from tests.support.recovery_pictures import (
    DAY,
    HOUR,
    NOW,
    drill_seen,
    firm_seen,
    history,
    nightly,
    picture,
    vault_seen,
    whole_picture,
)
from tests.support.recovery_stocks import wal_going, wal_stock
from tests.support.watched import incident, sample

FRAME = Frame("", NOW)


def view(known: FirmPicture) -> FirmView:
    span = span_of(known, None, None, NOW)
    sight = Sight(frozenset({"acme"}), ("acme", "birch"))
    samples = [sample("acme", NOW - minutes * timedelta(minutes=5)) for minutes in reversed(range(12))]
    return firm_view(known, FRAME, span, samples=samples, unwatched=(), sight=sight)


def test_the_head_says_what_the_fleets_page_says() -> None:
    cells = (vault_cell("primary", seen_at=NOW, recoverable_to=NOW - HOUR), vault_cell("replica", seen_at=NOW))
    row = firm_row("acme", seen_at=NOW, vaults=cells)
    found = view(whole_picture(row=row))
    assert found.recoverable_to == NOW - HOUR
    assert [each.recoverable_to for each in found.vaults] == [cells[0].recoverable_to, cells[1].recoverable_to]
    assert found.standing is not None
    assert view(whole_picture()).standing is None
    assert view(whole_picture()).recoverable_to == NOW


def test_what_an_old_look_has_seen_is_not_what_is() -> None:
    known, old = whole_picture(), vault_seen("primary", whole_picture().seen.vaults[0].windows, NOW - HOUR)
    fresh = known.seen.vaults[1].model_copy(update={"rpo_s": 7200.0})
    for vaults, is_current, recoverable_to in (
        ((old,), False, NOW - HOUR),
        ((old, fresh), True, NOW - 2 * HOUR),
    ):
        found = view(picture(known.seen.model_copy(update={"vaults": vaults}), known.history))
        assert (found.is_current, found.recoverable_to) == (is_current, recoverable_to)
        html = render("firm.html", FRAME, view=found)
        assert ("unknown; when it was seen last, " in html) is not is_current


def test_nothing_that_was_never_read_is_empty() -> None:
    found = view(picture(firm_seen(vault_seen("primary", (), seen_at=None, held=None, rpo_s=None)), None))
    assert (found.recoverable_to, found.nights, found.plots, found.expiries) == (None, (), (), ())
    assert found.vaults[0].rpo_s is None
    assert found.picture.history is None


def test_nights_come_newest_first_and_ninety_at_most() -> None:
    found = view(whole_picture(100))
    assert (len(found.nights), found.more_nights) == (90, 10)
    assert found.nights[0].night == nightly(1)[0]
    assert f"restore_position={found.nights[0].night.point}" in found.nights[0].restore
    assert found.span.lasts == 90 * DAY


def test_what_the_next_expiry_takes_is_the_newest_nights_word_of_each_vault() -> None:
    old, new = wal_stock("primary", NOW - 2 * DAY, None, None), wal_stock("primary", NOW - DAY, None, None)
    going = wal_going(NOW - 9 * DAY, NOW - 8 * DAY)
    new = new.model_copy(update={"stock": new.stock.model_copy(update={"next_goes": (going, going)})})
    known = picture(whole_picture().seen, history(nightly(5), stocks=(old, new)))
    assert [(each.side, each.goes, each.size_bytes) for each in view(known).expiries] == [
        ("primary", (going, going), 2 * going.size_bytes)
    ]


def test_plots_are_of_nights_stocks_and_drills() -> None:
    drills = (drill_seen(1, NOW - DAY),)
    stocks = (wal_stock("primary", NOW - DAY, None, None),)
    known = picture(whole_picture().seen, history(nightly(5), drills=drills, stocks=stocks))
    assert [plot.title for plot in view(known).plots] == [
        "Size of the base backup",
        "Duration of the night, from base backup to point",
        "Documents that changed",
        "What the primary vault holds",
        "RTO of the drills",
    ]
    rto = view(known).plots[-1]
    assert (rto.promise, len(rto.bars)) == ("1 h 00 min", 1)
    assert view(known).rpo.promise == "15 min 00 s"


def test_samples_are_of_a_day_where_the_line_is_long() -> None:
    assert samples_span(Span(NOW - 90 * DAY, NOW)) == Span(NOW - DAY, NOW)
    week = Span(NOW - 7 * DAY, NOW)
    assert samples_span(week) == week


def test_an_incident_of_several_firms_shows_this_ones_part_alone() -> None:
    own = Member(firm="acme", since=NOW - DAY, last_seen_at=NOW, what="vault of birch-1 and acme is silent")
    other = own.model_copy(update={"firm": "birch", "what": "birch is silent", "since": NOW - 2 * DAY})
    told = incident(members=(other, own), opened_at=NOW - 2 * DAY, observed_at=NOW - 2 * DAY)
    elsewhere = told.model_copy(update={"id": "x", "members": (other,)})
    [line] = view(whole_picture(incidents=(told, elsewhere))).incidents
    assert (line.since, line.what) == (NOW - DAY, "vault of another firm and acme is silent")
    assert line.over_at is None


def test_the_firms_dags_are_led_to() -> None:
    assert [each.href for each in view(whole_picture()).dags] == [
        "/dags/acme__backup",
        "/dags/acme__restore",
        "/dags/acme__restore_test",
    ]


def test_of_thousands_of_incidents_the_newest_are_shown_and_all_that_are_open() -> None:
    def one(number: int, **changed: Any) -> Incident:
        at = NOW - number * HOUR
        return incident(number, key=f"key-{number}", opened_at=at, observed_at=at, **changed)

    over = [one(number, state="resolved", resolved_at=NOW) for number in range(1, INCIDENTS_SHOWN + 3)]
    found = view(whole_picture(incidents=(*over, one(500))))
    assert found.more_incidents == 2
    assert [each.id for each in found.incidents] == [*(f"incident-{n}" for n in range(1, 101)), "incident-500"]
