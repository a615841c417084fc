"""Which channels a notice goes to, in which order, and whether it has to wait for the morning."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.settings import SEVERITIES, QuietHours, Route, WatchSettings


def route_of(notice: Notice, settings: WatchSettings) -> Route | None:
    """The first that matches the notice's first firm. ``None``: there is no channel at all.

    What is nobody's own, and what no route matches (a firm that has left the registry, a tier that is not known), goes
    by the first route of its severity, and where there is none by all channels: a notice is never without a way.
    """
    firm, tier = next(iter(notice.firms), None), next(iter(notice.tiers), None)
    if firm and (route := _matching(settings.routes, firm, tier, notice.severity)):
        return route
    if route := next((each for each in settings.routes if _is_of(each.severities, notice.severity)), None):
        return route
    return Route(tell=tuple(each.name for each in settings.channels)) if settings.channels else None


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
