"""What an incident is about after a pass: its firms, its gravity, its words."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from muniment.domain.incidents.incident import Incident, Member
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.scoping import OWN, Group
from muniment.domain.incidents.severity import RANK, gravest
from muniment.domain.incidents.trouble import Severity, Trouble
from muniment.domain.incidents.without_secrets import without_secrets

# Of an incident of many: once fewer than a tenth of them are in it, what they have is their own.
_SHARE_LEFT = 10
_LINE = 300


def begun(group: Group, incident_id: str, now: datetime) -> Incident:
    """Not judged yet, and of nobody."""
    worst = _worst(group.troubles)
    return Incident(
        id=incident_id,
        key=group.key,
        cause=group.cause,
        scope=group.scope,
        severity=worst.severity,
        state="observed",
        subject="",
        what="",
        kept="",
        hint="",
        runbook=worst.runbook,
        observed_at=now,
        last_bad_at=now,
    )


def with_troubles(incident: Incident, group: Group, held: Sequence[Trouble], now: datetime) -> Incident:
    """``held``: what it explains, of whichever firm."""
    members = {each.firm: each for each in incident.members}
    effects = _by_firm(held)
    for firm, own in _by_firm(group.troubles).items():
        members[firm] = _member(members.get(firm), own, effects.get(firm, []), now)
    worst, several = _worst(group.troubles), len(_by_firm(group.troubles)) > 1
    told = [worst] if several else sorted(group.troubles, key=lambda each: -RANK[each.severity])
    return incident.model_copy(
        update={
            "members": tuple(members.values()),
            "severity": gravest((*_severities(members.values()), worst.severity, *(each.severity for each in held))),
            "subject": without_secrets(worst.subject),
            "what": without_secrets("\n".join(dict.fromkeys(each.what for each in told))),
            "kept": without_secrets(worst.kept),
            "hint": without_secrets(worst.hint),
            "runbook": worst.runbook,
            "links": worst.links,
        }
    )


def without(incident: Incident, troubled: Iterable[str | None], judged: Judged, now: datetime) -> Incident:
    """Whoever was judged and is not among ``troubled`` is out of it."""
    still = set(troubled)
    members = tuple(
        each.model_copy(update={"well_since": now})
        if each.is_troubled and each.firm not in still and judged.has_judged(each.firm, incident.cause)
        else each
        for each in incident.members
    )
    if all(new is old for new, old in zip(members, incident.members, strict=True)):
        return incident
    severity = gravest(_severities(members)) if any(each.is_troubled for each in members) else incident.severity
    return incident.model_copy(update={"members": members, "severity": severity})


def raised(incident: Incident, held: Sequence[Trouble]) -> Incident:
    """As grave as what it explains: nobody else tells how far that has gone."""
    severity = gravest((incident.severity, *(each.severity for each in held)))
    return incident if severity == incident.severity else incident.model_copy(update={"severity": severity})


def has_enough_left(incident: Incident) -> bool:
    """Whether it is still one incident of them all."""
    left = sum(each.is_troubled for each in incident.members)
    if incident.scope.kind in OWN:
        return left > 0
    count = len(incident.of_this_life)
    return left > 0 and left >= max(min(2, count), math.ceil(count / _SHARE_LEFT))


def _member(known: Member | None, own: Sequence[Trouble], held: Sequence[Trouble], now: datetime) -> Member:
    worst = _worst(own)
    return Member.model_construct(
        firm=worst.firm or "",
        tier=worst.tier,
        since=known.since if known and known.is_troubled else now,
        last_seen_at=now,
        what=without_secrets(worst.what.partition("\n")[0])[:_LINE],
        at_stake=without_secrets(worst.at_stake),
        breaks_at=worst.breaks_at,
        severity=gravest(each.severity for each in (*own, *held)),
        places=tuple(dict.fromkeys(scope for each in own for scope in each.scopes)),
        also=tuple(dict.fromkeys(each.cause for each in held)),
        well_since=None,
        in_vault=False,
    )


def _severities(members: Iterable[Member]) -> tuple[Severity, ...]:
    return tuple(each.severity for each in members if each.is_troubled)


def _worst(troubles: Sequence[Trouble]) -> Trouble:
    """The first of the gravest."""
    return max(troubles, key=lambda each: RANK[each.severity])


def _by_firm(troubles: Sequence[Trouble]) -> dict[str, list[Trouble]]:
    found: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        if trouble.firm is not None:
            found.setdefault(trouble.firm, []).append(trouble)
    return found
