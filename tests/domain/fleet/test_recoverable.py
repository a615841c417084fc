"""Which instants come back: windows as they are today, not as they were registered."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.instant_view import instant_view
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.recoverable import Held, held_by_each, point_in_time_window
from muniment.domain.fleet.span import Span
from muniment.domain.fleet.time_line import LEFT, RIGHT, TimeLine, time_line
from muniment.domain.fleet.verdict import verdict_of
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.wal_held import NAMED
from tests.support.fleet_rows import firm_row, vault_cell
from tests.support.recovery_pictures import (
    DAY,
    HOUR,
    MIB,
    NOW,
    firm_seen,
    history,
    lsn_at,
    night,
    nightly,
    picture,
    vault_seen,
    whole_picture,
    window,
)
from tests.support.recovery_stocks import wal_stock

MINUTE = timedelta(minutes=1)


def held(known: FirmPicture, now: datetime = NOW) -> Held:
    """Of the primary vault."""
    return held_by_each(known.seen, known.row, known.history, now)[0]


def drawn(known: FirmPicture, span: Span) -> TimeLine:
    both = held_by_each(known.seen, known.row, known.history, NOW)
    return time_line(known, both, Frame("", NOW), span, span, ())


@st.composite
def pictures(draw: st.DrawFn) -> FirmPicture:
    """Nights and windows with holes between them, of up to three weeks; some of the WAL went, or nobody knows."""
    edges = draw(st.lists(st.integers(1, 500), min_size=2, max_size=10, unique=True))
    instants = sorted(NOW - hours * HOUR for hours in edges)
    windows = [window(begin, end) for begin, end in zip(instants[::2], instants[1::2], strict=False)]
    more = draw(st.lists(st.integers(1, 500), max_size=6, unique=True))
    taken = sorted({each.start_at for each in windows} | {NOW - hours * HOUR - MINUTE for hours in more})
    nights = [night(at) for at in taken]
    risk = draw(st.sampled_from([0.0, 600.0, None]))
    gone = draw(st.lists(st.integers(0, len(taken) - 1), min_size=2, max_size=2))
    first, last = sorted(gone)
    stock = wal_stock("primary", NOW - HOUR / 2, taken[first], taken[last])
    stocks = draw(st.sampled_from([(), (stock,)]))
    promised = draw(st.sampled_from(["none", "7 days", "90 days"]))
    seen = firm_seen(vault_seen("primary", windows, rpo_s=risk), promised=promised)
    return picture(seen, history(nights, stocks=stocks))


@settings(max_examples=40)
@given(pictures())
def test_what_is_drawn_is_apart_and_to_scale(known: FirmPicture) -> None:
    span = Span(NOW - 21 * DAY, NOW)
    bars = [bar for bar in drawn(known, span).bars if bar.lane == "primary"]
    for bar in bars:
        assert bar.width >= 0
        begin, end = (LEFT + span.share(at) * (RIGHT - LEFT) for at in (bar.begins_at, bar.ends_at))
        assert abs(bar.x - max(begin, LEFT)) < 0.02
        assert abs(bar.x + bar.width - min(end, RIGHT)) < 0.03
    for earlier, later in pairwise(sorted(bars, key=lambda bar: (bar.x, bar.x + bar.width))):
        assert earlier.ends_at <= later.begins_at


@settings(max_examples=40)
@given(pictures(), st.integers(-60, 30_000))
def test_an_instant_comes_back_if_it_lies_in_a_bar_or_is_a_points(known: FirmPicture, minutes: int) -> None:
    span = Span(NOW - 22 * DAY, NOW)
    points = known.history.nights if known.history else ()
    bars = [bar for bar in drawn(known, span).bars if bar.kind == "window"]
    edges = [edge for bar in bars for edge in (bar.begins_at, bar.ends_at)]
    for at in (NOW - minutes * MINUTE, *edges, *(each.taken_at for each in points)):
        is_drawn = any(bar.begins_at <= at <= bar.ends_at for bar in bars) or any(p.taken_at == at for p in points)
        view = instant_view(known, Frame("", NOW), at)
        assert view.is_recoverable == (is_drawn and at <= NOW)


def test_the_last_window_goes_on_as_far_as_the_wal_does() -> None:
    nights = nightly(3)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    for risk, reaches_at in ((0.0, NOW), (600.0, NOW - 10 * MINUTE)):
        known = picture(firm_seen(vault_seen("primary", windows, rpo_s=risk)), history(nights))
        assert held(known).reaches_at == reaches_at
    unknown = picture(firm_seen(vault_seen("primary", windows, rpo_s=None)), history(nights))
    assert held(unknown).reaches_at == nights[-1].registered_at
    behind = vault_seen("primary", windows).held
    assert behind is not None
    lost = behind.model_copy(update={"number": lsn_at(nights[0].taken_at).offset_bytes // MIB})
    nothing = picture(firm_seen(vault_seen("primary", windows, rpo_s=None, held=lost)), history(nights))
    assert held(nothing).reaches_at is None
    row = firm_row(vaults=(vault_cell("primary", seen_at=NOW, recoverable_to=NOW - HOUR),))
    by_line = picture(firm_seen(vault_seen("primary", windows)), history(nights), row=row)
    assert held(by_line).reaches_at == NOW - HOUR


def test_wal_that_a_nights_expiry_took_leaves_points_alone() -> None:
    nights = nightly(6)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    stock = wal_stock("primary", nights[-1].registered_at + MINUTE, nights[0].registered_at, nights[2].began_at)
    known = picture(firm_seen(vault_seen("primary", windows), promised="2 days"), history(nights, stocks=(stock,)))
    found = held(known)
    assert [(each.begins_at, each.ends_at, each.kind) for each in found.gaps] == [
        (nights[0].taken_at, nights[2].taken_at, "points alone")
    ]
    assert [(each.begins_at, each.ends_at) for each in found.stretches] == [(nights[2].taken_at, NOW)]


def test_wal_of_before_the_newest_points_expiry_is_in_its_windows_already() -> None:
    nights = nightly(6)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    before = wal_stock("primary", nights[-2].registered_at + MINUTE, nights[0].registered_at, nights[2].began_at)
    stocks = (before, wal_stock("primary", nights[-1].registered_at + MINUTE, None, None))
    known = picture(firm_seen(vault_seen("primary", windows)), history(nights, stocks=stocks))
    assert [each.begins_at for each in held(known).stretches] == [nights[0].taken_at]


def test_an_expiry_that_nobody_has_read_of_may_have_taken_what_is_older_than_the_policys_window() -> None:
    nights = nightly(6)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    old = (wal_stock("primary", nights[-2].registered_at + MINUTE, None, None),)
    seen = firm_seen(vault_seen("primary", windows), promised="2 days")
    # The point is known, or it is known by the windows alone that a look has read of it.
    for known in (nights, nights[:-1]):
        gaps = held(picture(seen, history(known, stocks=old))).gaps
        assert [(each.kind, each.ends_at) for each in gaps] == [("unsure", nights[3].taken_at)]
    unread = history(nights, stocks=(wal_stock("primary", NOW - HOUR, None, None),), read_at=NOW - DAY)
    assert [each.kind for each in held(picture(seen, unread)).gaps] == ["unsure"]


def test_where_nobody_tells_of_expiry_only_what_the_policy_promises_is_sure() -> None:
    nights = nightly(6)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    for promised, begins_at in (("2 days", nights[3].taken_at), ("none", nights[5].taken_at)):
        known = picture(firm_seen(vault_seen("primary", windows), promised=promised), history(nights))
        assert [each.kind for each in held(known).gaps] == ["unsure"]
        assert [each.begins_at for each in held(known).stretches] == [begins_at]
    unpromised = picture(firm_seen(vault_seen("primary", windows), definition={}), history(nights))
    assert point_in_time_window(unpromised.seen) is None
    assert held(unpromised).stretches == ()


def test_old_wal_that_somebody_removed_is_a_hole_from_point_to_point() -> None:
    nights = nightly(4)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    segment = WalSegment.holding(lsn_at(nights[1].taken_at + HOUR), 1, MIB)
    seen = vault_seen("primary", windows)
    assert seen.held is not None
    hurt = seen.model_copy(update={"held": seen.held.model_copy(update={"missing_before": (segment.name,)})})
    stock = wal_stock("primary", NOW - HOUR, None, None)
    found = held(picture(firm_seen(hurt), history(nights, stocks=(stock,))))
    assert [(each.begins_at, each.ends_at, each.kind) for each in found.gaps] == [
        (nights[1].taken_at, nights[2].taken_at, "hole")
    ]


def without(names: Iterable[str], **changed: Any) -> FirmPicture:
    """Four nights, of which the WAL ``names`` is gone."""
    nights = nightly(4)
    seen = vault_seen("primary", [window(nights[0].taken_at, nights[-1].registered_at)])
    assert seen.held is not None
    first = lsn_at(nights[-1].taken_at - 10 * MINUTE).offset_bytes // MIB
    line = {"first": first, "missing_before": tuple(names), **changed}
    hurt = seen.model_copy(update={"held": seen.held.model_copy(update=line)})
    own = (night(each.taken_at, first_segment=segment(each.taken_at - 10 * MINUTE)) for each in nights)
    return picture(firm_seen(hurt), history(own, stocks=(wal_stock("primary", NOW - HOUR, None, None),)))


def segment(at: datetime) -> str:
    return WalSegment.holding(lsn_at(at), 1, MIB).name


def test_of_more_missing_wal_than_a_look_names_the_rest_is_in_doubt() -> None:
    nights = nightly(4)
    begin = nights[0].taken_at + HOUR
    named = [segment(begin + number * MINUTE) for number in range(NAMED)]
    sure, doubtful = (held(without(each)) for each in (named[:-1], named))
    assert [each.kind for each in sure.gaps] == ["hole"]
    assert sure.stretch_at(nights[2].taken_at + HOUR)
    assert doubtful.stretch_at(nights[2].taken_at + HOUR) is None
    assert doubtful.stretches[-1].begins_at == nights[3].taken_at
    assert [verdict_of(doubtful, each.taken_at, NOW, "UTC").kind for each in nights] == [
        "point",
        "unsure",
        "unsure",
        "point",
    ]


def test_a_point_whose_own_wal_is_gone_does_not_come_back_and_nothing_goes_on_from_it() -> None:
    nights = nightly(4)
    of_its_backup = segment(nights[1].taken_at - 5 * MINUTE)
    found = held(without([of_its_backup]))
    assert [(each.begins_at, each.ends_at) for each in found.gaps] == [(nights[0].taken_at, nights[2].taken_at)]
    told = verdict_of(found, nights[1].taken_at, NOW, "UTC")
    assert (told.kind, told.why) == ("hole", f"WAL that recovery point {nights[1].point} was taken with is missing")
    view = instant_view(without([of_its_backup]), Frame("", NOW), nights[1].taken_at + HOUR)
    assert [each.point for each in (view.vaults[0].before, view.vaults[0].after) if each] == [
        nights[0].point,
        nights[2].point,
    ]


def test_the_newest_point_needs_its_own_wal_too() -> None:
    newest = nightly(4)[-1]
    lost = (segment(newest.taken_at - 5 * MINUTE),)
    found = held(without((), missing=lost, missing_since=NOW - HOUR, was_held=True))
    assert verdict_of(found, newest.taken_at, NOW, "UTC").kind == "hole"


def test_a_gap_between_windows_is_a_hole_unless_the_policy_lets_wal_go_there() -> None:
    nights = nightly(4)
    windows = [
        window(nights[0].taken_at, nights[0].registered_at),
        window(nights[1].taken_at, nights[1].taken_at + HOUR),
        window(nights[2].taken_at, nights[3].registered_at),
    ]
    stock = wal_stock("primary", NOW - HOUR, None, None)
    for promised, kinds in (("90 days", ["hole", "hole"]), ("2 days", ["points alone", "hole"])):
        known = picture(firm_seen(vault_seen("primary", windows), promised=promised), history(nights, stocks=(stock,)))
        assert [each.kind for each in held(known).gaps] == kinds


def test_the_replica_has_its_own_points() -> None:
    nights = (night(NOW - 2 * DAY), night(NOW - DAY, in_replica=False))
    windows = [window(nights[0].taken_at, NOW)]
    seen = firm_seen(vault_seen("primary", windows), vault_seen("replica", windows))
    primary, replica = held_by_each(seen, None, history(nights), NOW)
    assert (len(primary.points), len(replica.points)) == (2, 1)


def test_a_cluster_that_was_replaced_and_a_timeline_that_was_left_are_told_apart() -> None:
    old = night(NOW - 9 * DAY, is_present=False)
    left = night(NOW - 3 * DAY, timeline=1, lsn=Lsn(lsn_at(NOW - 2 * DAY).offset_bytes))
    own = night(NOW - 4 * DAY), night(NOW - DAY, timeline=2)
    windows = [window(own[0].taken_at, own[1].registered_at, timeline=2)]
    seen = vault_seen("primary", windows)
    assert seen.held is not None
    branched = lsn_at(NOW - 4 * DAY + HOUR)
    line = seen.held.model_copy(update={"timeline": 2, "ancestors": ((1, branched),)})
    known = history((old, own[0], left, own[1]), windows=(window(old.taken_at, old.taken_at + HOUR), *windows))
    found = held(picture(firm_seen(seen.model_copy(update={"held": line})), known))
    assert found.points == own
    assert found.other_points == (old, left)
    assert [(each.begins_at, each.ends_at) for each in found.others] == [(old.taken_at, old.taken_at + HOUR)]


def test_an_old_look_makes_all_of_it_old() -> None:
    assert held(whole_picture()).is_current
    assert not held(whole_picture(), NOW + HOUR).is_current
    away = whole_picture(row=firm_row(vaults=(vault_cell("primary", seen_at=NOW, unseen="timed out"),)))
    assert not held(away).is_current


def test_until_a_look_has_read_the_newest_point_the_registers_windows_count() -> None:
    nights = nightly(3)
    windows = (window(nights[0].taken_at, nights[-1].registered_at),)
    row = firm_row(vaults=(vault_cell("primary", seen_at=NOW, recoverable_to=NOW),))
    known = picture(firm_seen(vault_seen("primary", ())), history(nights, windows=windows), row=row)
    assert [each.begins_at for each in held(known).stretches] == [nights[0].taken_at]
    assert held(picture(firm_seen(vault_seen("primary", ())), None)).stretches == ()
