"""Where the watch's store is: a file of the project, or what ``MUNIMENT_WATCH_STORE`` or a connection names."""

import os
from pathlib import Path
from urllib.parse import quote, urlencode

from muniment.adapters.host.project import project_folders
from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.site.logins import find_login
from muniment.domain.secret import Secret

VARIABLE = "MUNIMENT_WATCH_STORE"
_FILE = Path(".muniment", "watch", "watch.sqlite")


def store_url(connection_id: str | None, settings: Path | None) -> Secret:
    """For ``WatchStore.open``. ``MUNIMENT_WATCH_STORE``, a file or a URL, comes before the connection of this id, a
    PostgreSQL's; without either it is a file of the first project folder that is there.

    Raises ``InvalidConfiguration`` where there is no such connection.
    """
    if named := os.environ.get(VARIABLE):
        return Secret(named)
    if connection_id is not None:
        return url_of(find_login(connection_id, settings).conninfo())
    return Secret(str(_project() / _FILE))


def url_of(conninfo: Secret) -> Secret:
    """libpq's keyword string as a URL: each keyword may stand behind its question mark."""
    return Secret(f"postgresql+psycopg:///?{urlencode(parse_conninfo(conninfo.reveal()), quote_via=quote)}")


def _project() -> Path:
    folders = project_folders()
    return next((folder for folder in folders if folder.is_dir()), folders[-1])
