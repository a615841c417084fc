"""What is to be told goes to whom its route names, by the first way that is taken; what nobody took is kept."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from muniment.adapters.channels.deliver import DEADLINE_S
from muniment.adapters.channels.message import Message, of_notice
from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.host_address import recovery_page
from muniment.domain.incidents.incident import Delivery, Notice, Silence
from muniment.domain.incidents.telling import is_silenced
from muniment.domain.watch.routing import route_of, waits
from muniment.domain.watch.settings import SEVERITIES, Route, WatchSettings
from muniment.ports import Clock
from muniment.runbooks.incidents.channel_round import ChannelRound, note_channels

CLAIM = timedelta(minutes=4)
"""Less than from pass to pass: what a killed teller had claimed, the next one tells."""
_ROUND_S = 180.0
"""Well within a claim: what a round does not come to, the next one tells."""
_NOTICE_S = 60.0
UNTOLD = ("untold", "notices")
"""``store.recall(*UNTOLD)``: notice's id → ``subject``, ``made_at``, ``why`` and ``tried_at`` of what nobody took."""
_STALE = timedelta(minutes=15)
"""Three passes: what was not tried since was told by another teller, at the same moment."""


def tell(store: WatchStore, settings: WatchSettings, *, clock: Clock) -> tuple[Delivery, ...]:
    """What is claimed is told, then what the channels themselves have to tell of. What none of a route's channels took
    stays in the store, is told in the next round, and is what ``UNTOLD`` names until then.

    A kill between a delivery and its record tells it twice; nothing is told never. Raises ``WatchStoreUnavailable``.
    """
    teller = _Teller(store, settings, clock)
    teller.tell_claimed()
    if note_channels(store, teller.round):
        teller.tell_claimed()
    teller.remember_untold()
    return tuple(teller.deliveries)


def tell_directly(notice: Notice, settings: WatchSettings, *, clock: Clock) -> tuple[Delivery, ...]:
    """Without a store, which cannot be reached: nothing keeps it, so nothing waits for the morning, and nobody tries
    it again. The last delivery is the one that counts: of all channels of the route, in their order."""
    route, ended, done = route_of(notice, settings), ChannelRound(settings, clock), list[Delivery]()
    for name in (*route.tell, *route.also) if route else ():
        failure = ended.send(name, of_notice(_linked(notice, settings)))
        done.append(Delivery(notice=notice.id, channel=name, at=clock(), failure=failure))
        if failure is None:
            break
    return tuple(done)


class _Teller:
    def __init__(self, store: WatchStore, settings: WatchSettings, clock: Clock) -> None:
        self.store, self.settings, self.clock = store, settings, clock
        self.round = ChannelRound(settings, clock)
        self.deliveries: list[Delivery] = []
        self.told: set[str] = set()
        self.untold: dict[str, dict[str, str]] = {}
        self.ends_at = time.monotonic() + _ROUND_S

    def tell_claimed(self) -> None:
        for incident in by_incident(self.store.claim_notices(self.clock(), CLAIM)):
            for notice, route in self._now(incident):
                if time.monotonic() > self.ends_at:
                    self._keep(notice, "this round had no time for it")
                elif route is None:
                    self._keep(notice, "watch.yaml names no channel")
                else:
                    self._tell(notice, route)

    def _now(self, incident: Sequence[Notice]) -> Iterator[tuple[Notice, Route | None]]:
        """What does not wait, and before it what was to be told earlier of the same incident: a receiver that hears of
        the end first would keep the beginning open."""
        routes = [route_of(notice, self.settings) for notice in incident]
        pairs = list(zip(incident, routes, strict=True))
        while pairs and self._waits(*pairs[-1]):
            pairs.pop()
        yield from pairs

    def _waits(self, notice: Notice, route: Route | None) -> bool:
        if self._is_silenced(notice):
            return True
        if route is None or route.quiet_hours is None or notice.severity == "critical":
            return False
        zone = self._zones.get(notice.firms[0]) if notice.firms else None
        return waits(route, notice.severity, zone, self.clock())

    def _is_silenced(self, notice: Notice) -> bool:
        """By a person, since it was written down to be told."""
        incident = self.store.find_incident(notice.incident) if self._silences else None
        return incident is not None and is_silenced(incident, self._silences)

    @cached_property
    def _silences(self) -> Sequence[Silence]:
        return self.store.silences(self.clock())

    @cached_property
    def _zones(self) -> dict[str, str]:
        return {firm: seen.time_zone for firm, seen in self.store.firms().items()}

    def _tell(self, notice: Notice, route: Route) -> None:
        message = of_notice(_linked(notice, self.settings, "incident", notice.incident))
        is_told = self._by_the_first(route.tell, notice, message)
        if is_told or not self._others_know(notice, route):
            for name in route.also:
                if name not in self.round.failures:
                    self._by(name, notice, message, DEADLINE_S, counts=is_told)
        if is_told:
            self.told.add(notice.id)
        else:
            tried = [f"{name}: {self.round.failures.get(name, 'is not in watch.yaml')}" for name in route.tell]
            self._keep(notice, "; ".join(tried))

    def _by_the_first(self, names: Iterable[str], notice: Notice, message: Message) -> bool:
        """Where all of them have failed in this round, none is tried again in it."""
        until = time.monotonic() + _NOTICE_S
        ordered = self.round.in_order(names)
        if all(name in self.round.failures for name in ordered):
            return False
        for name in ordered:
            left = until - time.monotonic()
            if left > 0 and self._by(name, notice, message, min(DEADLINE_S, left), counts=True):
                return True
        return False

    def _by(self, name: str, notice: Notice, message: Message, deadline_s: float, *, counts: bool) -> bool:
        """``counts``: where this one takes it, the notice is told."""
        failure = self.round.send(name, message, deadline_s=deadline_s)
        delivery = Delivery(notice=notice.id, channel=name, at=self.clock(), failure=failure)
        self.deliveries.append(delivery)
        if failure is None and counts:
            self.store.delivered(delivery)
        else:
            self.store.failed(delivery)
        return failure is None

    def _others_know(self, notice: Notice, route: Route) -> bool:
        """``also`` has it from an earlier round, and the route's own channels still do not."""
        before = self.store.deliveries(notice.made_at)
        return any(each.notice == notice.id and each.channel in route.also and not each.failure for each in before)

    def _keep(self, notice: Notice, why: str) -> None:
        self.untold[notice.id] = {
            "subject": notice.subject,
            "made_at": notice.made_at.isoformat(),
            "why": why,
            "tried_at": self.clock().isoformat(),
        }
        self.store.release(notice.id)

    def remember_untold(self) -> None:
        now, before = self.clock(), self.store.recall(*UNTOLD) or {}
        kept = {
            notice: facts
            for notice, facts in before.items()
            if notice not in self.told and now - datetime.fromisoformat(facts["tried_at"]) < _STALE
        }
        after = {**kept, **self.untold}
        if after != before:
            self.store.remember(*UNTOLD, after, now)


def _linked(notice: Notice, settings: WatchSettings, *page_parts: str) -> Notice:
    """To its page, or to the fleet's where no store has it. Only whoever tells it knows where people open Airflow."""
    if settings.page_url is None:
        return notice
    page = recovery_page(settings.page_url, *page_parts)
    return notice.model_copy(update={"links": {**notice.links, "page": page}})


def by_incident(notices: Iterable[Notice]) -> list[list[Notice]]:
    """The gravest first; of one incident in the order in which they were made."""
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(notice.key, []).append(notice)
    return sorted(groups.values(), key=lambda group: min(SEVERITIES.index(each.severity) for each in group))
