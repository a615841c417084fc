"""Airflow's notifiers look into the environment: what only the settings file has goes there."""

import os
from typing import TYPE_CHECKING

from muniment.cli.session import Session

if TYPE_CHECKING:
    from muniment.domain.watch.settings import WatchSettings


def lend_connections(session: Session, settings: "WatchSettings") -> None:
    """For each command that may tell somebody something."""
    from muniment.adapters.site.logins import connection_variables

    named = [each.connection for each in settings.channels if each.connection]
    named += [
        value
        for each in settings.channels
        for name, value in each.arguments.items()
        if name.endswith("conn_id") and isinstance(value, str)
    ]
    os.environ.update(connection_variables(named, session.settings))
