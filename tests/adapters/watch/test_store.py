"""One contract, two databases: a SQLite file and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from muniment.adapters.watch.store import WatchStore
from muniment.adapters.watch.tables import VERSION, VERSION_TABLE
from muniment.domain.fleet.history import ActSeen, FirmHistory
from muniment.domain.fleet.row import unread_row
from muniment.domain.incidents.incident import Delivery, Incident, Silence
from muniment.domain.incidents.trouble import Scope
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.duty import Duty, Suspension
from muniment.domain.watch.passes import Pass
from muniment.errors import WatchStoreNotReady, WatchStoreUnavailable
from tests.support.watched import LASTING, NOW, firm_row, firm_seen, incident, notice, sample

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def test_a_firm_comes_back_as_it_was_seen(store: WatchStore) -> None:
    assert store.firms() == {}
    acme, birch = firm_seen("acme"), firm_seen("birch", server=None, server_unseen="it is silent", vaults=())
    store.put_firms([birch, acme])
    assert list(store.firms().items()) == [("acme", acme), ("birch", birch)]
    later = firm_seen("acme", NOW + MINUTE)
    store.put_firms(each for each in [later])
    store.put_firms([])
    assert store.firms() == {"acme": later, "birch": birch}
    store.forget_firm("acme")
    store.forget_firm("nobody")
    assert list(store.firms()) == ["birch"]


def test_one_firm_is_found_alone(store: WatchStore) -> None:
    store.put_firms([firm_seen("acme"), firm_seen("birch")])
    assert (store.firm("birch"), store.firm("nobody")) == (firm_seen("birch"), None)


def test_a_line_of_the_fleets_page_stands_for_its_firm(store: WatchStore) -> None:
    assert store.fleet_rows() == ()
    acme, birch = firm_row("acme"), firm_row("birch", vaults=(), server_unseen="it is silent", missing=("drill",))
    store.put_rows([birch, acme])
    assert store.fleet_rows() == (acme, birch)
    later = firm_row("acme", NOW + MINUTE, day=())
    store.put_rows(each for each in [later])
    store.put_rows([])
    assert store.fleet_rows() == (later, birch)
    assert (store.fleet_row("acme"), store.fleet_row("nobody")) == (later, None)


def test_a_history_comes_back_as_it_was_read(store: WatchStore) -> None:
    act = ActSeen(id="a", kind="cut-over", what="live", by="ada", began_at=NOW, ended="done", ended_at=NOW + MINUTE)
    acme, birch = FirmHistory(firm="acme", read_at=NOW, acts=(act,)), FirmHistory(firm="birch", read_at=NOW)
    assert (store.history("acme"), store.histories(["acme"]), store.histories([])) == (None, {}, {})
    store.put_histories([birch, acme])
    assert (store.history("acme"), store.history("nobody")) == (acme, None)
    assert list(store.histories(["nobody", "birch", "acme"]).items()) == [("acme", acme), ("birch", birch)]
    later = FirmHistory(firm="acme", read_at=NOW + MINUTE, unread=("drills: it is away",))
    store.put_histories([later])
    store.put_histories([])
    assert store.histories(("acme", "birch")) == {"acme": later, "birch": birch}


def test_what_a_page_cannot_read_costs_its_own_firm_alone(store: WatchStore) -> None:
    store.put_rows([firm_row("acme"), firm_row("birch")])
    store.put_histories([FirmHistory(firm="acme", read_at=NOW), FirmHistory(firm="birch", read_at=NOW)])
    with store.database.writing() as connection:
        for table in ("fleet_rows", "histories"):
            damage = f"UPDATE {table} SET record = :record WHERE firm = 'acme'"
            connection.execute(text(damage), {"record": '{"firm": "acme", "of": "another release"}'})
    assert store.fleet_rows() == (unread_row("acme"), firm_row("birch"))
    assert store.fleet_row("acme") is None
    assert list(store.histories(["acme", "birch"])) == ["birch"]
    store.put_rows([firm_row("acme")])
    assert store.fleet_rows() == (firm_row("acme"), firm_row("birch"))


def test_a_firm_that_is_forgotten_leaves_the_pages(store: WatchStore) -> None:
    store.put_firms([firm_seen("acme"), firm_seen("birch")])
    store.put_rows([firm_row("acme"), firm_row("birch")])
    store.put_histories([FirmHistory(firm="acme", read_at=NOW), FirmHistory(firm="birch", read_at=NOW)])
    store.forget_firm("acme")
    assert [row.firm for row in store.fleet_rows()] == ["birch"]
    assert list(store.histories(["acme", "birch"])) == ["birch"]


def test_samples_are_a_series_of_a_firm_in_order(store: WatchStore) -> None:
    series = [sample(at=NOW + number * MINUTE, rpo_primary_s=number or None) for number in range(5)]
    store.add_samples([*reversed(series), sample("birch", NOW)])
    store.add_samples([])
    assert store.samples("acme", NOW, NOW + 4 * MINUTE) == series
    assert store.samples("acme", NOW + MINUTE, NOW + 3 * MINUTE) == series[1:4]
    assert store.samples("nobody", NOW, NOW + DAY) == []


def test_where_samples_lie_too_far_apart_nobody_looked(store: WatchStore) -> None:
    assert (store.sampled("acme", NOW, NOW + DAY), store.unwatched("acme", NOW, NOW + DAY, 10 * MINUTE)) == (None, [])
    at = [NOW + number * MINUTE for number in (0, 5, 15, 26, 31, 90)]
    store.add_samples([sample(at=each) for each in at] + [sample("birch", NOW + 60 * MINUTE)])
    assert store.sampled("acme", NOW + MINUTE, NOW + 60 * MINUTE) == (at[1], at[4])
    assert store.unwatched("acme", NOW, NOW + DAY, 10 * MINUTE) == [(at[2], at[3]), (at[4], at[5])]
    assert store.unwatched("acme", at[3], NOW + 60 * MINUTE, 10 * MINUTE) == []


def test_what_is_unknown_stays_unknown_and_an_instant_exact(store: WatchStore) -> None:
    in_berlin = datetime(2026, 10, 25, 2, 30, 0, 999_999, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    store.add_samples(
        [sample(at=in_berlin, rpo_primary_s=None), sample(at=in_berlin.astimezone(UTC) - timedelta(microseconds=1))]
    )
    [first, second] = store.samples("acme", in_berlin.astimezone(UTC) - MINUTE, in_berlin)
    assert (second.rpo_primary_s, second.at) == (None, datetime(2026, 10, 25, 1, 30, 0, 999_999, tzinfo=UTC))
    assert (first.rpo_primary_s, second.at - first.at) == (12.5, timedelta(microseconds=1))


def test_a_sample_told_twice_is_one(store: WatchStore) -> None:
    store.add_samples([sample()])
    store.add_samples([sample(rpo_primary_s=0.0)])
    assert store.samples("acme", NOW, NOW) == [sample(rpo_primary_s=0.0)]


def test_pruning_takes_what_is_older_in_bounded_transactions(
    store: WatchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.adapters.watch.firms._PRUNED_AT_ONCE", 7)
    store.add_samples(sample(firm, NOW - number * MINUTE) for firm in ("acme", "birch") for number in range(14))
    assert store.prune(NOW - 3 * MINUTE) == 20
    assert store.prune(NOW - 3 * MINUTE) == 0
    for firm in ("acme", "birch"):
        assert [each.at for each in store.samples(firm, NOW - DAY, NOW)] == [NOW - n * MINUTE for n in (3, 2, 1, 0)]


def test_one_pass_of_a_queue_at_a_time(store: WatchStore) -> None:
    assert (store.last_passes(), store.passes_under_way()) == ((), ())
    begun = store.begin_pass("default", NOW, LASTING)
    assert begun == Pass(queue="default", began_at=NOW)
    assert store.begin_pass("default", NOW + MINUTE, LASTING) is None
    other = store.begin_pass("elsewhere", NOW + MINUTE, LASTING)
    assert other is not None
    assert store.passes_under_way() == (begun, other)
    ended = begun.model_copy(update={"ended_at": NOW + 2 * MINUTE, "firms": 9, "fresh": 8, "seconds": 41.5})
    store.end_pass(begun, ended)
    assert (store.last_passes(), store.passes_under_way()) == ((ended,), (other,))
    assert store.begin_pass("default", NOW + 2 * MINUTE, LASTING) is not None
    assert store.last_passes() == (ended,)


def test_the_lease_of_a_pass_that_was_killed_ends_by_itself(store: WatchStore) -> None:
    assert store.begin_pass("default", NOW, LASTING) is not None
    assert store.begin_pass("default", NOW + LASTING - timedelta(microseconds=1), LASTING) is None
    again = store.begin_pass("default", NOW + LASTING, LASTING)
    assert again is not None
    assert store.passes_under_way() == (again,)


def test_a_pass_that_outlived_its_lease_ends_beside_the_next_one(store: WatchStore) -> None:
    late = store.begin_pass("default", NOW, LASTING)
    following = store.begin_pass("default", NOW + LASTING, LASTING)
    assert late is not None
    assert following is not None
    store.end_pass(late, late.model_copy(update={"ended_at": NOW + LASTING + MINUTE}))
    assert store.passes_under_way() == (following,)
    assert store.begin_pass("default", NOW + LASTING + 2 * MINUTE, LASTING) is None
    ended = following.model_copy(update={"ended_at": NOW + LASTING + 3 * MINUTE})
    store.end_pass(following, ended)
    assert store.last_passes() == (ended,)


@pytest.mark.parametrize("back", [timedelta(minutes=6), timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_was_ahead_keeps_no_pass_out(store: WatchStore, back: timedelta) -> None:
    assert store.begin_pass("default", NOW, LASTING) is not None
    begun = store.begin_pass("default", NOW - back, LASTING)
    assert begun is not None
    assert store.begin_pass("default", NOW - back + MINUTE, LASTING) is None
    ended = begun.model_copy(update={"ended_at": NOW - back + MINUTE})
    store.end_pass(begun, ended)
    assert store.last_passes() == (ended,)


def test_another_machines_clock_may_be_a_little_behind(store: WatchStore) -> None:
    assert store.begin_pass("default", NOW, LASTING) is not None
    assert store.begin_pass("default", NOW - timedelta(seconds=30), LASTING) is None


def test_pruning_forgets_a_queue_that_nobody_serves_any_more(store: WatchStore) -> None:
    begun = store.begin_pass("gone", NOW - DAY, LASTING)
    assert begun is not None
    store.end_pass(begun, begun.model_copy(update={"ended_at": NOW - DAY}))
    store.prune(NOW)
    assert store.last_passes() == ()


def resolved(number: int, at: datetime, **changed: Any) -> Incident:
    return incident(number, state="resolved", resolved_at=at, **changed)


def test_the_book_keeps_incidents_by_what_is_asked_of_them(store: WatchStore) -> None:
    first = resolved(1, NOW - DAY)
    second = resolved(2, NOW - MINUTE, firms=("acme", "birch"))
    third = incident(3, key="dag-paused-birch", state="observed", firms=(), scope=Scope(kind="firm", name="birch"))
    fourth = incident(4, state="acknowledged", firms=())
    with store.book() as book:
        for each in (first, second, third, fourth):
            book.put(each)
        assert book.open_incidents() == [third, fourth]
    with store.book() as book:
        assert book.incidents(since=NOW - timedelta(hours=24)) == [first, second, third, fourth]
        assert book.incidents(since=NOW - timedelta(hours=23)) == [second, third, fourth]
        assert book.incidents(firm="acme") == [first, second]
        assert book.incidents(firm="birch", since=NOW) == [third]
        assert (book.find("incident-1"), book.find("wal-at-risk-acme"), book.find("nothing")) == (first, fourth, None)
    assert store.incidents(True) == [third, fourth]
    assert store.incidents(False, firm="birch") == [second, third]
    assert store.incidents(False, since=NOW - timedelta(hours=23)) == [second, third, fourth]
    assert (store.find_incident("incident-2"), store.find_incident("wal-at-risk-acme")) == (second, fourth)


def test_an_incident_that_is_put_again_takes_its_own_place(store: WatchStore) -> None:
    with store.book() as book:
        book.put(incident(1, firms=("acme", "birch")))
        book.put(incident(2, key="another"))
        over = resolved(1, NOW, firms=("birch", "cedar"))
        book.put(over)
        assert book.open_incidents() == [incident(2, key="another")]
        assert book.find("incident-1") == over
    assert store.incidents(False, firm="acme") == [incident(2, key="another")]
    assert store.incidents(False, firm="cedar") == [over]


def test_an_error_in_the_book_undoes_all_that_was_put(store: WatchStore) -> None:
    with pytest.raises(ZeroDivisionError), store.book() as book:
        book.put(incident())
        book.enqueue(notice())
        raise ZeroDivisionError
    assert store.incidents(False) == []
    assert store.claim_notices(NOW, LASTING) == []


def test_a_silence_has_an_end(store: WatchStore) -> None:
    told = {"firm": "acme", "cause": None, "key": None, "by": "ada", "why": "a move", "made_at": NOW}
    short = Silence(id="s1", until=NOW + MINUTE, **told)
    long = Silence(id="s2", until=NOW + DAY, **told)
    store.put_silence(short)
    store.put_silence(long)
    assert store.silences(NOW) == (short, long)
    with store.book() as book:
        assert book.silences(NOW + MINUTE) == (long,)
    assert store.end_silence("s2", NOW + 2 * MINUTE)
    assert not store.end_silence("s2", NOW + 3 * MINUTE)
    assert not store.end_silence("s1", NOW + 2 * MINUTE)
    assert store.silences(NOW + 2 * MINUTE) == ()
    again = long.model_copy(update={"until": NOW + 3 * DAY})
    store.put_silence(again)
    assert store.silences(NOW + 2 * DAY) == (again,)


def test_a_notice_is_claimed_by_one_and_told_at_least_once(store: WatchStore) -> None:
    with store.book() as book:
        book.enqueue(notice(1))
        book.enqueue(notice(2))
        book.enqueue(notice(1))
    assert store.claim_notices(NOW, LASTING) == [notice(1), notice(2)]
    assert store.claim_notices(NOW + MINUTE, LASTING) == []
    store.delivered(Delivery(notice="notice-1", channel="pagerduty", at=NOW + MINUTE))
    store.failed(Delivery(notice="notice-2", channel="pagerduty", at=NOW + MINUTE, failure="503"))
    assert store.claim_notices(NOW + LASTING - timedelta(microseconds=1), LASTING) == []
    assert store.claim_notices(NOW + LASTING, LASTING) == [notice(2)]
    with store.book() as book:
        book.enqueue(notice(2))
    assert store.claim_notices(NOW + LASTING, LASTING) == []


def test_a_claim_by_a_clock_that_was_ahead_holds_nobody_back(store: WatchStore) -> None:
    with store.book() as book:
        book.enqueue(notice())
    assert store.claim_notices(NOW, LASTING) == [notice()]
    assert store.claim_notices(NOW - MINUTE, LASTING) == []
    assert store.claim_notices(NOW - DAY, LASTING) == [notice()]


def test_deliveries_are_kept_with_those_that_failed(store: WatchStore) -> None:
    failed = Delivery(notice="notice-1", channel="slack", at=NOW, failure="connection refused")
    taken = Delivery(notice="notice-1", channel="mail", at=NOW + MINUTE)
    store.failed(failed)
    store.delivered(taken)
    assert store.deliveries(NOW) == [failed, taken]
    assert store.deliveries(NOW + MINUTE) == [taken]


def test_pruning_leaves_what_nobody_was_told(store: WatchStore) -> None:
    with store.book() as book:
        book.enqueue(notice(1))
        book.enqueue(notice(2))
        book.put(resolved(1, NOW - DAY))
    store.delivered(Delivery(notice="notice-1", channel="mail", at=NOW))
    store.prune(NOW + MINUTE)
    assert store.deliveries(NOW - DAY) == []
    assert store.claim_notices(NOW + MINUTE, LASTING) == [notice(2)]
    assert store.incidents(False) == [resolved(1, NOW - DAY)]
    with store.book() as book:  # it was told, and is forgotten
        book.enqueue(notice(1))
    assert store.claim_notices(NOW + MINUTE, LASTING) == [notice(1)]


def suspension(duty: Duty | None, until: datetime) -> Suspension:
    return Suspension(firm="acme", duty=duty, until=until, by="ada", why="a move", made_at=NOW)


def test_a_suspension_is_of_one_duty_or_of_all(store: WatchStore) -> None:
    everything, drills = suspension(None, NOW + DAY), suspension("drill", NOW + MINUTE)
    store.put_suspension(drills)
    store.put_suspension(everything)
    assert store.suspensions(NOW) == (everything, drills)
    assert store.suspensions(NOW + MINUTE) == (everything,)
    longer = suspension("drill", NOW + 2 * DAY)
    store.put_suspension(longer)
    assert store.suspensions(NOW + DAY) == (longer,)
    assert store.end_suspension("acme", None, NOW)
    assert not store.end_suspension("acme", None, NOW)
    assert not store.end_suspension("acme", "watch", NOW)
    assert store.suspensions(NOW) == (longer,)
    ended = everything.model_copy(update={"until": NOW})
    assert store.suspensions(NOW - MINUTE) == (ended, longer), "what it was suspended for is known still"


def test_small_things_are_remembered(store: WatchStore) -> None:
    assert store.recall("channel test", "pagerduty") is None
    store.remember("channel test", "pagerduty", {"week": 48, "wörter": ["ü", None]}, NOW)
    assert store.recall("channel test", "pagerduty") == {"week": 48, "wörter": ["ü", None]}
    store.remember("channel test", "pagerduty", {}, NOW)
    assert (store.recall("channel test", "pagerduty"), store.recall("channel test", "slack")) == ({}, None)


def test_what_airflow_said_and_what_is_served(store: WatchStore) -> None:
    assert (store.airflow(), store.exposition()) == (None, None)
    seen = AirflowSeen(seen_at=NOW, dag_ids=frozenset({"fleet__watch"}), pools={"default_pool": 128})
    store.put_airflow(AirflowSeen(seen_at=NOW - MINUTE, unseen="it is away"))
    store.put_airflow(seen)
    assert store.airflow() == seen
    store.put_exposition(b"muniment_rpo_seconds 0\n# EOF\n", NOW)
    store.put_exposition(b"\x00\xff", NOW + MINUTE)
    assert store.exposition() == (b"\x00\xff", NOW + MINUTE)


def test_a_store_is_opened_to_be_read_alone(store: WatchStore, url: str) -> None:
    store.put_firms([firm_seen()])
    reading = WatchStore.open(url, read_only=True)
    assert reading.firms() == {"acme": firm_seen()}
    store.put_rows([firm_row()])
    assert reading.fleet_rows() == (firm_row(),)
    refused: list[Callable[[], object]] = [
        lambda: reading.put_firms([firm_seen("birch")]),
        lambda: reading.put_rows([firm_row("birch")]),
        lambda: reading.add_samples([sample()]),
        lambda: reading.prune(NOW),
        lambda: reading.begin_pass("default", NOW, LASTING),
        lambda: reading.remember("topic", "key", {}, NOW),
    ]
    for write in refused:
        with pytest.raises(WatchStoreUnavailable, match=r"read-?only"):
            write()
    with pytest.raises(WatchStoreUnavailable, match=r"read-?only"), reading.book() as book:
        book.put(incident())
    assert (list(store.firms()), store.fleet_rows(), store.incidents(False)) == (["acme"], (firm_row(),), [])


def test_whoever_only_reads_makes_no_store(url: str) -> None:
    with pytest.raises(WatchStoreNotReady, match=r"is not there yet"):
        WatchStore.open(url, read_only=True)
    with pytest.raises(WatchStoreNotReady, match=r"is not there yet"):  # nothing has begun to be one
        WatchStore.open(url, read_only=True)
    assert WatchStore.open(url).firms() == {}


def test_whoever_only_reads_migrates_none(store: WatchStore, url: str) -> None:
    with store.database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
        for table in ("fleet_rows", "histories"):
            connection.execute(text(f"DROP TABLE {table}"))
    with pytest.raises(WatchStoreNotReady, match=rf"is of version 0001, and this Muniment reads {VERSION}"):
        WatchStore.open(url, read_only=True)
    assert WatchStore.open(url).fleet_rows() == ()
    assert WatchStore.open(url, read_only=True).fleet_rows() == ()


def test_it_is_there_for_whoever_opens_it_next(store: WatchStore, url: str) -> None:
    store.put_firms([firm_seen()])
    assert WatchStore.open(url).firms() == {"acme": firm_seen()}
