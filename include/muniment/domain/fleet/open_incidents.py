"""Which open incidents touch a firm now."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from muniment.domain.fleet.row import OpenIncident
from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.severity import RANK
from muniment.domain.incidents.trouble import Severity


def open_by_firm(incidents: Iterable[Incident]) -> dict[str, tuple[OpenIncident, ...]]:
    """The gravest first. An incident that was observed and not confirmed yet is none, and neither is one that a wider
    one holds back which has the firm itself."""
    told = [each for each in incidents if each.state in {"open", "acknowledged"}]
    touched = {each.key: dict(_touched(each)) for each in told}
    found: dict[str, list[OpenIncident]] = defaultdict(list)
    for incident in told:
        for firm, severity in touched[incident.key].items():
            if not _is_told_by_another(incident, firm, touched):
                one = OpenIncident(id=incident.id, cause=incident.cause, severity=severity, subject=incident.subject)
                found[firm].append(one)
    return {firm: tuple(sorted(each, key=lambda one: -RANK[one.severity])) for firm, each in found.items()}


def _touched(incident: Incident) -> Iterator[tuple[str, Severity]]:
    """Each firm with its own severity: of a lost region the one may bear it for longer than the other. One that all are
    out of, and that is not over yet, is theirs until it is."""
    if incident.scope.kind == "firm" and not incident.members:
        yield incident.scope.name, incident.severity
    for member in [each for each in incident.members if each.is_troubled] or incident.of_this_life:
        yield member.firm, member.severity


def _is_told_by_another(incident: Incident, firm: str, touched: Mapping[str, Mapping[str, Severity]]) -> bool:
    wider = incident.held_back_by
    return wider is not None and wider != incident.key and firm in touched.get(wider, {})
