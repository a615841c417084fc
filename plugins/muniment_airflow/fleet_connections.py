"""Airflow's connections for a pass of the watch: each is asked for once, and firms that share a login share clients."""

import functools

from muniment.adapters.site.logins import BRIEF_CONFIG, Login
from muniment.adapters.site.site import Clients, Site, build_site
from muniment.domain.firm.firm import Firm
from muniment.registry import load_registry
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.watch.one_pass import Watch
from muniment_airflow.hooks import aws_clients, conninfo, firm_site, login


class AirflowConnections:
    """Raises ``InvalidConfiguration`` where Airflow has none of an id."""

    def __init__(self) -> None:
        self._clients = functools.cache(_watch_clients)

    def login(self, connection_id: str) -> Login:
        return login(connection_id)

    def site(self, firm: Firm) -> Site:
        return firm_site(firm, application="muniment watch")

    def watch_site(self, firm: Firm) -> Site:
        seen = firm.as_watched
        return build_site(seen, conninfo(seen.cluster.connection), self._clients(seen.aws_connection))


_UNDERSTOOD = {
    "aws_session_token",
    "assume_role_kwargs",
    "config_kwargs",
    "endpoint_url",
    "region_name",
    "role_arn",
    "service_config",
}
"""Of an AWS connection's extras: what our own sessions do with them is what the provider's do."""


def _watch_clients(connection_id: str) -> Clients:
    """By our own sessions wherever they suffice: the provider's take ten times the CPU for each firm, every five
    minutes. One that names a profile, a web identity or the like is the provider's."""
    found = login(connection_id)
    if set(found.extra) <= _UNDERSTOOD:
        return found.clients(brief=True)
    return aws_clients(connection_id, BRIEF_CONFIG)


def airflow_outlook() -> Watch:
    """Raises ``InvalidConfiguration`` where ``watch.yaml`` has a fault; a firm's own is told as an incident."""
    registry = load_registry()
    return Watch(load_watch_settings(registry.root), registry.firms, registry.what_is_broken, AirflowConnections())
