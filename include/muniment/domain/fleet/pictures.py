"""What the pages are drawn from, as the reader gives it: the fleet, one firm, one incident."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.row import FirmRow, OpenIncident
from muniment.domain.incidents.incident import Delivery, Incident, Notice, Silence
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.duty import Suspension
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Pass


@dataclass(frozen=True, slots=True)
class FleetSeen:
    rows: tuple[FirmRow, ...]
    open_incidents: Mapping[str, tuple[OpenIncident, ...]]
    """By firm: of those that touch several firms, each has it."""
    common_incidents: tuple[OpenIncident, ...]
    """Open ones of no firm: a channel, Airflow, the watch."""
    passes: tuple[Pass, ...]
    """The newest ended one of each queue; empty: the watch never ended one."""
    airflow: AirflowSeen | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class FirmPicture:
    seen: FirmSeen
    row: FirmRow | None
    history: FirmHistory | None
    """``None``: its vaults were not asked yet."""
    incidents: tuple[Incident, ...]
    """That touch it, and were not over before the firm page's longest time line begins; oldest first."""
    suspensions: tuple[Suspension, ...]
    """Of this firm alone, not ended."""
    silences: tuple[Silence, ...]
    """That name it or no firm, not ended."""


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """``delivered_at`` is ``None``: no channel of its route has taken it yet; ``untold`` says why where one was tried
    and failed."""

    notice: Notice
    delivered_at: datetime | None
    deliveries: tuple[Delivery, ...] = ()
    untold: str | None = None


@dataclass(frozen=True, slots=True)
class IncidentPicture:
    incident: Incident
    notices: tuple[ToldNotice, ...]
    """Oldest first, as far back as the store keeps them."""
    silences: tuple[Silence, ...]
    """Not ended; of any firm."""
    held_back_by: Incident | None = None
    holds_back: tuple[Incident, ...] = ()
    """Not over."""
    rows: Mapping[str, FirmRow] = field(default_factory=dict)
    """Of its firms, by id."""
