"""Somebody is told: by the second way where the first fails, once, and what nobody took is kept and told again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Notice, NoticeKind
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.settings import QuietHours, Route, WatchSettings
from muniment.runbooks.incidents import tell as telling
from muniment.runbooks.incidents.prove_channels import channel_tests, prove_channels
from muniment.runbooks.incidents.prove_channels import tests_due as due_tests
from muniment.runbooks.incidents.record_troubles import record_troubles
from muniment.runbooks.incidents.tell import CLAIM, UNTOLD, tell
from tests.fixtures.on_call import CHAT, MAIL, PAGER, REST, Pager, Receiver, lead_to, topic
from tests.support.troubles import trouble
from tests.support.watched import firm_seen

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

START = datetime(2026, 11, 28, 8, tzinfo=UTC)
UNKNOWN = "http://nobody.invalid:9"


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def on(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def store(tmp_path: Path) -> WatchStore:
    return WatchStore.open(str(tmp_path / "watch.sqlite"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "DEADLINE_S", 0.5)


def settings(*tell: str, also: tuple[str, ...] = (), quiet: bool = False) -> WatchSettings:
    route = Route(tell=tell, also=also, quiet_hours=QuietHours() if quiet else None)
    return WatchSettings(channels=(PAGER, CHAT, REST, MAIL), routes=(route,))


def put(
    store: WatchStore, clock: Hand, kind: NoticeKind = "opened", severity: Severity = "error", key: str = "k"
) -> str:
    notice = Notice(
        id=f"{key}.{kind}.{severity}",
        incident="i1",
        key=key,
        kind=kind,
        cause="wal-at-risk",
        severity=severity,
        firms=("acme",),
        subject=f"{kind} {key}",
        message="what\nKEPT: all\nHINT: look.",
        made_at=clock(),
    )
    with store.book() as book:
        book.enqueue(notice)
    return notice.id


def events(receiver: Receiver) -> list[tuple[str, str]]:
    return [(each["event_action"], each["dedup_key"]) for each in receiver.got("/v2/enqueue")]


def channel_incidents(store: WatchStore) -> list[tuple[str, str, str]]:
    return [(each.cause, str(each.scope), each.severity) for each in store.incidents(open_only=True)]


def test_it_is_told_once(store: WatchStore, clock: Hand, receiver: Receiver, mails: list[str]) -> None:
    notice = put(store, clock)
    routes = settings("pager", "mail", also=("chat",))
    pager, chat = tell(store, routes, clock=clock)
    assert [(each.notice, each.channel, each.failure) for each in (pager, chat)] == [
        (notice, "pager", None),
        (notice, "chat", None),
    ]
    assert store.deliveries(START) == [pager, chat]
    clock.on(timedelta(hours=1))
    assert tell(store, routes, clock=clock) == ()
    assert (events(receiver), len(receiver.got("/services")), mails) == ([("trigger", "k")], 1, [])
    assert store.recall(*UNTOLD) is None
    assert channel_incidents(store) == []


def test_whoever_is_told_is_led_to_the_incidents_page(store: WatchStore, clock: Hand, receiver: Receiver) -> None:
    put(store, clock)
    air = settings("pager").model_copy(update={"page_url": "https://air.example.com/base"})
    tell(store, air, clock=clock)
    [event] = receiver.got("/v2/enqueue")
    page = "https://air.example.com/base/plugin/recovery/base/recovery/incident/i1"
    assert event["links"] == [{"href": page, "text": "page"}]


def test_two_who_tell_at_the_same_time_tell_it_once(store: WatchStore, clock: Hand, receiver: Receiver) -> None:
    """A pass of each queue, and the callbacks of tasks."""
    for number in range(6):
        put(store, clock, key=f"k{number}")
    with ThreadPoolExecutor(3) as pool:
        rounds = list(pool.map(lambda _: tell(store, settings("pager"), clock=clock), range(3)))
    assert sorted(each.notice for told in rounds for each in told) == [f"k{number}.opened.error" for number in range(6)]
    assert len(events(receiver)) == 6


@pytest.mark.parametrize("how", ["refuses", "says nothing", "is unknown"])
@pytest.mark.usefixtures("impatient")
def test_the_second_channel_is_told_and_there_is_an_incident_about_the_first(
    store: WatchStore,
    clock: Hand,
    receiver: Receiver,
    deaf: str,
    mails: list[str],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    if how == "refuses":
        receiver.status["/v2"] = 500
    else:
        lead_to(deaf if how == "says nothing" else UNKNOWN, monkeypatch, "pager")
    notice = put(store, clock)
    first, second, about = tell(store, settings("pager", "mail"), clock=clock)
    assert (first.channel, first.failure is None) == ("pager", False)
    assert (second.notice, second.channel, second.failure) == (notice, "mail", None)
    assert channel_incidents(store) == [("channel-failed", "channel pager", "error")]
    assert (about.channel, about.failure) == ("mail", None), "nor is the failing channel alone told of itself"
    assert "[muniment] channel pager: channel pager reaches nobody" in mails[1]
    assert store.recall(*UNTOLD) is None


def test_a_channel_that_fails_is_not_waited_for_by_every_notice(
    store: WatchStore, clock: Hand, receiver: Receiver, mails: list[str]
) -> None:
    receiver.status["/v2"] = 500
    for number in range(5):
        put(store, clock, key=f"k{number}")
    told = tell(store, settings("pager", "mail"), clock=clock)
    assert [each.channel for each in told] == ["pager", *["mail"] * 6]
    assert len(mails) == 6


def test_where_all_fail_nothing_is_lost_and_the_store_remembers_it(
    store: WatchStore, clock: Hand, receiver: Receiver
) -> None:
    receiver.status.update({"/v2": 503, "/services": 404})
    routes, notice = settings("pager", "chat"), put(store, clock, severity="critical")
    tell(store, routes, clock=clock)
    untold = store.recall(*UNTOLD)
    assert untold is not None
    assert untold[notice]["subject"] == "opened k"
    assert untold[notice]["why"].startswith("pager: ")
    assert "; chat: " in untold[notice]["why"]
    assert sorted(channel_incidents(store)) == [
        ("channel-failed", "channel chat", "critical"),
        ("channel-failed", "channel pager", "critical"),
    ]
    clock.on(CLAIM)
    receiver.status.clear()
    told = tell(store, routes, clock=clock)
    assert [(each.notice, each.failure) for each in told if each.notice == notice] == [(notice, None)]
    assert store.recall(*UNTOLD) == {}
    assert len(events(receiver)) == 4, "the two about the channels as well, and that the one which took this is well"


def test_who_is_told_as_well_hears_it_once_while_the_others_fail(
    store: WatchStore, clock: Hand, receiver: Receiver
) -> None:
    receiver.status["/v2"] = 500
    put(store, clock)
    for _ in range(3):
        tell(store, settings("pager", also=("rest",)), clock=clock)
        clock.on(CLAIM)
    titles = [each["title"] for each in receiver.got("/rest")]
    assert titles.count("opened k") == 1
    assert store.recall(*UNTOLD)


def test_a_teller_that_was_killed_after_the_delivery_tells_twice_and_never_zero_times(
    store: WatchStore, clock: Hand, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = put(store, clock)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(WatchStore, "delivered", killed)
        tell(store, settings("pager"), clock=clock)
    assert tell(store, settings("pager"), clock=clock) == (), "while the claim lasts nobody tells it again"
    clock.on(CLAIM)
    [again] = tell(store, settings("pager"), clock=clock)
    assert again.notice == notice
    assert events(receiver) == [("trigger", "k")] * 2


def test_quiet_hours_hold_it_back_until_they_end(store: WatchStore, clock: Hand, receiver: Receiver) -> None:
    store.put_firms([firm_seen("acme", clock(), time_zone="America/Chicago")])
    put(store, clock)
    put(store, clock, severity="critical", key="grave")
    at_night = settings("pager", quiet=True)
    tell(store, at_night, clock=clock)  # 02:00 in Chicago
    assert events(receiver) == [("trigger", "grave")]
    assert store.recall(*UNTOLD) is None, "it is not lost: it waits"
    for _ in range(5):
        clock.on(timedelta(hours=1))
        tell(store, at_night, clock=clock)
    assert events(receiver) == [("trigger", "grave"), ("trigger", "k")]


def test_what_waits_goes_before_what_cannot_wait_of_the_same_incident(
    store: WatchStore, clock: Hand, receiver: Receiver
) -> None:
    store.put_firms([firm_seen("acme", clock(), time_zone="America/Chicago")])
    put(store, clock)
    clock.on(timedelta(seconds=1))
    put(store, clock, "resolved", "critical")
    tell(store, settings("pager", quiet=True), clock=clock)
    assert events(receiver) == [("trigger", "k"), ("resolve", "k")]


def test_the_gravest_is_told_first_and_each_incident_in_its_order(
    store: WatchStore, clock: Hand, receiver: Receiver
) -> None:
    put(store, clock, severity="warning", key="light")
    put(store, clock, severity="warning", key="grave")
    clock.on(timedelta(seconds=1))
    put(store, clock, "worsened", "critical", key="grave")
    tell(store, settings("pager"), clock=clock)
    assert [each["payload"]["summary"] for each in receiver.got("/v2")] == [
        "opened grave",
        "worsened grave",
        "opened light",
    ]


def test_without_a_channel_it_is_kept_and_said(store: WatchStore, clock: Hand) -> None:
    notice = put(store, clock)
    assert tell(store, WatchSettings(), clock=clock) == ()
    untold = store.recall(*UNTOLD)
    assert untold is not None
    assert untold[notice]["why"] == "watch.yaml names no channel"


def test_what_becomes_an_incident_is_told(store: WatchStore, clock: Hand, pager: Pager) -> None:
    record_troubles(store, [trouble("acme", opens_at_once=True)], Judged(), clock=clock)
    own = WatchSettings(channels=(topic(pager),), routes=(Route(tell=("topic",)),))
    [delivery] = tell(store, own, clock=clock)
    [page] = pager.messages()
    assert delivery.failure is None
    assert page["Subject"] == "[muniment] acme: wal-at-risk happened"


def test_each_routed_channel_is_tested_every_week(
    store: WatchStore, clock: Hand, receiver: Receiver, mails: list[str]
) -> None:
    routes = settings("pager", "mail", also=("chat",))
    due = due_tests(store, routes, clock())
    assert due == ("pager", "chat", "mail"), "rest is in no route"
    assert [(each.channel, each.failure) for each in prove_channels(store, routes, due, clock=clock)] == [
        ("pager", None),
        ("chat", None),
        ("mail", None),
    ]
    assert events(receiver) == [(act, "muniment-channel-test.pager") for act in ("trigger", "resolve")]
    assert "TEST of channel mail: nothing is wrong" in mails[0]
    clock.on(timedelta(days=7) - timedelta(seconds=1))
    assert due_tests(store, routes, clock()) == ()
    clock.on(timedelta(seconds=1))
    assert due_tests(store, routes, clock()) == due


def test_a_test_that_fails_is_an_incident_which_ends_when_the_channel_works_again(
    store: WatchStore, clock: Hand, receiver: Receiver, mails: list[str]
) -> None:
    routes = settings("mail", also=("pager",))
    receiver.status["/v2"] = 500
    prove_channels(store, routes, due_tests(store, routes, clock()), clock=clock)
    assert channel_incidents(store) == [("channel-failed", "channel pager", "error")]
    assert channel_tests(store, routes)["pager"].tested_at is None  # type: ignore[union-attr]
    clock.on(timedelta(minutes=59))
    assert due_tests(store, routes, clock()) == ()
    clock.on(timedelta(minutes=1))
    assert due_tests(store, routes, clock()) == ("pager",)
    receiver.status.clear()
    prove_channels(store, routes, ("pager",), clock=clock)
    for _ in range(3):
        clock.on(timedelta(minutes=5))
        tell(store, routes, clock=clock)
    assert channel_incidents(store) == []
    assert "over: channel pager" in mails[-1]


def test_another_pass_leaves_a_test_that_is_under_way(
    store: WatchStore, clock: Hand, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = settings("pager")
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        "muniment.runbooks.incidents.channel_round.deliver",
        lambda *_, **__: seen.append(due_tests(store, routes, clock())),
    )
    prove_channels(store, routes, ("pager",), clock=clock)
    assert seen == [()]
