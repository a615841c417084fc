"""What is told of an incident: a short subject, and a page that is enough to begin with."""

from collections.abc import Mapping
from datetime import datetime

from muniment.domain.incidents.incident import Incident, Member, Notice, NoticeKind
from muniment.domain.incidents.scoping import OWN
from muniment.domain.record import new_id
from muniment.domain.units import human_duration

MOST_NAMES = 10
# Of an SNS message.
_SUBJECT_CHARACTERS = 100
_BEFORE: Mapping[NoticeKind, str] = {
    "opened": "",
    "worsened": "now {severity}: ",
    "reopened": "again: ",
    "reminder": "still: ",
    "flapping": "comes and goes: ",
    "acknowledged": "acknowledged: ",
    "resolved": "over: ",
}


def notice_of(incident: Incident, kind: NoticeKind, now: datetime) -> Notice:
    """``firms``: those that have it, or had it last. That somebody has it in hand, or that it is over, is told to whom
    it was told at its gravest: a pager that does not hear of the end stays open."""
    members = touched(incident)
    told = incident.gravest_told if kind in {"acknowledged", "resolved"} else None
    return Notice(
        id=f"{incident.id}.{new_id(now)}.{kind}",
        incident=incident.id,
        key=incident.key,
        kind=kind,
        cause=incident.cause,
        severity=told or incident.severity,
        firms=tuple(each.firm for each in members),
        tiers=tuple(dict.fromkeys(each.tier for each in members if each.tier)),
        subject=subject_of(incident, kind),
        message=message_of(incident, kind, now),
        links=incident.links,
        made_at=now,
    )


def touched(incident: Incident) -> tuple[Member, ...]:
    """Whoever is in it; once nobody is, whoever was."""
    return tuple(each for each in incident.members if each.is_troubled) or incident.of_this_life


def subject_of(incident: Incident, kind: NoticeKind) -> str:
    """``[muniment] harbor-lane: the archiver fails``; at most 100 characters, on one line."""
    before = _BEFORE[kind].format(severity=incident.severity)
    text = f"[muniment] {before}{whose(incident)}: {' '.join(incident.subject.split())}"
    return text if len(text) <= _SUBJECT_CHARACTERS else f"{text[: _SUBJECT_CHARACTERS - 3]}..."


def whose(incident: Incident) -> str:
    """``acme``, ``region us-east-2, 40 firms``."""
    if incident.scope.kind in OWN and incident.members:
        return incident.members[0].firm
    count = len(touched(incident))
    if not count:
        return str(incident.scope)
    return f"{incident.scope}, {count} firm{'' if count == 1 else 's'}"


def message_of(incident: Incident, kind: NoticeKind, now: datetime) -> str:
    parts = [_head(incident, kind, now)]
    if kind == "resolved":
        parts.append(incident.what.partition("\n")[0])
    else:
        parts.append(f"{incident.what}\nKEPT: {incident.kept}\nHINT: {incident.hint}")
    parts.append(_foot(incident, kind))
    return "\n\n".join(parts)


def _head(incident: Incident, kind: NoticeKind, now: datetime) -> str:
    lines = [f"{_NEWS[kind](incident, now)}", f"severity: {incident.severity}", f"whose: {_names(incident)}"]
    if kind == "resolved":
        return "\n".join(lines)
    since = min((each.since for each in touched(incident)), default=incident.observed_at)
    lines.append(f"since: {_at(since)}{_ago(since, now)}")
    if stake := next((each.at_stake for each in touched(incident) if each.at_stake), ""):
        lines.append(f"at stake: {stake}{_of_the_first(incident)}")
    if breaks_at := min((each.breaks_at for each in touched(incident) if each.breaks_at), default=None):
        lines.append(f"promise: {'broken since' if breaks_at <= now else 'breaks at'} {_at(breaks_at)}")
    if effects := sorted({cause for each in touched(incident) for cause in each.also}):
        lines.append(f"with it: {', '.join(effects)} (not told by themselves)")
    return "\n".join(lines)


def _opened(incident: Incident, now: datetime) -> str:
    return "this needs somebody"


def _worsened(incident: Incident, now: datetime) -> str:
    return f"this has become {incident.severity}"


def _reopened(incident: Incident, now: datetime) -> str:
    return "this was over, and is back"


def _reminder(incident: Incident, now: datetime) -> str:
    opened = incident.opened_at or incident.observed_at
    return f"nobody has repaired this for {human_duration(max((now - opened).total_seconds(), 0.0))}; told once a day"


def _flapping(incident: Incident, now: datetime) -> str:
    return "this comes and goes: nothing more is told until it has stayed one way for an hour"


def _acknowledged(incident: Incident, now: datetime) -> str:
    until = f" until {_at(incident.acknowledged_until)}" if incident.acknowledged_until else ""
    return f"{incident.acknowledged_by} has this in hand{until}"


def _resolved(incident: Incident, now: datetime) -> str:
    opened = incident.opened_at or incident.observed_at
    return f"this is over, after {human_duration(max((now - opened).total_seconds(), 0.0))}"


_NEWS = {
    "opened": _opened,
    "worsened": _worsened,
    "reopened": _reopened,
    "reminder": _reminder,
    "flapping": _flapping,
    "acknowledged": _acknowledged,
    "resolved": _resolved,
}


def _names(incident: Incident) -> str:
    names = [each.firm for each in touched(incident)]
    if not names:
        return f"{incident.scope}, nobody's own"
    if incident.scope.kind in OWN:
        return names[0]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{incident.scope}, {len(names)} firm{'' if len(names) == 1 else 's'}: {', '.join(names[:MOST_NAMES])}{more}"


def _of_the_first(incident: Incident) -> str:
    several = len(touched(incident)) > 1
    return f" ({next(each.firm for each in touched(incident) if each.at_stake)}, the first of them)" if several else ""


def _foot(incident: Incident, kind: NoticeKind) -> str:
    links = [f"{name}: {address}" for name, address in incident.links.items()]
    verb = "show" if kind == "resolved" else "acknowledge"
    act = f"incident {incident.id}: `muniment incidents {verb} {incident.id}`"
    return "\n".join([f"runbook: {incident.runbook}", *links, act])


def _ago(since: datetime, now: datetime) -> str:
    return f", {human_duration((now - since).total_seconds())} ago" if now > since else ""


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "unknown"
