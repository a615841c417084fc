"""Where the watch's store is: a file of the project, or what ``MUNIMENT_WATCH_STORE`` or a connection names."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from muniment.adapters.host.project import project_folders
from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.site.logins import Login, find_login
from muniment.domain.secret import Secret

VARIABLE = "MUNIMENT_WATCH_STORE"
_FILE = Path(".muniment", "watch", "watch.sqlite")


def store_url(connection_id: str | None, settings: Path | None) -> Secret:
    """As ``store_url_by``, with the connections of the environment or of the file ``settings``."""
    return store_url_by(connection_id, lambda named: find_login(named, settings))


def store_url_by(connection_id: str | None, find: Callable[[str], Login]) -> Secret:
    """For ``WatchStore.open``. ``MUNIMENT_WATCH_STORE``, a file or a URL, comes before the connection of this id, a
    PostgreSQL's; without either it is the project's own file.

    Raises ``InvalidConfiguration`` where there is no such connection.
    """
    if named := os.environ.get(VARIABLE):
        return Secret(named)
    if connection_id is not None:
        return url_of(find(connection_id).conninfo())
    return Secret(str(_file()))


def url_of(conninfo: Secret) -> Secret:
    """libpq's keyword string as a URL: each keyword may stand behind its question mark."""
    return Secret(f"postgresql+psycopg:///?{urlencode(parse_conninfo(conninfo.reveal()), quote_via=quote)}")


def _file() -> Path:
    """The one that is there, else of the first project folder that is: who looks from elsewhere than Airflow does must
    not find an empty store, and all quiet."""
    files = [folder / _FILE for folder in project_folders() if folder.is_dir()]
    return next((file for file in files if file.exists()), files[0])
