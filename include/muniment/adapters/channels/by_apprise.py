"""Whatever apprise can reach: one address of its own notation, which is a secret as a whole."""

import logging
from typing import Any

from muniment.adapters.channels.airflow import imported
from muniment.adapters.channels.message import Message

APPRISE = "apprise.Apprise"
_TYPES = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


_UNKNOWN = "the connection's password is no address that apprise knows"


class NotTakenError(Exception):
    """apprise says why in its log alone."""


def send(connection: Any, message: Message) -> None:
    """Raises ``NotTakenError``."""
    logging.getLogger("apprise").propagate = False  # it logs addresses as they are
    apprise = imported(APPRISE)()
    with imported("apprise.LogCapture")(level=logging.WARNING) as log:
        if not apprise.add(connection.password or connection.host or ""):
            raise NotTakenError(_UNKNOWN)
        kind = "success" if message.act == "resolve" else _TYPES[message.severity]
        if not apprise.notify(body=message.whole, title=message.subject, notify_type=kind):
            lines = log.getvalue().strip().splitlines()
            raise NotTakenError(lines[-1] if lines else "apprise did not say why")
