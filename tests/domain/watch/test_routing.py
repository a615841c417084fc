"""Who is told: the first route that matches, never nobody; and what may wait for the morning."""

from datetime import UTC, datetime

import pytest

from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.routing import channels_of, route_of, untold_severities, waits
from muniment.domain.watch.settings import Channel, QuietHours, Route, WatchSettings

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)


def notice(severity: Severity = "error", firms: tuple[str, ...] = ("acme",), tiers: tuple[str, ...] = ()) -> Notice:
    return Notice(
        id="n1",
        incident="i1",
        key="k1",
        kind="opened",
        cause="wal-at-risk",
        severity=severity,
        firms=firms,
        tiers=tiers,
        subject="s",
        message="m",
        made_at=NOW,
    )


def settings(*routes: Route) -> WatchSettings:
    channels = tuple(Channel(name=name, kind="apprise", connection=name) for name in ("pager", "mail", "chat"))
    return WatchSettings(channels=channels, routes=routes)


ROUTED = settings(
    Route(severities=("critical",), tell=("pager", "mail"), also=("chat",)),
    Route(firms=("acme",), tell=("chat",)),
    Route(tiers=("enterprise",), tell=("mail",)),
)


def tell_of(settings: WatchSettings, notice: Notice) -> tuple[str, ...]:
    route = route_of(notice, settings)
    assert route is not None
    return route.tell


def test_the_first_route_that_matches_decides() -> None:
    assert tell_of(ROUTED, notice("critical")) == ("pager", "mail")
    assert tell_of(ROUTED, notice("warning")) == ("chat",)
    assert tell_of(ROUTED, notice("error", ("birch",), ("enterprise",))) == ("mail",)


def test_the_first_firm_decides_where_there_are_several() -> None:
    assert tell_of(ROUTED, notice("error", ("birch", "acme"), ("enterprise", "starter"))) == ("mail",)


def test_no_firm_waits_for_the_morning_because_the_first_of_them_may() -> None:
    quiet = Route(tell=("chat",), quiet_hours=QuietHours())
    routed = settings(Route(tiers=("enterprise",), tell=("pager", "mail")), quiet)
    route = route_of(notice("error", ("acme", "birch"), ("starter", "enterprise")), routed)
    assert route
    assert (route.tell, route.also, route.quiet_hours) == (("pager", "mail"), ("chat",), None)
    assert route_of(notice("error", ("acme",), ("starter",)), routed) == quiet


def test_what_is_nobodys_own_goes_by_the_first_route_of_its_severity() -> None:
    assert tell_of(ROUTED, notice("critical", ())) == ("pager", "mail")
    assert tell_of(ROUTED, notice("error", ())) == ("chat",)


def test_what_no_route_matches_is_told_all_the_same() -> None:
    """A firm that has left the registry; a file that forgets a severity."""
    assert tell_of(ROUTED, notice("error", ("gone",), ("starter",))) == ("chat",)
    only_critical = settings(Route(severities=("critical",), tell=("pager",)))
    assert tell_of(only_critical, notice("warning")) == ("pager", "mail", "chat")
    assert route_of(notice(), WatchSettings()) is None


def test_the_severities_that_a_firm_is_not_told_of() -> None:
    assert untold_severities(ROUTED, "acme", "starter") == ()
    assert untold_severities(ROUTED, "birch", "starter") == ("error", "warning")
    assert channels_of(ROUTED, "birch", "starter") == {"pager", "mail", "chat"}
    assert channels_of(ROUTED, "birch", "enterprise") == {"pager", "mail", "chat"}


@pytest.mark.parametrize(
    ("at", "severity", "is_held"),
    [
        ("2026-11-28T04:00Z", "error", True),  # 22:00 in Chicago
        ("2026-11-28T03:59Z", "error", False),
        ("2026-11-28T12:59Z", "warning", True),
        ("2026-11-28T13:00Z", "warning", False),  # 07:00
        ("2026-11-28T08:00Z", "critical", False),
        ("2026-03-08T07:30Z", "error", True),  # the night that has no 02:00
        ("2026-03-08T12:00Z", "error", False),  # 07:00, by summer time
        ("2026-11-01T07:30Z", "error", True),  # the hour that comes twice, the second time
        ("2026-11-01T12:59Z", "error", True),
        ("2026-11-01T13:00Z", "error", False),
    ],
)
def test_quiet_hours_are_of_the_firms_zone_and_never_hold_what_is_critical(
    at: str, severity: Severity, is_held: bool
) -> None:
    route = Route(tell=("mail",), quiet_hours=QuietHours())
    assert waits(route, severity, "America/Chicago", datetime.fromisoformat(at)) is is_held


def test_quiet_hours_within_one_day_and_of_a_zone_that_nobody_knows() -> None:
    route = Route(tell=("mail",), quiet_hours=QuietHours.model_validate({"start": "12:00", "end": "13:00"}))
    assert waits(route, "error", "UTC", datetime(2026, 11, 28, 12, 30, tzinfo=UTC))
    assert not waits(route, "error", "UTC", datetime(2026, 11, 28, 13, 30, tzinfo=UTC))
    assert not waits(route, "error", None, datetime(2026, 11, 28, 12, 30, tzinfo=UTC))
