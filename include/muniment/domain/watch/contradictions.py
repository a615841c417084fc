"""What must agree inside ``watch.yaml``, and between it and the firms: (path, what is wrong) of each."""

from collections.abc import Iterable, Iterator, Mapping

from muniment.domain.firm.contradictions import Contradiction
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.routing import untold_severities
from muniment.domain.watch.settings import Channel, Route, WatchSettings

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "pagerduty": (),
    "slack": (),
    "sns": ("target_arn",),
    "smtp": ("to",),
    "apprise": (),
    "notifier": (),
}
"""Kind → arguments that nothing else can say."""


def store_contradictions(store: str | None, read_store: str | None) -> Iterator[Contradiction]:
    if read_store is not None and store is None:
        yield Contradiction("read_store", "there is no store: a file of the project's has no logins")


def channel_contradictions(channels: Iterable[Channel]) -> Iterator[Contradiction]:
    names: set[str] = set()
    for number, channel in enumerate(channels):
        place = f"channels[{number}]"
        if channel.name in names:
            yield Contradiction(f"{place}.name", f"{channel.name!r} is another channel's name as well")
        names.add(channel.name)
        yield from _of_channel(place, channel)


def _of_channel(place: str, channel: Channel) -> Iterator[Contradiction]:
    if channel.kind == "notifier":
        if channel.notifier is None:
            yield Contradiction(f"{place}.notifier", "is missing: the import path of the notifier")
    else:
        if channel.connection is None:
            yield Contradiction(f"{place}.connection", f"is missing: a channel of kind {channel.kind} has one")
        if channel.notifier is not None:
            yield Contradiction(f"{place}.notifier", f"a channel of kind {channel.kind} has its own")
    for name in _REQUIRED[channel.kind]:
        if name not in channel.arguments:
            yield Contradiction(f"{place}.arguments.{name}", f"is missing: a channel of kind {channel.kind} has it")


def route_contradictions(routes: Iterable[Route]) -> Iterator[Contradiction]:
    for number, route in enumerate(routes):
        place = f"routes[{number}]"
        named = (*route.tell, *route.also)
        if not route.tell:
            yield Contradiction(f"{place}.tell", "names no channel: who matches it would be told nothing")
        for name in dict.fromkeys(each for each in named if named.count(each) > 1):
            yield Contradiction(place, f"channel {name!r} is named twice")
        hours = route.quiet_hours
        if hours and hours.start == hours.end:
            yield Contradiction(
                f"{place}.quiet_hours", "they end when they start: leave them out, or say when they end"
            )


def firms_without_route(settings: WatchSettings, firms: Iterable[Firm]) -> Iterator[Contradiction]:
    for firm in firms:
        if severities := untold_severities(settings, firm.id, firm.tier):
            what = f"firm {firm.id}: nobody is told of what is {' or '.join(severities)}: no route matches it"
            yield Contradiction("routes", what)
