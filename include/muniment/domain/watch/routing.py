"""Which channels a notice goes to, in which order, and whether it has to wait for the morning."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import product
from zoneinfo import ZoneInfo

from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.settings import SEVERITIES, QuietHours, Route, WatchSettings


def route_of(notice: Notice, settings: WatchSettings) -> Route | None:
    """The first that matches the notice's first firm. ``None``: there is no channel at all.

    Of an incident of several firms each one's people are told: by a route without quiet hours where one of them has
    such a one, so that none waits for the morning because another may. What is nobody's own, and what no route matches
    (a firm that has left the registry, a tier that is not known), goes by the first route of its severity, and where
    there is none by all channels: a notice is never without a way.
    """
    if routes := _routes_of_all(notice, settings.routes):
        return _together(routes)
    if route := next((each for each in settings.routes if _is_of(each.severities, notice.severity)), None):
        return route
    return Route(tell=tuple(each.name for each in settings.channels)) if settings.channels else None


def _routes_of_all(notice: Notice, routes: Sequence[Route]) -> list[Route]:
    """The first firm's first, then in the file's order."""
    found: list[Route] = []
    for firm, tier in product(notice.firms, notice.tiers or (None,)):
        route = _matching(routes, firm, tier, notice.severity)
        if route is not None and route not in found:
            found.append(route)
    return [*found[:1], *(each for each in routes if each in found[1:])]


def _together(routes: Sequence[Route]) -> Route:
    chosen = next((each for each in routes if each.quiet_hours is None), routes[0])
    others = [name for each in routes if each is not chosen for name in (*each.tell[:1], *each.also)]
    also = tuple(name for name in dict.fromkeys((*chosen.also, *others)) if name not in chosen.tell)
    return chosen if also == chosen.also else chosen.model_copy(update={"also": also})


def own_route(settings: WatchSettings, firm: str, tier: str, severity: Severity) -> Route | None:
    """``None``: the file says nothing of it, which is a fault of the registry."""
    return _matching(settings.routes, firm, tier, severity)


def untold_severities(settings: WatchSettings, firm: str, tier: str) -> tuple[Severity, ...]:
    """Those for which the firm has no route, the gravest first."""
    return tuple(each for each in SEVERITIES if _matching(settings.routes, firm, tier, each) is None)


def channels_of(settings: WatchSettings, firm: str, tier: str) -> frozenset[str]:
    """Every channel that something of this firm may be told by."""
    routes = (_matching(settings.routes, firm, tier, each) for each in SEVERITIES)
    return frozenset(name for route in routes if route for name in (*route.tell, *route.also))


def waits(route: Route, severity: Severity, zone: str | None, now: datetime) -> bool:
    """Until the route's quiet hours end. Nothing that is critical waits, nor what is of a firm of unknown zone."""
    if route.quiet_hours is None or severity == "critical" or zone is None:
        return False
    return _is_within(route.quiet_hours, now.astimezone(ZoneInfo(zone)))


def _is_within(hours: QuietHours, local: datetime) -> bool:
    """By the wall clock, so through both clock changes."""
    at = local.time()
    if hours.start < hours.end:
        return hours.start <= at < hours.end
    return at >= hours.start or at < hours.end


def _matching(routes: Iterable[Route], firm: str, tier: str | None, severity: Severity) -> Route | None:
    return next(_all_matching(routes, firm, tier, severity), None)


def _all_matching(routes: Iterable[Route], firm: str, tier: str | None, severity: Severity) -> Iterator[Route]:
    for route in routes:
        if _is_of(route.firms, firm) and _is_of(route.tiers, tier) and _is_of(route.severities, severity):
            yield route


def _is_of(named: tuple[str, ...], value: str | None) -> bool:
    return not named or value in named
