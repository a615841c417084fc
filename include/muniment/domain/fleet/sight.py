"""What one person may read: firms they may see, and no word that names another one."""

import re
from collections.abc import Iterable
from functools import cached_property

from muniment.domain.incidents.incident import Incident, Member

_ANOTHER = "another firm"


class Sight:
    """``allowed``: ids of the firms that the person may see; ``known``: ids of all there are."""

    def __init__(self, allowed: frozenset[str], known: Iterable[str]) -> None:
        self.allowed = allowed
        self.hidden = frozenset(known) - allowed

    def sees(self, incident: Incident) -> bool:
        """One of no firm is everybody's."""
        firms = firms_of(incident)
        return not firms or bool(firms & self.allowed)

    def sees_all_of(self, incident: Incident) -> bool:
        return firms_of(incident) <= self.allowed

    def members(self, incident: Incident) -> tuple[Member, ...]:
        return tuple(each for each in incident.members if each.firm in self.allowed)

    def among(self, firms: frozenset[str]) -> "Sight":
        """The same, where ``firms`` are there as well: of an incident that names one which the store has forgotten."""
        return self if firms <= self.hidden | self.allowed else Sight(self.allowed, self.hidden | firms)

    def text(self, text: str) -> str:
        """``text`` with each word that begins with a hidden firm's id written ``another firm``: its DAGs, buckets and
        hosts are named after it."""
        if not self.hidden:
            return text
        return self._names.sub(self._word, text)

    def _word(self, found: re.Match[str]) -> str:
        """What stands behind an allowed firm's id may name a hidden one."""
        return f"{found[1]}{self.text(found[2])}" if found[1] in self.allowed else _ANOTHER

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return _named({*self.hidden, *self.allowed})


def firms_of(incident: Incident) -> frozenset[str]:
    """Whose it is; of none: Airflow's, a channel's, the watch's."""
    firms = frozenset(each.firm for each in incident.members)
    if firms:
        return firms
    owner = _owner(incident)
    return frozenset({owner}) if owner else frozenset()


def _owner(incident: Incident) -> str | None:
    """Of one that has no member: as its scope says."""
    kind, name = incident.scope.kind, incident.scope.name
    if kind == "firm":
        return name
    if kind == "dag":
        dag, _, _ = name.partition("/")
        firm, divided, _ = dag.rpartition("__")
        return firm if divided and firm != "fleet" else None
    return None


def _named(ids: Iterable[str]) -> re.Pattern[str]:
    """The longest id that a word begins with is the one that it names: ``acme-west`` is none of ``acme``'s."""
    choices = "|".join(re.escape(each) for each in sorted(ids, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9])({choices})(?![A-Za-z0-9])((?:[\w-]|[.](?=\w))*)")
