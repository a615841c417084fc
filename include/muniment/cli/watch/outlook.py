"""What a pass needs, from outside Airflow: the registry, and connections of the environment or the settings file."""

from dataclasses import dataclass, field
from pathlib import Path

from muniment.adapters.site.logins import Login, find_login, open_site
from muniment.adapters.site.site import Clients, Site, build_site
from muniment.domain.firm.firm import Firm
from muniment.registry import load_registry
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.watch.one_pass import Watch


@dataclass(frozen=True, slots=True)
class OutsideConnections:
    settings: Path | None
    _clients: dict[str, Clients] = field(default_factory=dict)

    def login(self, connection_id: str) -> Login:
        return find_login(connection_id, self.settings)

    def site(self, firm: Firm) -> Site:
        return open_site(firm, self.settings)

    def watch_site(self, firm: Firm) -> Site:
        seen = firm.as_watched
        aws = seen.aws_connection
        if aws not in self._clients:
            self._clients[aws] = self.login(aws).clients(brief=True)
        return build_site(seen, self.login(seen.cluster.connection).conninfo(), self._clients[aws])


def outlook(root: Path | None, settings: Path | None) -> Watch:
    """Raises ``InvalidConfiguration`` where ``watch.yaml`` has a fault; a firm's own fault is one of what is told."""
    registry = load_registry(root)
    return Watch(
        load_watch_settings(registry.root), registry.firms, registry.what_is_broken, OutsideConnections(settings)
    )
