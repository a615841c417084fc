"""The list of incidents: the open ones by how grave they are, then those that are over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.fleet.incident_words import since, state_word, whose
from muniment.domain.fleet.shown_word import ShownWord
from muniment.domain.fleet.sight import Sight, firms_of
from muniment.domain.incidents.incident import Incident, Silence
from muniment.domain.incidents.lifecycle import OPEN
from muniment.domain.incidents.severity import RANK
from muniment.domain.incidents.telling import is_silenced
from muniment.domain.incidents.trouble import Severity


@dataclass(frozen=True, slots=True)
class IncidentLine:
    id: str
    subject: str
    severity: Severity
    word: ShownWord
    whose: str
    since: datetime
    over_at: datetime | None
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    is_silenced: bool
    is_held_back: bool
    """A wider one that is open explains it, and is told in its place."""


@dataclass(frozen=True, slots=True)
class IncidentsView:
    open: tuple[IncidentLine, ...]
    over: tuple[IncidentLine, ...]
    includes_over: bool
    counts: tuple[tuple[Severity, int], ...]
    """Of the open ones, the gravest first."""


def incidents_view(
    incidents: Iterable[Incident],
    names: Mapping[str, str],
    silences: Iterable[Silence],
    sight: Sight,
    *,
    include_over: bool,
) -> IncidentsView:
    """``names``: of the firms, by id. Of what ``sight`` does not see nothing is shown, nor is it counted."""
    quiet = tuple(silences)
    seen = [each for each in incidents if sight.sees(each)]
    now_open = sorted((each for each in seen if each.state in OPEN), key=_gravest_first)
    over = sorted((each for each in seen if each.state == "resolved"), key=_last_first) if include_over else []
    counts = {severity: sum(each.severity == severity for each in now_open) for severity in reversed(RANK)}
    return IncidentsView(
        open=tuple(_line(each, names, quiet, sight) for each in now_open),
        over=tuple(_line(each, names, (), sight) for each in over),
        includes_over=include_over,
        counts=tuple(counts.items()),
    )


def _gravest_first(incident: Incident) -> tuple[bool, int, datetime, str]:
    """What another one explains comes last."""
    return incident.held_back_by is not None, -RANK[incident.severity], since(incident), incident.id


def _last_first(incident: Incident) -> tuple[float, str]:
    return -(incident.resolved_at or incident.last_bad_at).timestamp(), incident.id


def _line(incident: Incident, names: Mapping[str, str], silences: tuple[Silence, ...], sight: Sight) -> IncidentLine:
    sight = sight.among(firms_of(incident))
    return IncidentLine(
        id=incident.id,
        subject=sight.text(incident.subject),
        severity=incident.severity,
        word=state_word(incident),
        whose=whose(incident, names, sight),
        since=since(incident),
        over_at=incident.resolved_at,
        acknowledged_by=incident.acknowledged_by if incident.state == "acknowledged" else None,
        acknowledged_until=incident.acknowledged_until if incident.state == "acknowledged" else None,
        is_silenced=is_silenced(incident, silences),
        is_held_back=incident.held_back_by is not None,
    )
