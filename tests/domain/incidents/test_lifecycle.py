"""One incident from its first bad pass to its end: what is told of it, and how often."""

from datetime import timedelta

import pytest

from muniment.domain.incidents.incident import Silence
from muniment.domain.incidents.lifecycle import acknowledged
from tests.support.troubles import START, Watching, judged, trouble

KEY = "wal-at-risk.firm.acme"
BAD = trouble("acme")
OPENED, RESOLVED, REMINDED = [("opened", KEY)], [("resolved", KEY)], [("reminder", KEY)]


@pytest.fixture
def watch() -> Watching:
    return Watching("acme", "beta")


def opened(watch: Watching) -> Watching:
    assert watch.look(BAD) == []
    assert watch.look(BAD) == OPENED
    return watch


def silence(watch: Watching, lasting: timedelta, **what: str) -> None:
    named = {"firm": None, "cause": None, "key": None} | what
    watch.silences.append(Silence(id="s", **named, until=watch.now + lasting, by="ann", why="works", made_at=watch.now))


def test_one_bad_pass_is_observed_the_second_opens_three_good_ones_resolve(watch: Watching) -> None:
    assert watch.look(BAD) == []
    assert watch.the(KEY).state == "observed"
    assert watch.look(BAD) == OPENED
    assert watch.the(KEY).opened_at == watch.now
    assert [watch.look() for _ in range(3)] == [[], [], RESOLVED]
    assert watch.the(KEY).resolved_at == watch.now
    assert [change.what for change in watch.the(KEY).changes] == ["opened", "resolved: good in 3 passes"]
    assert [watch.look() for _ in range(3)] == [[], [], []]


def test_what_was_bad_once_is_put_away_without_a_word(watch: Watching) -> None:
    assert [watch.look(*bad) for bad in ([BAD], [], [], [])] == [[]] * 4
    assert watch.the(KEY).state == "resolved"
    assert watch.look(BAD) == OPENED  # within half an hour of the first one
    assert len(watch.incidents) == 1


def test_two_bad_passes_count_within_half_an_hour(watch: Watching) -> None:
    watch.look(BAD)
    for _ in range(7):
        watch.look()
    assert watch.look(BAD) == []
    assert watch.look(BAD) == OPENED


def test_two_bad_passes_in_a_row_count_however_long_the_watch_was_away(watch: Watching) -> None:
    assert watch.look(BAD) == []
    assert watch.look(BAD, after=timedelta(hours=6)) == OPENED


def test_what_opens_at_once_needs_no_second_pass(watch: Watching) -> None:
    assert watch.look(trouble("acme", "another-database", opens_at_once=True, severity="critical")) == [
        ("opened", "another-database.firm.acme")
    ]


def test_a_pass_that_could_not_judge_is_neither_good_nor_bad(watch: Watching) -> None:
    opened(watch)
    nothing = judged(["acme"], causes=["vault-unseen"])
    assert [watch.look(judged=nothing) for _ in range(12)] == [[]] * 12
    assert watch.the(KEY).state == "open"
    assert [watch.look(), watch.look(judged=nothing), watch.look(), watch.look()] == [[], [], [], RESOLVED]


def test_passes_of_several_queues_that_begin_together_are_one_look(watch: Watching) -> None:
    assert watch.look(BAD) == []
    assert watch.look(BAD, after=timedelta(seconds=20)) == []
    assert watch.look(BAD) == OPENED


def test_back_within_a_day_it_is_the_same_incident_and_one_note(watch: Watching) -> None:
    opened(watch)
    for _ in range(3):
        watch.look()
    first = watch.the(KEY).id
    assert watch.look(BAD, after=timedelta(hours=20)) == []
    assert watch.look(BAD) == [("reopened", KEY)]
    assert watch.the(KEY).id == first
    assert [watch.look() for _ in range(3)] == [[], [], RESOLVED]


def test_back_after_a_day_it_is_a_new_one_with_the_same_key(watch: Watching) -> None:
    opened(watch)
    for _ in range(3):
        watch.look()
    first = watch.the(KEY)
    watch.look(BAD, after=timedelta(hours=25))
    assert watch.look(BAD) == OPENED
    assert watch.the(KEY).key == first.key
    assert watch.the(KEY).id != first.id


def test_a_fault_that_flaps_every_pass_for_an_hour_is_one_page_and_one_note(watch: Watching) -> None:
    told = [kind for number in range(12) for kind, _ in watch.look(*([] if number % 2 else [BAD]))]
    assert told == ["opened", "flapping"]
    quiet = [kind for _ in range(15) for kind, _ in watch.look()]
    assert quiet == ["resolved"]  # once it was good for an hour


def test_what_flapped_and_stays_bad_is_reminded_of_as_any_other(watch: Watching) -> None:
    told = [kind for number in range(13) for kind, _ in watch.look(*([] if number % 2 else [BAD]))]
    told += [kind for _ in range(288) for kind, _ in watch.look(BAD)]
    assert told == ["opened", "flapping", "reminder"]


def test_seven_days_unrepaired_are_one_notice_a_day(watch: Watching) -> None:
    told = [kind for _ in range(7 * 288) for kind, _ in watch.look(BAD)]
    assert told == ["opened", *["reminder"] * 6]


def test_what_gets_worse_is_told_and_what_gets_better_is_not(watch: Watching) -> None:
    opened(watch)
    worse, better = trouble("acme", severity="critical"), trouble("acme", severity="warning")
    assert watch.look(worse) == [("worsened", KEY)]
    assert watch.look(better) == []
    assert watch.the(KEY).severity == "warning"
    assert watch.look(worse) == []  # they know


def test_who_has_it_in_hand_hears_nothing_more_of_it_until_then_but_its_end(watch: Watching) -> None:
    opened(watch)
    watch.keep(acknowledged(watch.the(KEY), "ann", watch.now + timedelta(days=2), watch.now))
    told = [kind for _ in range(2 * 288 + 1) for kind, _ in watch.look(BAD)]
    assert told == ["reminder"]  # when the two days are over
    assert watch.the(KEY).state == "open"
    assert watch.the(KEY).acknowledged_by is None
    watch.keep(acknowledged(watch.the(KEY), "ann", watch.now + timedelta(days=2), watch.now))
    assert [watch.look() for _ in range(3)] == [[], [], RESOLVED]


def test_a_silence_keeps_everything_back_and_what_is_still_bad_at_its_end_is_told_once(watch: Watching) -> None:
    silence(watch, timedelta(hours=1), firm="acme")
    assert [watch.look(BAD) for _ in range(11)] == [[]] * 11
    assert watch.look(BAD) == OPENED
    assert watch.look(BAD) == []


def test_a_silence_of_what_was_told_before_is_told_once_at_its_end(watch: Watching) -> None:
    opened(watch)
    silence(watch, timedelta(hours=1), cause="wal-at-risk")
    assert [watch.look(BAD) for _ in range(11)] == [[]] * 11
    assert watch.look(BAD) == REMINDED
    assert watch.look(BAD) == []


def test_what_began_and_ended_in_a_silence_was_never_told_so_neither_is_its_end(watch: Watching) -> None:
    silence(watch, timedelta(hours=1), key=None, firm="acme")
    for _ in range(3):
        watch.look(BAD)
    assert [watch.look() for _ in range(20)] == [[]] * 20
    assert watch.the(KEY).state == "resolved"


def test_the_end_of_what_was_told_is_told_in_a_silence_too(watch: Watching) -> None:
    opened(watch)
    silence(watch, timedelta(hours=1), firm="acme")
    assert [watch.look() for _ in range(3)] == [[], [], RESOLVED]


def test_a_silence_of_one_firm_is_none_of_what_others_have_too(watch: Watching) -> None:
    silence(watch, timedelta(hours=1), firm="acme")
    both = [trouble("acme"), trouble("beta")]
    assert [watch.look(*both) for _ in range(2)] == [[], [("opened", "wal-at-risk.region.us-east-2")]]


@pytest.mark.parametrize("jump", [timedelta(days=-30), timedelta(hours=-1), timedelta(hours=1), timedelta(days=30)])
def test_a_clock_that_jumps_and_is_put_right_tells_at_most_one_reminder(watch: Watching, jump: timedelta) -> None:
    opened(watch)
    for _ in range(3):
        watch.look()
    over = watch.the(KEY).id
    other = trouble("beta")
    watch.look(other), watch.look(other)
    told = watch.look(other, after=jump)
    told += [each for _ in range(20) for each in watch.look(other)]
    told += watch.look(other, after=-jump)
    told += [each for _ in range(20) for each in watch.look(other)]
    assert len(told) <= 1
    assert watch.incidents[over].state == "resolved"
    day = [kind for _ in range(288) for kind, _ in watch.look(other)]
    assert day == ["reminder"]


def test_a_clock_that_goes_back_reopens_nothing_and_forgets_nothing(watch: Watching) -> None:
    opened(watch)
    for _ in range(3):
        watch.look()
    watch.look(after=timedelta(days=-2))
    assert watch.the(KEY).state == "resolved"
    watch.look(BAD)
    assert watch.look(BAD) == [("reopened", KEY)]
    assert len(watch.incidents) == 1
    assert watch.the(KEY).observed_at > START
