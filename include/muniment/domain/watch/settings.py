"""What ``watch.yaml`` says: where the watch keeps what it saw, what else it asks, and who is told of what.

Secrets are in Airflow's connections, never in the file: it names their ids.
"""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from muniment.domain.firm.setting import ConnectionId, FirmId, Setting, Spelling
from muniment.domain.incidents.trouble import Severity
from muniment.domain.units import Duration, WallClock

SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning")
"""The gravest first."""

ChannelName = Annotated[
    str,
    AfterValidator(
        Spelling(r"[a-z][a-z0-9-]{0,38}", "a name: 1 to 39 lower-case letters, digits and hyphens, a letter first")
    ),
]
PageUrl = Annotated[
    str, AfterValidator(Spelling(r"https?://[^\s/?#]+[^\s?#]*", "a web address, such as https://airflow.example.com"))
]


class Channel(Setting):
    """One way to a person. ``connection``: of Airflow's; what it is made of, its kind says (docs/configuration.md)."""

    name: ChannelName
    kind: Literal["pagerduty", "slack", "sns", "smtp", "notifier", "apprise"]
    connection: ConnectionId | None = None
    notifier: str | None = None
    """Import path of any Airflow notifier, of the kind ``notifier`` alone."""
    arguments: dict[str, str | int | bool | list[str]] = Field(default_factory=dict)


class QuietHours(Setting):
    """In the firm's zone. An ``end`` before ``start`` is of the next day."""

    start: WallClock = time(22, 0)
    end: WallClock = time(7, 0)


class Route(Setting):
    """An empty list is all of them. The first route that matches decides, and no other."""

    firms: tuple[FirmId, ...] = ()
    tiers: tuple[str, ...] = ()
    severities: tuple[Literal["critical", "error", "warning"], ...] = ()
    tell: tuple[str, ...]
    """Channels in the order in which they are tried, until one of them has taken it."""
    also: tuple[str, ...] = ()
    """Told as well, whoever took it."""
    quiet_hours: QuietHours | None = None
    """What is not critical waits until they end."""


class WatchSettings(Setting):
    store: ConnectionId | None = None
    """A PostgreSQL database; ``None``: a file of the project's."""
    read_store: ConnectionId | None = None
    """The same database with a login that may only read, for the Recovery page; ``None``: the store's own login, in
    read-only transactions."""
    keep_samples: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=3660))] = timedelta(days=30)
    airflow: ConnectionId | None = None
    """Airflow's own API; ``None``: it is not asked."""
    heartbeat: ConnectionId | None = None
    """A Healthchecks-compatible address that each pass calls; ``None``: nobody outside waits for the watch."""
    page_url: PageUrl | None = None
    """Where people open Airflow: what is told links to its page there."""
    connections_at_once: Annotated[int, Field(ge=1, le=500, strict=True)] = 64
    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def read_with(self) -> ConnectionId | None:
        """Whoever only reads the store opens it with this one."""
        return self.read_store or self.store

    def channel(self, name: str) -> Channel | None:
        return next((each for each in self.channels if each.name == name), None)
