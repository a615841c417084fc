"""All that one pass saw, cause by cause: what stands for itself, in groups, and what another incident explains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from muniment.domain.incidents.explains import ORDER, explained_by, is_at_the_same_place
from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.judged import EVERYBODYS, Judged
from muniment.domain.incidents.scoping import OWN, Group, groups_of
from muniment.domain.incidents.trouble import Cause, Scope, Trouble

# A firm that is out of a wider incident gets as long as three passes to catch up with what that has left behind.
_CATCHING_UP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Placed:
    """``held``: by the key of the incident that explains them; ``holders``: that key, by firm and cause."""

    groups: dict[str, Group]
    held: dict[str, list[Trouble]]
    holders: dict[tuple[str | None, Cause], str]


def place(troubles: Sequence[Trouble], judged: Judged, active: Iterable[Incident], now: datetime) -> Placed:
    """``active``: incidents that are not over, of all causes and queues."""
    by_cause = _by_cause(troubles)
    known: dict[Cause, list[Incident]] = {}
    for incident in active:
        known.setdefault(incident.cause, []).append(incident)
    placed, holders = Placed({}, {}, {}), _Holders(judged, {each.key for found in known.values() for each in found})
    for cause in sorted({*by_cause, *known}, key=lambda each: (ORDER.get(each, len(ORDER)), each)):
        free = []
        for trouble in by_cause.get(cause, ()):
            key = holders.of(trouble)
            if key is None:
                free.append(trouble)
                continue
            placed.held.setdefault(key, []).append(trouble)
            placed.holders[trouble.firm, cause] = key
            holders.add(trouble.firm, _Holder(cause, trouble.scopes, explained_by(cause, _scope_of(trouble)), key))
        for group in groups_of(cause, free, judged, known.get(cause, ()), now):
            placed.groups[group.key] = group
            holders.add_group(group)
        for incident in known.get(cause, ()):
            holders.add_incident(incident, placed.holders, now)
    return placed


def _by_cause(troubles: Sequence[Trouble]) -> dict[Cause, list[Trouble]]:
    found: dict[Cause, list[Trouble]] = {}
    for trouble in troubles:
        found.setdefault(trouble.cause, []).append(trouble)
    return found


def _scope_of(trouble: Trouble) -> Scope:
    return next(iter(trouble.scopes), Scope(kind="firm", name=trouble.firm or ""))


def _dag_or(scope: Scope, places: Iterable[Scope]) -> Scope:
    """Of a trouble that is one DAG's that DAG, whoever else has the like."""
    return next((each for each in places if each.kind == "dag"), scope)


@dataclass(frozen=True, slots=True)
class _Holder:
    cause: Cause
    places: tuple[Scope, ...]
    effects: frozenset[Cause]
    key: str


@dataclass(slots=True)
class _Holders:
    """What is known so far to explain something: of a firm, of all that share a scope, of everybody."""

    judged: Judged
    active: set[str]
    _firms: dict[str, list[_Holder]] = field(default_factory=dict)
    _scopes: dict[Scope, list[_Holder]] = field(default_factory=dict)
    _all: list[_Holder] = field(default_factory=list)

    def of(self, trouble: Trouble) -> str | None:
        return next((each.key for each in self._touching(trouble) if _explains(each, trouble)), None)

    def _touching(self, trouble: Trouble) -> Iterable[_Holder]:
        yield from self._all
        judged = self.judged.by_firm.get(trouble.firm or "")
        for scope in dict.fromkeys((*trouble.scopes, *(judged.scopes if judged else ()))) if self._scopes else ():
            yield from self._scopes.get(scope, ())
        if trouble.firm is not None:
            yield from self._firms.get(trouble.firm, ())

    def add(self, firm: str | None, holder: _Holder) -> None:
        if holder.effects and firm is not None:
            self._firms.setdefault(firm, []).append(holder)

    def add_group(self, group: Group) -> None:
        """Where several share it, each by its own DAG: it explains what that one leaves undone, and no more."""
        effects = explained_by(group.cause, group.scope)
        for trouble in group.troubles:
            own = explained_by(group.cause, _dag_or(group.scope, trouble.scopes))
            self.add(trouble.firm, _Holder(group.cause, trouble.scopes, own, group.key))
            if trouble.firm is None and effects:
                self._add_thing(_Holder(group.cause, (group.scope,), effects, group.key))

    def add_incident(self, incident: Incident, holders: dict[tuple[str | None, Cause], str], now: datetime) -> None:
        """One that this pass may not have judged. What is itself held back explains by way of what holds it."""
        effects = explained_by(incident.cause, incident.scope)
        if not effects:
            return
        own = incident.held_back_by if incident.held_back_by in self.active else incident.key
        if incident.scope.kind not in OWN and not incident.members and incident.is_bad:
            self._add_thing(_Holder(incident.cause, (incident.scope,), effects, own))
        for member in incident.members:
            if member.well_since is None or abs(now - member.well_since) < _CATCHING_UP:
                key = holders.get((member.firm, incident.cause), own)
                its = explained_by(incident.cause, _dag_or(incident.scope, member.places))
                self.add(member.firm, _Holder(incident.cause, member.places, its, key))

    def _add_thing(self, holder: _Holder) -> None:
        (scope,) = holder.places
        if scope.kind in EVERYBODYS:
            self._all.append(holder)
        else:
            self._scopes.setdefault(scope, []).append(holder)


def _explains(holder: _Holder, trouble: Trouble) -> bool:
    return trouble.cause in holder.effects and is_at_the_same_place(holder.cause, holder.places, trouble.scopes)
