"""What a firm's own vault keeps of an incident that is over."""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.incidents.incident import Change, Incident, Member
from muniment.domain.incidents.trouble import Cause, Scope, Severity
from muniment.domain.record import Record


class KeptIncident(Record):
    """``audit/incidents/<id>/<instant of its end>.json``: of this firm, and of no other one by name."""

    format: Literal[1] = 1
    firm: str
    id: str
    key: str
    cause: Cause
    scope: Scope
    severity: Severity
    """The last one."""
    subject: str
    what: str
    at_stake: str
    others: int
    """How many other firms it touched."""
    observed_at: AwareDatetime
    opened_at: AwareDatetime
    troubled_from: AwareDatetime
    troubled_until: AwareDatetime
    """This firm."""
    resolved_at: AwareDatetime
    changes: tuple[Change, ...]


def waits_for(incident: Incident) -> tuple[str, ...]:
    """Firms whose vault does not have it yet: of an incident that was open and is over."""
    if incident.state != "resolved" or incident.opened_at is None:
        return ()
    return tuple(each.firm for each in incident.members if not each.in_vault)


def kept_of(incident: Incident, firm: str) -> KeptIncident:
    """Raises ``ValueError`` where it is not over, or touches the firm not at all."""
    member = next((each for each in incident.members if each.firm == firm), None)
    if member is None or incident.opened_at is None or incident.resolved_at is None:
        message = f"incident {incident.id} is not over for firm {firm}"
        raise ValueError(message)
    return KeptIncident(
        firm=firm,
        id=incident.id,
        key=incident.key,
        cause=incident.cause,
        scope=incident.scope,
        severity=incident.severity,
        subject=incident.subject,
        what=_what(incident, member),
        at_stake=member.at_stake,
        others=len(incident.members) - 1,
        observed_at=incident.observed_at,
        opened_at=incident.opened_at,
        troubled_from=member.since,
        troubled_until=member.well_since or incident.resolved_at,
        resolved_at=incident.resolved_at,
        changes=incident.changes,
    )


def _what(incident: Incident, member: Member) -> str:
    """The incident's own words may be of another firm."""
    return incident.what if len(incident.members) == 1 else member.what
