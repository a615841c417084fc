"""Every firm a row, every promise a column."""

from datetime import timedelta

from muniment.domain.fleet.promise_cell import DUTIES
from muniment.domain.fleet.promises_view import ClassPromise, promises_view
from muniment.domain.fleet.query import FleetQuery
from muniment.domain.fleet.row import DutyCell, unread_row
from tests.support.fleet_rows import NOW, firm_row, fleet_seen

NIGHT = NOW - timedelta(hours=8)
KEPT = tuple(DutyCell(duty, "kept", NIGHT, NIGHT) for duty in DUTIES)
OFF = tuple(DutyCell(duty, "suspended", suspended_until=NOW + timedelta(days=9)) for duty in DUTIES)
FLEET = (
    firm_row("alder", duties=KEPT),
    firm_row("off", duties=OFF, suspended=DUTIES, drill_rto_s=None),
    firm_row("small", tier="small", rpo_promise_s=14_400, rto_promise_s=28_800, duties=KEPT),
)
EVERYBODY = frozenset(row.firm for row in FLEET)


def test_a_firm_that_is_switched_off_is_a_row_and_its_duties_are_suspended() -> None:
    view = promises_view(fleet_seen(FLEET), EVERYBODY, FleetQuery(), NOW)
    assert [line.firm for line in view.lines] == ["off", "alder", "small"]
    assert {cell.word for cell in view.lines[0].cells[2:] if cell.beside != "looked 2 min ago"} == {"suspended"}


def test_each_promise_is_a_column_with_its_words_and_counts() -> None:
    view = promises_view(fleet_seen(FLEET), EVERYBODY, FleetQuery(), NOW)
    assert [each.head.text for each in view.promises] == [
        "RPO",
        "RTO",
        "WAL flow",
        *(duty.capitalize() for duty in DUTIES[1:]),
    ]
    counts = {each.head.text: each.counts for each in view.promises}
    assert counts["RPO"] == (("kept", 3),)
    assert counts["RTO"] == (("unknown", 1), ("kept", 2))
    assert counts["Drill"] == (("suspended", 1), ("kept", 2))
    assert all(len(line.cells) == len(view.promises) for line in view.lines)


def test_what_each_class_promises_is_told_of_the_firms_that_are_shown() -> None:
    view = promises_view(fleet_seen(FLEET), EVERYBODY, FleetQuery(), NOW)
    assert view.classes == (ClassPromise("mid-size", "15 min", "1 h", 2), ClassPromise("small", "4 h", "8 h", 1))


def test_the_same_filters_and_the_same_sight_hold() -> None:
    seen = fleet_seen(FLEET)
    assert [line.firm for line in promises_view(seen, EVERYBODY, FleetQuery(tiers=("small",)), NOW).lines] == ["small"]
    one = promises_view(seen, frozenset({"alder"}), FleetQuery(), NOW)
    assert [line.firm for line in one.lines] == ["alder"]
    assert one.classes == (ClassPromise("mid-size", "15 min", "1 h", 1),)
    assert promises_view(seen, frozenset(), FleetQuery(), NOW).firms.empty == "none allowed"


def test_of_a_line_that_cannot_be_read_nothing_is_promised_and_nothing_known() -> None:
    view = promises_view(fleet_seen((*FLEET, unread_row("hurt"))), EVERYBODY | {"hurt"}, FleetQuery(), NOW)
    [line] = [each for each in view.lines if each.firm == "hurt"]
    assert (line.standing.state, {each.word for each in line.cells}) == ("unknown", {"unknown"})
    assert len(line.cells) == len(view.promises)
    assert {each.tier for each in view.classes} == {"mid-size", "small"}
