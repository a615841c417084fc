"""Whether a pass, or a person's act, is told of an incident: at most one notice of each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from muniment.domain.incidents.incident import Incident, NoticeKind, Silence
from muniment.domain.incidents.lifecycle import OPEN, acknowledgement_ended, begins_to_flap
from muniment.domain.incidents.severity import RANK, gravest

REMIND_AFTER = timedelta(hours=24)


def told(
    before: Incident | None, after: Incident, silences: Iterable[Silence], now: datetime
) -> tuple[Incident, NoticeKind | None]:
    """``before``: as it was kept, ``None`` where it is new. The incident comes back with what it has to remember."""
    if after.acknowledged_until is not None and after.acknowledged_until <= now:
        after = acknowledgement_ended(after, now)
    if after.state == "resolved":
        was_open = before is not None and before.state in OPEN
        return _remembering(after, "resolved" if was_open and after.last_told_at else None, now)
    if after.state not in OPEN or after.held_back_by is not None:
        return after, None
    if is_silenced(after, silences):
        return (after if after.was_silenced else after.model_copy(update={"was_silenced": True})), None
    return _remembering(after, _due(before, after, now), now)


def _due(before: Incident | None, after: Incident, now: datetime) -> NoticeKind | None:
    if after.last_told_at is None:
        return "opened" if after.is_bad else None
    if before is not None and before.state not in OPEN:
        return "reopened"
    if after.told_severity and RANK[after.severity] > RANK[after.told_severity]:
        return "worsened"
    if begins_to_flap(after):
        return "flapping"
    return "reminder" if after.is_bad and _is_reminded(before, after, now) else None


def _is_reminded(before: Incident | None, after: Incident, now: datetime) -> bool:
    """Once a day; and once when what kept us quiet has ended."""
    if after.state != "open" or after.last_told_at is None:
        return False
    was_acknowledged = before is not None and before.state == "acknowledged"
    return after.was_silenced or was_acknowledged or now - after.last_told_at >= REMIND_AFTER


def _remembering(incident: Incident, kind: NoticeKind | None, now: datetime) -> tuple[Incident, NoticeKind | None]:
    if kind is None:
        return incident, None
    told = () if kind in {"opened", "reopened"} else filter(None, [incident.gravest_told])
    facts: dict[str, Any] = {"last_told_at": now, "told_severity": incident.severity, "was_silenced": False}
    facts["gravest_told"] = gravest((incident.severity, *told))
    if kind == "flapping":
        facts["flapping_told_at"] = now
        if incident.state == "acknowledged":  # whoever has it in hand sees that
            return incident.model_copy(update={"flapping_told_at": now}), None
    return incident.model_copy(update=facts), kind


def is_silenced(incident: Incident, silences: Iterable[Silence]) -> bool:
    """``silences``: those that have not ended."""
    return any(_matches(each, incident) for each in silences)


def _matches(silence: Silence, incident: Incident) -> bool:
    """A silence of one firm is not one of an incident that others have too."""
    troubled = {each.firm for each in incident.members if each.is_troubled}
    firms = troubled or {each.firm for each in incident.of_this_life}
    return (
        (silence.key is None or silence.key == incident.key)
        and (silence.cause is None or silence.cause == incident.cause)
        and (silence.firm is None or firms == {silence.firm})
    )
