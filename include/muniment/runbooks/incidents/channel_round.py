"""One round over the channels: which of them took something, which did not, and what follows from that.

A channel that has failed in a round is the last to be tried in it: each costs its whole deadline, and there may be a
hundred notices.
"""

import json
from collections.abc import Iterable
from datetime import datetime

from muniment.adapters.channels.deliver import DEADLINE_S, deliver
from muniment.adapters.channels.message import Message
from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Scope
from muniment.domain.watch.channel_tests import CAUSE, TOPIC, ChannelTest, channel_trouble, routed
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import ChannelFailed
from muniment.ports import Clock
from muniment.runbooks.incidents.record_troubles import record_troubles


class ChannelRound:
    """``took`` and ``failures``: channels by name, with why they failed."""

    def __init__(self, settings: WatchSettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.took: set[str] = set()
        self.failures: dict[str, str] = {}

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Those that have failed in this round come last."""
        return sorted(names, key=lambda name: name in self.failures)

    def send(self, name: str, message: Message, *, deadline_s: float = DEADLINE_S) -> str | None:
        """Why the channel did not take it; ``None``: it did."""
        channel = self.settings.channel(name)
        if channel is None:
            return f"watch.yaml has no channel {name}"
        try:
            deliver(channel, message, deadline_s=deadline_s)
        except ChannelFailed as error:
            reason = str(error.facts["reason"])
            self.failures[name] = reason
            return reason
        self.took.add(name)
        return None


def note_channels(store: WatchStore, ended: ChannelRound, *, tested: bool = False) -> tuple[Notice, ...]:
    """What the round showed of its channels is remembered; a channel whose receiver did not take the last thing is an
    incident until it does. Returns what is to be told of that. Raises ``WatchStoreUnavailable``."""
    now, states = ended.clock(), dict[str, ChannelTest]()
    for name in (each.name for each in ended.settings.channels):
        before = recalled(store, name)
        states[name] = _after(before, ended, name, now, tested=tested)
        if states[name] != before:
            remember(store, name, states[name], now)
    failing = {name: test.failure for name, test in states.items() if test.failure is not None}
    opened = {each.scope for each in store.incidents(open_only=True) if each.cause == CAUSE}
    if not failing and not opened:
        return ()
    known = {Scope(kind="channel", name=name) for name in states} | opened
    judged = Judged(things=tuple((CAUSE, scope) for scope in sorted(known, key=str)))
    is_every = set(routed(ended.settings)) <= set(failing)
    troubles = [channel_trouble(name, why, now, is_every=is_every) for name, why in failing.items()]
    return record_troubles(store, troubles, judged, clock=ended.clock)


def recalled(store: WatchStore, channel: str) -> ChannelTest | None:
    value = store.recall(TOPIC, channel)
    return None if value is None else ChannelTest.model_validate_json(json.dumps(value))


def remember(store: WatchStore, channel: str, test: ChannelTest, now: datetime) -> None:
    store.remember(TOPIC, channel, test.model_dump(mode="json"), now)


def _after(before: ChannelTest | None, ended: ChannelRound, name: str, now: datetime, *, tested: bool) -> ChannelTest:
    """What took something before it failed in the same round has failed."""
    test = before or ChannelTest()
    if name in ended.failures:
        ended_test = {"begun_at": None} if tested else {}
        return test.model_copy(update={**ended_test, "failure": ended.failures[name], "failed_at": now})
    if name in ended.took:
        proven = {"begun_at": None, "tested_at": now} if tested else {}
        return test.model_copy(update={**proven, "failure": None, "failed_at": None})
    return test
