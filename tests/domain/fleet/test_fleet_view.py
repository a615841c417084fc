"""How many firms stand how, and which come first."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.fleet_view import FleetView, Nights, fleet_view
from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.query import COLUMNS, FleetQuery
from muniment.domain.fleet.row import FirmRow, OpenIncident
from muniment.domain.watch.passes import Pass
from tests.support.fleet_rows import LOOKED, NOW, firm_row, fleet_seen, open_incident, vault_cell

LONG_AGO = NOW - timedelta(hours=3)


def _over(firm: str, rpo_s: float, **changed: Any) -> FirmRow:
    return firm_row(firm, vaults=(vault_cell("primary"), vault_cell("replica", rpo_s=rpo_s)), **changed)


FLEET = (
    firm_row("zenith", tier="small"),
    firm_row("alder", region="us-east-1"),
    _over("slightly", 1000.0),
    _over("badly", 9000.0),
    firm_row("lost", points=0, missing=("nightly point",), nights_kept=0),
    firm_row("unseen", seen_at=LONG_AGO),
    firm_row("fresh", points=0, is_new=True, nights_due=0, nights_kept=0),
    firm_row("paused", suspended=("drill",)),
)


def _view(rows: Sequence[FirmRow] = FLEET, query: FleetQuery | None = None, **seen: Any) -> FleetView:
    given_ = fleet_seen(rows, **seen)
    return fleet_view(given_, frozenset(row.firm for row in rows), query or FleetQuery(), NOW)


def _firms(view: FleetView) -> list[str]:
    return [line.firm for line in view.lines]


def test_the_worst_is_first_then_who_is_furthest_over_the_promise_then_by_name() -> None:
    assert _firms(_view()) == ["lost", "badly", "slightly", "unseen", "paused", "fresh", "alder", "zenith"]


def test_each_state_is_counted_and_leads_to_its_firms() -> None:
    view = _view()
    counts = {count.standing.state: count.firms for count in view.counts}
    assert counts == {"not recoverable": 1, "at risk": 2, "unknown": 1, "suspended": 1, "new": 1, "safe": 2}
    for count in view.counts:
        assert len(_view(query=count.query).lines) == count.firms


def test_safe_at_risk_and_unknown_are_counted_when_there_is_none() -> None:
    assert [(each.standing.state, each.firms) for each in _view([firm_row()]).counts] == [
        ("at risk", 0),
        ("unknown", 0),
        ("safe", 1),
    ]


def test_a_filter_by_state_leaves_the_others_counted() -> None:
    view = _view(query=FleetQuery(states=("safe",)))
    assert _firms(view) == ["alder", "zenith"]
    assert sum(count.firms for count in view.counts) == len(FLEET)
    assert view.nights == Nights(60, 60)


def test_firms_that_one_may_not_see_are_in_no_number() -> None:
    seen = fleet_seen(FLEET, open_incidents={"badly": (open_incident(),)})
    view = fleet_view(seen, frozenset({"alder", "not-there"}), FleetQuery(), NOW)
    assert _firms(view) == ["alder"]
    assert view.firms.visible == 1
    assert sum(count.firms for count in view.counts) == 1
    assert view.severities == ()
    assert view.nights == Nights(30, 30)
    assert [each.value for each in view.firms.regions] == ["us-east-1"]
    assert view.unknown == 0
    assert fleet_view(seen, frozenset({"alder"}), FleetQuery(q="badly"), NOW).firms.empty == "none found"


@given(st.integers(1, 40_000), st.integers(0, 40_000))
def test_a_rate_never_reads_better_than_it_is(due: int, lacking: int) -> None:
    nights = Nights(due, max(due - lacking, 0))
    assert nights.rate is not None
    shown = float(nights.rate.removesuffix(" %"))
    assert shown <= 100 * nights.kept / due
    assert (shown < 99.5) == nights.is_short
    assert (shown == 100) == (nights.kept == due)


def test_without_a_night_that_was_due_there_is_no_rate() -> None:
    view = _view([firm_row(is_new=True, points=0, nights_due=0, nights_kept=0)])
    assert view.nights.rate is None
    assert not view.nights.is_short


def test_more_nights_than_were_due_make_up_for_nobody_elses() -> None:
    assert _view([firm_row("a", nights_due=30, nights_kept=31), firm_row("b", nights_kept=29)]).nights == Nights(60, 59)


def test_an_incident_of_two_firms_is_counted_once_by_its_gravest_word() -> None:
    shared = open_incident(id="1", severity="warning")
    view = _view(
        open_incidents={
            "alder": (shared,),
            "zenith": (shared.model_copy(update={"severity": "critical"}), open_incident(id="2")),
        },
        common_incidents=(open_incident(id="3", severity="warning"),),
    )
    assert view.severities == (("critical", 1), ("error", 1), ("warning", 1))


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_sorts_both_ways_and_its_head_turns_it(column: Any) -> None:
    once, turned = FleetQuery(sort=column), FleetQuery(sort=column, is_descending=True)
    assert sorted(_firms(_view(query=once))) == sorted(_firms(_view(query=turned)))
    for query, word in ((once, "ascending"), (turned, "descending")):
        heads = [head for head in _view(query=query).heads if head.sort]
        assert [head.sort for head in heads] == [word]
        assert heads[0].query == FleetQuery(sort=column, is_descending=not query.is_descending)


@pytest.mark.parametrize(
    ("query", "firms"),
    [
        (FleetQuery(sort="rpo", is_descending=True), ["unseen", "badly", "slightly"]),
        (FleetQuery(sort="firm"), ["alder", "badly", "fresh"]),
        (FleetQuery(sort="firm", is_descending=True), ["zenith", "unseen", "slightly"]),
        (FleetQuery(sort="state", is_descending=True), ["alder", "zenith", "fresh"]),
    ],
)
def test_what_is_unknown_stands_where_the_worst_does(query: FleetQuery, firms: list[str]) -> None:
    assert _firms(_view(query=query))[:3] == firms


def test_a_point_that_never_came_is_older_than_any() -> None:
    rows = [firm_row("a"), firm_row("b", last_point_at=None), firm_row("c", last_point_at=LONG_AGO - timedelta(days=9))]
    assert _firms(_view(rows, FleetQuery(sort="point"))) == ["b", "c", "a"]
    assert _firms(_view(rows, FleetQuery(sort="point", is_descending=True))) == ["a", "c", "b"]


def test_graver_incidents_weigh_more_than_many() -> None:
    incidents: dict[str, tuple[OpenIncident, ...]] = {
        "alder": (open_incident(id="1", severity="warning"), open_incident(id="2", severity="warning")),
        "zenith": (open_incident(id="3", severity="critical"),),
    }
    query = FleetQuery(sort="incidents", is_descending=True)
    assert _firms(_view(query=query, open_incidents=incidents))[:2] == ["zenith", "alder"]


def test_a_pass_that_is_late_is_said_to_be() -> None:
    assert _view().passed == "The last pass ended 2 min ago."
    assert _view().late == ()
    late = _view(passes=(_pass("default", LONG_AGO),))
    assert late.passed == "The last pass ended 3 h ago."
    assert late.late == ("The watch is late: the last pass of queue default ended 3 h ago; one is due every 5 min.",)


def _pass(queue: str, ended_at: Any) -> Pass:
    return Pass(queue=queue, began_at=ended_at, ended_at=ended_at)


def test_a_queue_that_nobody_is_watched_by_any_more_is_not_late() -> None:
    passes = (_pass("default", LOOKED), _pass("site-7", LONG_AGO))
    assert _view([firm_row()], passes=passes).late == ()
    waiting = _view([firm_row(), firm_row("b", seen_at=LONG_AGO)], passes=passes)
    assert waiting.late == ("The watch is late: the last pass of queue site-7 ended 3 h ago; one is due every 5 min.",)


def test_unknown_firms_are_counted_also_where_they_are_at_risk_for_what_is_known() -> None:
    rows = [
        *FLEET,
        _over("half", 9000.0).model_copy(
            update={"vaults": (vault_cell("primary", rpo_s=9000.0), vault_cell("replica", rpo_s=None))}
        ),
    ]
    assert _view().unknown == 1
    assert _view(rows).unknown == 2
    assert _view([firm_row()]).unknown == 0


@pytest.mark.parametrize(
    ("rows", "seen", "empty"),
    [
        ((), {"passes": ()}, "no pass"),
        ((), {}, "no firm"),
        ((firm_row(),), {}, None),
    ],
)
def test_why_nobody_is_shown(rows: tuple[FirmRow, ...], seen: dict[str, Any], empty: str | None) -> None:
    assert _view(rows, **seen).firms.empty == empty


def test_nobody_that_one_may_see_and_nobody_who_matches() -> None:
    seen: FleetSeen = fleet_seen(FLEET)
    assert fleet_view(seen, frozenset(), FleetQuery(), NOW).firms.empty == "none allowed"
    assert _view(query=FleetQuery(q="nobody")).firms.empty == "none found"


def test_what_the_address_names_and_nobody_has_can_be_taken_back() -> None:
    view = _view(query=FleetQuery(tiers=("gold",)))
    assert [(each.value, each.is_chosen) for each in view.firms.tiers] == [
        ("gold", True),
        ("mid-size", False),
        ("small", False),
    ]


def test_an_incident_that_is_shared_names_no_firm_that_one_may_not_see() -> None:
    shared = open_incident(subject="bucket badly-primary does not answer")
    seen = fleet_seen(FLEET, open_incidents={"alder": (shared,), "badly": (shared,)})
    (line,) = fleet_view(seen, frozenset({"alder"}), FleetQuery(), NOW).lines
    assert line.why == "incident: bucket another firm does not answer"
    whole = fleet_view(seen, frozenset(row.firm for row in FLEET), FleetQuery(q="alder"), NOW)
    assert whole.lines[0].why == "incident: bucket badly-primary does not answer"


def test_a_pass_that_is_dated_ahead_is_a_clocks_fault() -> None:
    view = _view(passes=(_pass("default", NOW + timedelta(hours=3)),))
    assert view.passed == "The last pass is dated in 3 h: a clock is wrong."
    assert _view(passes=(_pass("default", NOW + timedelta(seconds=20)),)).passed == "The last pass ended 0 s ago."
