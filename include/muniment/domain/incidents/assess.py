"""What one pass makes of the incidents there are, and what is told of that."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.incidents.explains import FED
from muniment.domain.incidents.incident import Incident, Notice, Silence
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.lifecycle import BY_WATCH, OPEN, Verdict, by_this_clock, reopens, resolved
from muniment.domain.incidents.lifecycle import judged as judged_so
from muniment.domain.incidents.membership import begun, has_enough_left, raised, with_troubles, without
from muniment.domain.incidents.placing import Placed, place
from muniment.domain.incidents.scoping import OWN, Group, own_scope
from muniment.domain.incidents.telling import told
from muniment.domain.incidents.trouble import Cause, Trouble
from muniment.domain.incidents.wording import notice_of
from muniment.domain.record import new_id


@dataclass(frozen=True, slots=True)
class Known:
    """``active``: all that are not resolved. ``lately``: what was resolved within a day."""

    active: Sequence[Incident]
    lately: Sequence[Incident]
    silences: Sequence[Silence]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has changed, in the order in which it was told."""

    incidents: tuple[Incident, ...]
    notices: tuple[Notice, ...]


def assess(troubles: Iterable[Trouble], seen: Judged, known: Known, now: datetime) -> Outcome:
    """A trouble's own ``seen_at`` is not asked: whatever a pass found, it found now."""
    active = {each.key: by_this_clock(each, now) for each in known.active}
    found = tuple(troubles)
    one_pass = _Pass(found, place(found, seen, active.values(), now), seen, active, now)
    lately = _newest(known.lately, now)
    changed: list[Incident] = []
    notices: list[Notice] = []
    for key in dict.fromkeys((*active, *one_pass.groups)):
        before = active.get(key) or lately.get(key)
        after, kind = told(before, one_pass.after(key, before), known.silences, now)
        if kind is not None:
            notices.append(notice_of(after, kind, now))
        if after is not before:
            changed.append(after)
    return Outcome(tuple(changed), tuple(notices))


def _newest(lately: Iterable[Incident], now: datetime) -> dict[str, Incident]:
    """Of each key the last life, where that may go on."""
    found = sorted((by_this_clock(each, now) for each in lately), key=lambda each: each.observed_at)
    return {each.key: each for each in found if reopens(each, now)}


class _Pass:
    """One pass over what there is: which group belongs to which incident, and what holds it back."""

    def __init__(
        self, troubles: Sequence[Trouble], placed: Placed, seen: Judged, active: dict[str, Incident], now: datetime
    ) -> None:
        self._placed, self._seen, self._active, self._now = placed, seen, active, now
        self._troubled: dict[Cause, dict[str | None, list[Trouble]]] = {}
        for trouble in troubles:
            self._troubled.setdefault(trouble.cause, {}).setdefault(trouble.firm, []).append(trouble)
        self.groups = {**placed.groups, **self._fed()}
        self._in_group = {
            (each.firm, group.cause): key for key, group in placed.groups.items() for each in group.troubles
        }

    def after(self, key: str, before: Incident | None) -> Incident:
        group, now = self.groups.get(key), self._now
        if group is None:
            assert before is not None  # a key is of a group, or of an incident that is not over
            return self._without_group(before)
        incident = before or begun(group, _id_of(key, now), now)
        if incident.state == "resolved":
            incident = incident.model_copy(update={"came_back_at": now})
        incident = with_troubles(incident, group, self._placed.held.get(key, ()), now)
        incident = without(incident, self._still(incident), self._seen, now)
        holder = None if key in self._placed.groups else self._placed.holders.get((group.troubles[0].firm, group.cause))
        at_once = any(each.opens_at_once for each in group.troubles)
        verdict: Verdict = "bad" if not incident.members or has_enough_left(incident) else "good"
        return judged_so(_held_by(incident, holder), verdict, opens_at_once=at_once, now=now)

    def _without_group(self, before: Incident) -> Incident:
        """Nothing stands for itself in it now."""
        still = self._still(before)
        incident = raised(without(before, still, self._seen, self._now), self._placed.held.get(before.key, ()))
        if still and (holder := self._holder(incident, still)):
            return _held_by(incident.model_copy(update={"last_bad_at": self._now}), holder)
        if self._is_good(incident):
            return judged_so(incident, "good", opens_at_once=False, now=self._now)
        return self._unjudged(incident)

    def _is_good(self, incident: Incident) -> bool:
        if not incident.members:
            return self._seen.has_judged_thing(incident.cause, incident.scope)
        asked = any(self._seen.has_judged(each.firm, incident.cause) for each in incident.members)
        return asked and not has_enough_left(incident)

    def _unjudged(self, incident: Incident) -> Incident:
        """What only a failed task told is part of what holds it back once that is open, else its own."""
        holder = self._active.get(incident.held_back_by or "")
        if holder is None:
            return _held_by(incident, None)
        if incident.cause in FED and holder.state in OPEN:
            return resolved(incident, f"part of incident {holder.id}", BY_WATCH, self._now)
        return incident

    def _still(self, incident: Incident) -> set[str | None]:
        """Firms that have its trouble now, wherever that was put."""
        found = self._troubled.get(incident.cause, {})
        if incident.scope.kind in OWN:
            return {each.firm for each in incident.members if each.firm in found}
        return {firm for firm, own in found.items() if any(incident.scope in each.scopes for each in own)}

    def _holder(self, incident: Incident, still: set[str | None]) -> str | None:
        firm = next(iter(still))
        explains = self._placed.holders.get((firm, incident.cause))
        return explains or self._in_group.get((firm, incident.cause))

    def _fed(self) -> dict[str, Group]:
        """A failed task tells it once: kept, until what explains it is known to be more than a moment's trouble."""
        kept: dict[str, Group] = {}
        for key, held in self._placed.held.items():
            holder = self._active.get(key)
            for trouble in held if holder is None or holder.state not in OPEN else ():
                if trouble.cause in FED:
                    group = Group(trouble.cause, own_scope(trouble), (trouble,))
                    kept[group.key] = group
        return kept


def _held_by(incident: Incident, holder: str | None) -> Incident:
    return incident if incident.held_back_by == holder else incident.model_copy(update={"held_back_by": holder})


def _id_of(key: str, now: datetime) -> str:
    return f"{new_id(now)}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
