"""What one pass was able to judge: what it did not judge is neither good nor bad."""

from collections import Counter
from functools import cached_property

from muniment.domain.incidents.trouble import Cause, Scope, ScopeKind
from muniment.domain.record import Record

EVERYBODYS: frozenset[ScopeKind] = frozenset({"airflow", "watch", "pool"})
"""No firm has to name these: each has them."""


class JudgedFirm(Record):
    """``scopes``: all that the firm may share with others (its keys, buckets, regions, host, queue)."""

    firm: str
    causes: frozenset[Cause]
    scopes: tuple[Scope, ...] = ()


class Judged(Record):
    """``fleet``: causes that are nobody's own and were judged for all that they may be about; ``things``: for these."""

    firms: tuple[JudgedFirm, ...] = ()
    fleet: frozenset[Cause] = frozenset()
    things: tuple[tuple[Cause, Scope], ...] = ()

    @cached_property
    def by_firm(self) -> dict[str, JudgedFirm]:
        return {each.firm: each for each in self.firms}

    @cached_property
    def _counted(self) -> dict[Cause, Counter[Scope]]:
        return {}

    def has_judged(self, firm: str, cause: Cause) -> bool:
        found = self.by_firm.get(firm)
        return found is not None and cause in found.causes

    def has_judged_thing(self, cause: Cause, scope: Scope) -> bool:
        return cause in self.fleet or (cause, scope) in self.things

    def firms_with(self, scope: Scope, cause: Cause) -> int:
        """How many firms that have this scope were judged for the cause: of what is everybody's, all."""
        if scope.kind in EVERYBODYS:
            return sum(cause in each.causes for each in self.firms)
        if cause not in self._counted:
            asked = (each for each in self.firms if cause in each.causes)
            self._counted[cause] = Counter(each_scope for each in asked for each_scope in set(each.scopes))
        return self._counted[cause][scope]
