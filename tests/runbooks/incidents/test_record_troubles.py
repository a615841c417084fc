"""How often on-call hears of it: pass after pass through a real store, by a clock that the test turns."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Scope, Trouble
from muniment.errors import InvalidRequest, WatchStoreUnavailable
from muniment.runbooks.incidents.answer import (
    Silenced,
    acknowledge,
    find,
    resolve,
    resolve_by_hand,
    silence,
    unsilence,
)
from muniment.runbooks.incidents.record_troubles import record_troubles
from tests.support.kept_watch import ACME, KeptWatch
from tests.support.troubles import PASS, START, judged, trouble

THOUSAND = tuple(f"firm-{number:04d}" for number in range(1000))
BAD = trouble("acme")


@pytest.fixture
def watch(tmp_path: Path) -> KeptWatch:
    return KeptWatch(tmp_path / "watch.sqlite")


def opened(watch: KeptWatch) -> str:
    assert watch.look(BAD) == []
    assert watch.look(BAD) == ["opened"]
    (incident,) = watch.store.incidents(open_only=True)
    return incident.id


def test_a_thousand_firms_that_lose_a_region_are_one_page(watch: KeptWatch) -> None:
    all_of_them = judged(THOUSAND)
    bad = [trouble(firm, cause) for firm in THOUSAND for cause in ("vault-unseen", "wal-at-risk")]
    assert watch.look(*bad, judged=all_of_them) == []
    assert watch.look(*bad, judged=all_of_them) == ["opened"]
    assert [watch.look(*bad, judged=all_of_them) for _ in range(2)] == [[], []]
    assert [watch.look(judged=all_of_them) for _ in range(4)] == [[], [], ["resolved"], []]
    told = watch.undelivered()
    assert [(each.kind, len(each.firms)) for each in told] == [("opened", 1000), ("resolved", 1000)]


def test_a_thousand_firms_that_share_nothing_are_a_thousand(watch: KeptWatch) -> None:
    all_of_them = judged(THOUSAND)
    bad = [trouble(firm, scopes=()) for firm in THOUSAND]
    watch.look(*bad, judged=all_of_them)
    assert Counter(watch.look(*bad, judged=all_of_them)) == {"opened": 1000}
    assert watch.look(*bad, judged=all_of_them) == []


def test_a_fault_that_flaps_every_pass_for_an_hour_is_one_page_and_one_note(watch: KeptWatch) -> None:
    told = [kind for number in range(12) for kind in watch.look(*([] if number % 2 else [BAD]))]
    assert told == ["opened", "flapping"]
    assert [each.kind for each in watch.undelivered()] == told


def test_seven_days_unrepaired_are_one_notice_a_day(watch: KeptWatch) -> None:
    """Each pass of them is counted in tests/domain/incidents/test_lifecycle.py."""
    told = watch.look(BAD)
    told += [kind for _ in range(7 * 12) for kind in watch.look(BAD, after=timedelta(hours=2))]
    assert told == ["opened", *["reminder"] * 6]


def test_the_end_is_told_to_whom_it_was_told_at_its_gravest(watch: KeptWatch) -> None:
    """By its route: a pager that was told of what is critical, and never that it is over, stays open."""
    for severity in ("error", "error", "critical", "warning", "warning"):
        watch.look(trouble("acme", severity=severity))
    for _ in range(3):
        watch.look()
    told = [(each.kind, each.severity) for each in watch.undelivered()]
    assert told == [("opened", "error"), ("worsened", "critical"), ("resolved", "critical")]
    for _ in range(2):
        watch.look(BAD)
    for _ in range(3):
        watch.look()
    watch.now += timedelta(minutes=5)
    told = [(each.kind, each.severity) for each in watch.undelivered()][3:]
    assert told == [("reopened", "error"), ("resolved", "error")]


def test_a_restart_of_the_watch_tells_nothing(watch: KeptWatch) -> None:
    opened(watch)
    for _ in range(4):
        watch.restart()
        assert watch.look(BAD) == []
    assert len(watch.undelivered()) == 1


def test_changes_and_what_is_told_of_them_are_kept_together_or_not_at_all(
    watch: KeptWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.look(BAD)

    def full(*_: object) -> None:
        raise WatchStoreUnavailable(place="there", reason="disk full")

    with monkeypatch.context() as broken:
        broken.setattr("muniment.adapters.watch.book.Book.enqueue", full)
        with pytest.raises(WatchStoreUnavailable):
            watch.look(BAD)
    (incident,) = watch.store.incidents(open_only=True)
    assert incident.state == "observed"
    assert watch.look(BAD) == ["opened"]


def test_two_passes_at_once_tell_it_once(watch: KeptWatch) -> None:
    watch.look(BAD)
    watch.now += PASS
    told: list[Sequence[Notice]] = []

    def one_pass() -> None:
        told.append(record_troubles(WatchStore.open(str(watch.file)), [BAD], ACME, clock=watch.clock))

    passes = [threading.Thread(target=one_pass) for _ in range(4)]
    for each in passes:
        each.start()
    for each in passes:
        each.join()
    assert [notice.kind for notices in told for notice in notices] == ["opened"]


def test_who_acknowledges_is_told_to_the_others_and_hears_no_more_until_then(watch: KeptWatch) -> None:
    incident = opened(watch)
    mine = acknowledge(watch.store, incident, until=watch.now + timedelta(days=3), by="ann", clock=watch.clock)
    assert (mine.state, mine.acknowledged_by) == ("acknowledged", "ann")
    told = [kind for _ in range(10) for kind in watch.look(BAD, after=timedelta(hours=6))]
    assert told == []
    assert [each.kind for each in watch.undelivered()] == ["opened", "acknowledged"]
    assert [watch.look() for _ in range(3)] == [[], [], ["resolved"]]
    with pytest.raises(InvalidRequest) as refused:
        acknowledge(watch.store, incident, until=watch.now + timedelta(days=3), by="ann", clock=watch.clock)
    assert refused.value.what == f"1 fault in what was asked for:\nincident {incident} is resolved"


@pytest.mark.parametrize("days", [0, -1])
def test_nothing_is_acknowledged_until_yesterday(watch: KeptWatch, days: int) -> None:
    incident = opened(watch)
    with pytest.raises(InvalidRequest):
        acknowledge(watch.store, incident, until=watch.now + timedelta(days=days), by="ann", clock=watch.clock)


def test_a_silence_has_an_end_an_author_and_a_reason_and_can_be_ended(watch: KeptWatch) -> None:
    until = watch.now + timedelta(days=1)
    made = silence(watch.store, Silenced(firm="acme"), until=until, by="ann", why="they move house", clock=watch.clock)
    assert [watch.look(BAD) for _ in range(4)] == [[]] * 4
    unsilence(watch.store, made.id, clock=watch.clock)
    assert watch.look(BAD) == ["opened"]
    with pytest.raises(InvalidRequest):
        unsilence(watch.store, made.id, clock=watch.clock)
    with pytest.raises(InvalidRequest):
        silence(watch.store, Silenced(), until=until, by="ann", why="peace", clock=watch.clock)
    with pytest.raises(InvalidRequest):
        silence(watch.store, Silenced(firm="acme"), until=START, by="ann", why="peace", clock=watch.clock)


def failed(firm: str) -> Trouble:
    dag = Scope(kind="dag", name=f"{firm}__backup")
    return trouble(firm, "task-failed", scopes=(dag,), opens_at_once=True)


def test_a_failed_task_is_over_when_its_dag_succeeds(watch: KeptWatch) -> None:
    assert watch.look(failed("acme"), judged=Judged()) == ["opened"]
    assert watch.look(failed("beta"), judged=Judged()) == ["opened"]
    dag = Scope(kind="dag", name="acme__backup")
    (over,) = resolve(watch.store, "task-failed", dag, why="it succeeded", by="acme__backup", clock=watch.clock)
    assert [each.firm for each in over.members] == ["acme"]
    assert resolve(watch.store, "task-failed", dag, why="again", by="acme__backup", clock=watch.clock) == ()
    assert [each.kind for each in watch.undelivered()] == ["opened", "opened", "resolved"]
    (left,) = watch.store.incidents(open_only=True)
    resolve_by_hand(watch.store, left.id, by="ann", why="not needed", clock=watch.clock)
    assert [each.what for each in find(watch.store, left.key).changes] == ["opened", "resolved by hand: not needed"]
    assert watch.store.incidents(open_only=True) == []


def test_the_clocks_reading_is_taken_when_the_book_is_ours(watch: KeptWatch) -> None:
    """Who waits for another pass would otherwise come before it."""
    with watch.store.book():
        reader = threading.Thread(target=watch.look, args=(BAD,))
        reader.start()
        time.sleep(0.2)
        watch.now += timedelta(hours=1)
    reader.join()
    (incident,) = watch.store.incidents(open_only=True)
    assert incident.observed_at >= START + timedelta(hours=1)
