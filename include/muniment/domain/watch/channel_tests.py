"""Whether a channel still reaches its receiver: proven every week, and again every hour once it has failed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from muniment.domain.incidents.trouble import Cause, Scope, Trouble
from muniment.domain.record import Record
from muniment.domain.watch.routing import channels_of
from muniment.domain.watch.settings import WatchSettings

EVERY = timedelta(days=7)
"""How long a test proves anything."""
_AGAIN = timedelta(hours=1)
_UNDER_WAY = timedelta(minutes=10)
"""Two passes do not test one channel; what was begun and did not end is begun again."""
CAUSE: Cause = "channel-failed"
TOPIC = "channel-test"
"""``store.remember(TOPIC, channel, …)``: a ``ChannelTest`` as JSON."""


class ChannelTest(Record):
    """Of one channel. ``failure``: why its receiver did not take the last thing, a test or a notice."""

    begun_at: AwareDatetime | None = None
    tested_at: AwareDatetime | None = None
    """When a test was taken last."""
    failed_at: AwareDatetime | None = None
    failure: str | None = None


def routed(settings: WatchSettings) -> tuple[str, ...]:
    """Channels that a route names, in the file's order."""
    named = {name for route in settings.routes for name in (*route.tell, *route.also)}
    return tuple(each.name for each in settings.channels if each.name in named)


def is_due(test: ChannelTest | None, now: datetime) -> bool:
    if test is None:
        return True
    if test.begun_at is not None and timedelta(0) <= now - test.begun_at < _UNDER_WAY:
        return False
    if test.failure is not None and test.failed_at is not None:
        return now - test.failed_at >= _AGAIN
    return test.tested_at is None or now - test.tested_at >= EVERY


def tested_at(
    settings: WatchSettings, firm: str, tier: str, tests: Mapping[str, ChannelTest | None]
) -> datetime | None:
    """When the last of the firm's channels was proven: the oldest test of all that it is told by. ``None``: one of them
    never was."""
    found = [test.tested_at if (test := tests.get(name)) else None for name in channels_of(settings, firm, tier)]
    known = [each for each in found if each is not None]
    return min(known) if known and len(known) == len(found) else None


def channel_trouble(channel: str, reason: str, at: datetime, *, is_every: bool) -> Trouble:
    """``is_every``: no other channel took anything either."""
    everywhere = "; nor did any other channel" if is_every else ""
    return Trouble(
        cause=CAUSE,
        firm=None,
        scopes=(Scope(kind="channel", name=channel),),
        severity="critical" if is_every else "error",
        opens_at_once=True,
        subject=f"channel {channel} reaches nobody",
        what=f"channel {channel} did not take what it was told: {reason}{everywhere}",
        kept="what there was to tell: the route's next channel is tried, and what none takes is tried again",
        hint=(
            f"look at the channel's connection (watch.yaml) and at its receiver, then `muniment alerts test --channel"
            f" {channel}`. The watch tries it every hour, and resolves this when it is taken."
        ),
        seen_at=at,
    )


def due(names: Iterable[str], tests: Mapping[str, ChannelTest | None], now: datetime) -> tuple[str, ...]:
    return tuple(name for name in names if is_due(tests.get(name), now))
