from datetime import timedelta

from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.marks import CIRCLE, CROSS, RING, SQUARE, TRIANGLE
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.recoverable import held_by_each
from muniment.domain.fleet.span import Span
from muniment.domain.fleet.time_line import LANES, LEFT, RIGHT, TimeLine, time_line
from muniment.domain.incidents.incident import Member
from tests.support.recovery_pictures import (
    DAY,
    HOUR,
    NOW,
    drill_seen,
    firm_seen,
    history,
    night,
    nightly,
    picture,
    vault_seen,
    whole_picture,
    window,
)
from tests.support.watched import incident

FRAME = Frame("/airflow", NOW)
WHOLE = Span(NOW - 5 * DAY, NOW)


def drawn(known: FirmPicture, span: Span = WHOLE, **asked: object) -> TimeLine:
    held = held_by_each(known.seen, known.row, known.history, FRAME.now)
    return time_line(known, held, FRAME, span, WHOLE, **{"unwatched": (), **asked})  # type: ignore[arg-type]


def test_windows_are_bars_of_their_vaults_lane() -> None:
    nights = nightly(5)
    found = [bar for bar in drawn(whole_picture()).bars if bar.kind == "window"]
    assert [bar.lane for bar in found] == ["primary", "replica"]
    assert {(bar.begins_at, bar.ends_at) for bar in found} == {(nights[0].taken_at, NOW)}
    assert round(found[0].x + found[0].width, 2) == RIGHT


def test_what_happened_is_a_mark_in_time_order_with_a_form_of_its_own() -> None:
    nights = (
        night(NOW - 4 * DAY),
        night(NOW - 3 * DAY, kind="incremental", in_replica=False),
        night(NOW - 2 * DAY, lacks=("secret: not there",)),
        night(NOW - DAY, is_damaged=True),
    )
    drills = (
        drill_seen(1, NOW - 3.5 * DAY),
        drill_seen(2, NOW - 2.5 * DAY, passed=False),
        drill_seen(3, NOW - 1.5 * DAY, finished_at=None, did_not_finish=True),
    )
    known = picture(firm_seen(vault_seen("primary", ())), history(nights, drills=drills))
    marks = [placed.mark for placed in drawn(known).marks]
    assert [mark.at for mark in marks] == sorted(mark.at for mark in marks)
    points = [mark for mark in marks if mark.lane == "points"]
    assert [(mark.form, mark.css) for mark in points] == [
        (SQUARE, "two"),
        (CIRCLE, "one"),
        (TRIANGLE, "s-risk"),
        (CROSS, "s-lost"),
    ]
    assert points[1].told == "incremental, in the primary vault alone"
    assert points[0].href == "/airflow/recovery/firm/acme/at/2026-11-24T12%3A00%3A00Z"
    assert [(mark.told, mark.form) for mark in marks if mark.lane == "drills"][1:] == [
        ("failed, from the primary vault", CROSS),
        ("did not finish, from the primary vault", RING),
    ]


def test_an_incident_lasts_from_when_it_touched_the_firm_until_it_did_no_more() -> None:
    member = Member(firm="acme", since=NOW - 2 * DAY, last_seen_at=NOW, what="it is silent")
    told = incident(members=(member,), opened_at=NOW - 2 * DAY, observed_at=NOW - 2 * DAY)
    over = told.model_copy(
        update={"id": "over", "members": (member.model_copy(update={"well_since": NOW - DAY}),), "resolved_at": NOW}
    )
    others = told.model_copy(update={"id": "b", "members": (member.model_copy(update={"firm": "birch"}),)})
    observed = told.model_copy(update={"id": "c", "opened_at": None})
    found = drawn(whole_picture(incidents=(told, over, others, observed)))
    lasting = [bar for bar in found.bars if bar.kind == "lasting"]
    assert sorted((bar.begins_at, bar.ends_at) for bar in lasting) == [(NOW - 2 * DAY, NOW - DAY), (NOW - 2 * DAY, NOW)]
    assert {placed.mark.href.rpartition("/")[2] for placed in found.marks if placed.mark.lane == "incidents"} == {
        "over",
        told.id,
    }


def test_only_what_meets_the_span_is_drawn_and_cut_at_its_edges() -> None:
    span = Span(NOW - 2 * DAY, NOW - DAY)
    found = drawn(whole_picture(), span)
    assert {(bar.x, round(bar.x + bar.width, 2)) for bar in found.bars} == {(LEFT, RIGHT)}
    assert [placed.mark.at for placed in found.marks] == [NOW - DAY - 2 * HOUR]
    assert found.now_x is None
    assert all(LEFT <= placed.x <= RIGHT for placed in found.marks)


def test_when_nobody_looked_is_unknown_over_all_lanes() -> None:
    found = drawn(whole_picture(), unwatched=((NOW - 2 * DAY, NOW - DAY),))
    assert [(bar.css, bar.begins_at, bar.ends_at) for bar in found.unwatched] == [
        ("gap unknown", NOW - 2 * DAY, NOW - DAY)
    ]


def test_what_nobody_knows_is_drawn_as_unknown_and_never_left_white() -> None:
    never = vault_seen("primary", (), seen_at=None, held=None, rpo_s=None)
    bars = drawn(picture(firm_seen(never), None)).bars
    assert [(bar.kind, bar.x, round(bar.x + bar.width, 2)) for bar in bars] == [("unknown", LEFT, RIGHT)]
    old = whole_picture(now=NOW - DAY)
    late = [bar for bar in drawn(old).bars if bar.kind == "unknown"]
    assert {(bar.begins_at, bar.ends_at) for bar in late} == {(NOW - DAY, NOW)}


def test_the_table_says_what_is_drawn() -> None:
    nights = (night(NOW - 4 * DAY), night(NOW - DAY))
    windows = [window(each.taken_at, each.taken_at + HOUR) for each in nights]
    known = picture(firm_seen(vault_seen("primary", windows, rpo_s=3600.0)), history(nights))
    rows = [(row.at, row.ends_at, row.what, row.told) for row in drawn(known, unwatched=((NOW - HOUR, NOW),)).rows]
    assert rows == sorted(rows, key=lambda row: (row[0], row[2]))
    whats = [row[2] for row in rows]
    assert whats.count("The primary vault") == 4
    assert "The watch" in whats
    assert any(told.startswith("a hole") and ends == nights[1].taken_at for _, ends, _, told in rows)


def test_links_lead_elsewhere_and_an_instant_has_an_address() -> None:
    found = drawn(whole_picture())
    assert found.at_address == "/airflow/recovery/firm/acme/at/{instant}"
    assert (found.links[0].label, found.links[0].is_shown) == ("Whole", True)
    assert found.links[0].href == "/airflow/recovery/firm/acme"
    assert found.links[3].href.endswith("?from=2026-11-27T12%3A00%3A00Z&to=2026-11-28T12%3A00%3A00Z")
    assert list(found.lanes) == list(LANES)


def test_no_word_lies_over_the_one_of_now() -> None:
    ticks = drawn(whole_picture(), Span(NOW - timedelta(hours=12), NOW)).ticks
    assert ticks[-1].label == ""
    assert ticks[0].label != ""
