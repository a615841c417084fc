"""What a line says of an incident on any page: its state, whose it is, since when."""

from collections.abc import Mapping
from datetime import datetime

from muniment.domain.fleet.shown_word import ShownWord
from muniment.domain.fleet.sight import Sight
from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.scoping import OWN
from muniment.domain.incidents.severity import GRAVE
from muniment.domain.incidents.wording import touched


def state_word(incident: Incident) -> ShownWord:
    match incident.state:
        case "open":
            return ShownWord("open", "lost" if incident.severity in GRAVE else "risk")
        case "acknowledged":
            return ShownWord("acknowledged", "suspended")
        case "resolved":
            return ShownWord("over", "safe")
    return ShownWord("seen, not confirmed yet", "new")


def since(incident: Incident) -> datetime:
    return min((each.since for each in touched(incident)), default=incident.observed_at)


def whose(incident: Incident, names: Mapping[str, str], sight: Sight) -> str:
    """``Harbor & Lane LLP``; ``region us-east-2: 2 firms, and 3 that you may not see``; ``channel on-call``."""
    scope = sight.text(str(incident.scope))
    members = touched(incident)
    seen = [each.firm for each in members if each.firm in sight.allowed]
    if not members:
        owner = incident.scope.name
        return names.get(owner, owner) if incident.scope.kind == "firm" else scope
    if incident.scope.kind in OWN:
        return names.get(members[0].firm, members[0].firm)
    told = names.get(seen[0], seen[0]) if len(seen) == 1 else f"{len(seen)} firms"
    hidden = len(members) - len(seen)
    return f"{scope}: {told}{f', and {hidden} that you may not see' if hidden else ''}"
