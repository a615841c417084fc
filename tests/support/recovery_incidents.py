"""Incidents that the Recovery page shows: of one firm, of several, of none, and some that are over."""

from datetime import datetime, timedelta

from muniment.domain.incidents.incident import Change, Delivery, Incident, Member, Notice, Silence
from muniment.domain.incidents.trouble import Cause, Scope, Severity
from tests.support.recovery_histories import id_of

_MINUTE = timedelta(minutes=1)


def shown_incident(
    cause: Cause, firms: tuple[str, ...], now: datetime, *, severity: Severity = "error", ago: timedelta = 40 * _MINUTE
) -> Incident:
    """Open, on its firm's own scope where it has one firm, on a region where it has more, on a channel where none."""
    kinds = {0: Scope(kind="channel", name="pager"), 1: Scope(kind="firm", name="".join(firms[:1]))}
    scope = kinds.get(len(firms), Scope(kind="region", name="us-west-2"))
    began = (now - ago).replace(microsecond=0)
    return Incident(
        id=id_of(began),
        key=f"{cause}-{scope.name}"[:64],
        cause=cause,
        scope=scope,
        severity=severity,
        state="open",
        subject=f"{cause.replace('-', ' ')}: the newest commits are in one place only",
        what="WAL up to 16/B374D848 was written and is in no vault.",
        kept="Every recovery point and the WAL before them.",
        hint="Read the archiver's last error in the server's log; free space in pg_wal if it is short.",
        runbook=f"docs/monitoring.md#{cause}",
        links={"log": "/dags/harbor-lane__backup/runs/scheduled/tasks/push_wal", "page": "/recovery/firm/harbor-lane"},
        members=tuple(_member(firm, began, now, severity) for firm in firms),
        observed_at=began,
        opened_at=began + 5 * _MINUTE,
        last_bad_at=now - _MINUTE,
        bad_passes=8,
        last_told_at=began + 5 * _MINUTE,
        told_severity=severity,
        changes=(
            Change(at=began, what="seen", by="watch"),
            Change(at=began + 5 * _MINUTE, what="opened", by="watch"),
        ),
    )


def _member(firm: str, began: datetime, now: datetime, severity: Severity) -> Member:
    return Member(
        firm=firm,
        tier="professional",
        since=began,
        last_seen_at=now - _MINUTE,
        what="43 min of commits are at risk",
        at_stake="43 min of commits",
        breaks_at=began + 15 * _MINUTE,
        severity=severity,
    )


def resolved(incident: Incident, at: datetime) -> Incident:
    told = Change(at=at, what="resolved", by="watch")
    return incident.model_copy(
        update={
            "state": "resolved",
            "is_bad": False,
            "resolved_at": at,
            "last_good_at": at,
            "members": tuple(each.model_copy(update={"well_since": at}) for each in incident.members),
            "changes": (*incident.changes, told),
        }
    )


def acknowledged(incident: Incident, at: datetime) -> Incident:
    said = Change(at=at, what="acknowledged for 2 hours", by="jonas")
    return incident.model_copy(
        update={
            "state": "acknowledged",
            "acknowledged_by": "jonas",
            "acknowledged_until": at + timedelta(hours=2),
            "changes": (*incident.changes, said),
        }
    )


def notice_of(incident: Incident) -> Notice:
    return Notice(
        id=f"{incident.id}.opened",
        incident=incident.id,
        key=incident.key,
        kind="opened",
        cause=incident.cause,
        severity=incident.severity,
        firms=tuple(each.firm for each in incident.members),
        subject=incident.subject,
        message=f"{incident.what}\nKEPT: {incident.kept}\nHINT: {incident.hint}",
        made_at=incident.opened_at or incident.observed_at,
    )


def deliveries_of(notice: Notice) -> tuple[Delivery, ...]:
    """The second channel did not take it."""
    at = notice.made_at + timedelta(seconds=4)
    return (
        Delivery(notice=notice.id, channel="mail", at=at),
        Delivery(notice=notice.id, channel="pager", at=at, failure="503 Service Unavailable"),
    )


def silence_of(firm: str, now: datetime) -> Silence:
    return Silence(
        id=id_of(now),
        firm=firm,
        cause=None,
        key=None,
        until=now + timedelta(hours=3),
        by="jonas",
        why="the server moves to another rack",
        made_at=now - timedelta(hours=1),
    )
