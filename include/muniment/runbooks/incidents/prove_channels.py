"""Every channel that a route names is sent a test, which says that it is one; what does not arrive is an incident."""

from collections.abc import Sequence
from datetime import datetime

from muniment.adapters.channels.message import Message
from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.host_address import recovery_page
from muniment.domain.record import Record
from muniment.domain.watch.channel_tests import ChannelTest, due, routed
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import Clock
from muniment.runbooks.incidents.channel_round import ChannelRound, note_channels, recalled, remember


class Proven(Record):
    """``failure``: why the receiver did not take the test; ``None``: it did."""

    channel: str
    kind: str
    failure: str | None


def channel_tests(store: WatchStore, settings: WatchSettings) -> dict[str, ChannelTest | None]:
    """By the channel's name: what is known of each that a route names. Raises ``WatchStoreUnavailable``."""
    return {name: recalled(store, name) for name in routed(settings)}


def tests_due(store: WatchStore, settings: WatchSettings, now: datetime) -> tuple[str, ...]:
    """The channels whose weekly test is due, and those that failed an hour ago. Raises ``WatchStoreUnavailable``."""
    return due(routed(settings), channel_tests(store, settings), now)


def prove_channels(
    store: WatchStore | None, settings: WatchSettings, names: Sequence[str], *, clock: Clock, by: str = "the watch"
) -> tuple[Proven, ...]:
    """Whoever calls it tells afterwards (``tell``) what follows from it. Without a store nothing does: a person looks.
    Raises ``WatchStoreUnavailable``."""
    if not names:
        return ()
    now, ended = clock(), ChannelRound(settings, clock)
    if store is not None:
        _begin(store, names, now)
    proven = [_prove(name, ended, _test_of(name, settings, by, now)) for name in names]
    if store is not None:
        note_channels(store, ended, tested=True)
    return tuple(proven)


def _begin(store: WatchStore, names: Sequence[str], now: datetime) -> None:
    """Another queue's pass leaves them to this one."""
    for name in names:
        test = recalled(store, name) or ChannelTest()
        remember(store, name, test.model_copy(update={"begun_at": now}), now)


def _prove(name: str, ended: ChannelRound, test: Message) -> Proven:
    channel = ended.settings.channel(name)
    return Proven(channel=name, kind=channel.kind if channel else "unknown", failure=ended.send(name, test))


def _test_of(name: str, settings: WatchSettings, by: str, now: datetime) -> Message:
    routes = [number for number, route in enumerate(settings.routes, 1) if name in (*route.tell, *route.also)]
    which = f"route{'' if len(routes) == 1 else 's'} {', '.join(map(str, routes))} of watch.yaml"
    return Message(
        subject=f"[muniment] TEST of channel {name}: nothing is wrong",
        message=(
            f"This is a test of channel {name}, at {now:%Y-%m-%d %H:%M} UTC, by {by}.\n"
            f"Nothing is wrong, and nobody has to do anything: {which} would have told you here.\n"
            "It comes once a week. Where it stays away for longer, alerts do not reach you: say so."
        ),
        severity="info",
        key=f"muniment-channel-test.{name}",
        cause="channel-test",
        links={"page": recovery_page(settings.page_url)} if settings.page_url else {},
    )
