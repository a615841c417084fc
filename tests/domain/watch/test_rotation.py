"""Each firm is looked at as a whole within the hour, and no pass has to look at all of them."""

from datetime import timedelta

from muniment.domain.watch.duty import DutyState
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import PASS_EVERY
from muniment.domain.watch.rotation import WHOLE_EVERY, due_as_a_whole
from tests.support.fleets import NOW, seen_nothing


def read_at(firm: str, age: timedelta) -> FirmSeen:
    return seen_nothing(firm).model_copy(update={"evidence": Evidence(read_at=NOW - age)})


def test_within_an_hour_each_of_a_thousand_is_read_and_no_pass_reads_many() -> None:
    firms: dict[str, FirmSeen | None] = {f"firm-{number:04d}": None for number in range(1000)}
    oldest, most = timedelta(0), 0
    for number in range(60):
        now = NOW + number * PASS_EVERY
        due = due_as_a_whole(firms, now)
        most = max(most, len(due))
        firms |= {firm: seen_nothing(firm).model_copy(update={"evidence": Evidence(read_at=now)}) for firm in due}
        if number > 11:
            oldest = max(oldest, *(now - seen.evidence.read_at for seen in firms.values() if seen and seen.evidence))
    assert most == 91
    assert oldest <= WHOLE_EVERY


def test_who_was_never_read_comes_first_then_who_waits_longest() -> None:
    ages = {f"firm-{number:02d}": timedelta(minutes=50 + number) for number in range(20)}
    firms = {firm: read_at(firm, age) for firm, age in ages.items()} | {"new": None}
    due = due_as_a_whole(firms, NOW)
    assert due == {"new", *(f"firm-{number:02d}" for number in range(11, 20))}


def test_one_that_was_read_lately_is_left_alone() -> None:
    assert due_as_a_whole({"firm": read_at("firm", timedelta(minutes=45))}, NOW) == frozenset()


def test_a_clock_that_went_back_makes_nobody_wait() -> None:
    assert due_as_a_whole({"firm": read_at("firm", timedelta(hours=-5))}, NOW) == {"firm"}


def test_who_would_be_called_missing_is_read_before() -> None:
    """Half an hour after it was read a night's grace has ended, and its point may have come meanwhile."""
    seen = read_at("firm", timedelta(minutes=30))
    ended, runs = NOW - timedelta(minutes=10), NOW + timedelta(minutes=10)
    for grace, is_read in ((ended, True), (runs, False)):
        late = DutyState(firm="firm", duty="nightly point", state="late", due_at=None, grace_until=grace)
        firms = {"firm": seen.model_copy(update={"duties": (late,)})}
        assert due_as_a_whole(firms, NOW) == (frozenset({"firm"}) if is_read else frozenset())


def test_firms_that_nobody_can_read_keep_no_other_one_from_its_turn() -> None:
    """Fifty without connections, or of a region that is away: they are due in every pass, and are tried last."""
    unread = {f"a-{number:02d}" for number in range(50)}
    firms: dict[str, FirmSeen | None] = {each: None for each in (*unread, *(f"z-{number:02d}" for number in range(30)))}
    for number in range(30):
        now = NOW + number * PASS_EVERY
        for firm in due_as_a_whole(firms, now):
            read = None if firm in unread else Evidence(read_at=now)
            firms[firm] = seen_nothing(firm).model_copy(update={"evidence": read, "whole_at": now})
        if number > 11:
            read_at = [seen.evidence.read_at for seen in firms.values() if seen and seen.evidence]
            assert len(read_at) == 30
            assert now - min(read_at) <= WHOLE_EVERY
