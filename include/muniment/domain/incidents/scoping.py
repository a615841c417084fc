"""What a pass saw, as incidents have it: each trouble in one group, of its cause and the narrowest thing it shares."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Cause, Scope, ScopeKind, Trouble

# As many that have it new within half an hour are one event, though they are not half of those who share the scope.
_BURST, _NEW = 10, timedelta(minutes=30)
_KEY_CHARACTERS, _DIGEST_DIGITS = 64, 16
_RANK = {kind: number for number, kind in enumerate(get_args(ScopeKind.__value__))}
OWN: frozenset[ScopeKind] = frozenset({"firm", "dag"})
"""Scopes that are one firm's alone."""


@dataclass(frozen=True, slots=True)
class Group:
    """Troubles of one incident, in the order in which they were seen. Firms may have several."""

    cause: Cause
    scope: Scope
    troubles: tuple[Trouble, ...]

    @property
    def key(self) -> str:
        return key_of(self.cause, self.scope)


def key_of(cause: Cause, scope: Scope) -> str:
    """``wal-hole.firm.acme.`` and 16 digits of a SHA-256: 64 characters at most. PagerDuty takes 255."""
    digest = hashlib.sha256(f"{cause}\0{scope.kind}\0{scope.name}".encode()).hexdigest()[:_DIGEST_DIGITS]
    readable = re.sub(r"[^a-z0-9.-]+", "-", f"{cause}.{scope.kind}.{scope.name}".lower())
    return f"{readable[: _KEY_CHARACTERS - _DIGEST_DIGITS - 1]}.{digest}"


def own_scope(trouble: Trouble) -> Scope:
    """Where it is shared with nobody."""
    if trouble.firm is None:
        return trouble.scopes[0] if trouble.scopes else Scope(kind="watch", name="watch")
    of_dag = next((scope for scope in trouble.scopes if scope.kind == "dag"), None)
    return of_dag or Scope(kind="firm", name=trouble.firm)


def groups_of(
    cause: Cause, troubles: Sequence[Trouble], judged: Judged, active: Iterable[Incident], now: datetime
) -> list[Group]:
    """``troubles``: all of the cause that nothing else explains. ``active``: its incidents that are not over.

    What is in an incident that several firms share already stays in it, whatever its share of them is by now; the rest
    goes into a new one where at least half of the firms that share a scope, and were judged, have the trouble. Into one
    that few of its scope have, nobody comes without a word half an hour after it began: that is a trouble of its own.
    """
    sharing, members = _Sharing(cause, judged, list(active), now), dict[Scope, list[Trouble]]()
    rest = []
    for trouble in troubles:
        known = sharing.joined(trouble)
        if known is not None:
            members.setdefault(known, []).append(trouble)
        else:
            rest.append(trouble)
    for scope, joined in sharing.new(rest):
        members.setdefault(scope, []).extend(joined)
    return [Group(cause, scope, tuple(found)) for scope, found in members.items()]


class _Sharing:
    """The troubles of one cause, and who shares them."""

    def __init__(self, cause: Cause, judged: Judged, active: list[Incident], now: datetime) -> None:
        self._cause, self._judged, self._now = cause, judged, now
        shared = [each for each in active if each.scope.kind not in OWN and each.members]
        self._shared = sorted(shared, key=lambda each: -len(each.members))
        self._members = {each.key: {member.firm for member in each.members} for each in shared}
        own = [each for each in active if each.scope.kind in OWN]
        self._long_known = {
            member.firm for each in own if abs(now - each.observed_at) > _NEW for member in each.members
        }
        self._newly: dict[Scope, set[str]] = {}
        for member in (member for each in own for member in each.members if member.firm not in self._long_known):
            for scope in member.places:
                self._newly.setdefault(scope, set()).add(member.firm)

    def joined(self, trouble: Trouble) -> Scope | None:
        """The incident of several firms that it belongs to."""
        if trouble.firm is None:
            return own_scope(trouble)
        sharing = (each for each in self._shared if each.scope in trouble.scopes)
        return next((each.scope for each in sharing if self._takes(each, trouble.firm)), None)

    def _takes(self, incident: Incident, firm: str) -> bool:
        members = self._members[incident.key]
        if firm in members or abs(self._now - incident.observed_at) <= _NEW:
            return True
        troubled = sum(each.is_troubled for each in incident.members) + 1
        return troubled * 2 >= self._judged.firms_with(incident.scope, self._cause)

    def new(self, troubles: list[Trouble]) -> Iterator[tuple[Scope, list[Trouble]]]:
        """The scope that most share, and of several that the same firms share the narrowest; then of those left."""
        by_scope: dict[Scope, dict[int, Trouble]] = {}
        for number, trouble in enumerate(troubles):
            for scope in trouble.scopes if trouble.firm else ():
                by_scope.setdefault(scope, {})[number] = trouble
        sharers = {scope: {each.firm or "" for each in found.values()} for scope, found in by_scope.items()}
        left = dict(enumerate(troubles))
        for scope in sorted(sharers, key=lambda each: (-len(sharers[each]), _RANK[each.kind], each.name)):
            taken = {number: each for number, each in by_scope[scope].items() if number in left}
            firms = {each.firm or "" for each in taken.values()}
            if scope.kind not in OWN and firms and self._are_enough(scope, sharers[scope], firms):
                yield scope, list(taken.values())
                left = {number: each for number, each in left.items() if number not in taken}
        for trouble in left.values():
            yield own_scope(trouble), [trouble]

    def _are_enough(self, scope: Scope, firms: set[str], left: set[str]) -> bool:
        """``left``: those of ``firms`` that are in no wider group."""
        if len(left) > 1 and len(firms) * 2 >= self._judged.firms_with(scope, self._cause):
            return True
        return len((left - self._long_known) | self._newly.get(scope, set())) >= _BURST
