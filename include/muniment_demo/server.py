"""What a firm's PostgreSQL is configured with so that Muniment can back it up."""

import secrets
import shlex
import sys
from pathlib import Path

from psycopg import sql

from muniment.adapters.postgres.session import open_session
from muniment.domain.secret import Secret
from muniment_demo.world import PROJECT

type Settings = dict[str, str | int | bool]


def firm_settings(major: int) -> Settings:
    """Archiving is on from the start and goes nowhere until the vault is there."""
    settings: Settings = {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": "/bin/true",
        "archive_timeout": 60,
        "max_wal_senders": 5,
        "max_connections": 40,
        "shared_buffers": "48MB",
        "fsync": False,
    }
    if major >= 17:
        settings["summarize_wal"] = True
    return settings


def muniment(firm_id: str, settings: Path, registry: Path) -> list[str]:
    """The `muniment` command as a firm's own server runs it: with that firm's connections and no other's."""
    return [
        "env",
        f"MUNIMENT_FIRM={firm_id}",
        f"MUNIMENT_SETTINGS={settings}",
        f"MUNIMENT_REGISTRY={registry}",
        str(Path(sys.executable).with_name("muniment")),
    ]


def archive_through(firm_id: str, settings: Path, registry: Path) -> str:
    """`archive_command`; a percent sign in a path of ours is not one of PostgreSQL's."""
    return shlex.join(muniment(firm_id, settings, registry)).replace("%", "%%") + " wal push %p"


ROLE = "muniment"


WATCH_ROLE = "muniment_watch"


def create_role(conninfo: str, script: str = "postgres-role.sql") -> Secret:
    """By that file of docs/iam/ in the firm's database; returns the role's password."""
    password = secrets.token_urlsafe(18)
    script = (PROJECT / "docs" / "iam" / script).read_text()
    with open_session(conninfo, autocommit=False) as connection:
        literal = sql.Literal(password).as_string(connection)
        connection.execute(script.replace(":'password'", literal).encode())
    return Secret(password)
