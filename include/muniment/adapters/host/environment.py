"""What this process's environment says of PostgreSQL, which is somebody else's: a person's shell, an image, Airflow's
own database. A ``PGPASSWORD`` wins over the password file that we name, a ``PGOPTIONS`` over nothing but our silence.
"""

import os
import re
from collections.abc import Mapping

# libpq's (PostgreSQL documentation, libpq, "Environment Variables"), psql's, and three that a server reads when it
# starts. PGDATA is none of them: each program is told its directory, and a firm's own start command may want it.
_POSTGRES = re.compile(r"PG(?!DATA$)[A-Z]+|PG_COLORS?|PSQLRC")


def program_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """For a program of PostgreSQL's: ours without what speaks of PostgreSQL, messages in English, and ``more``."""
    ours = {name: value for name, value in os.environ.items() if not _POSTGRES.fullmatch(name)}
    return {**ours, "LC_ALL": "C.UTF-8", **(more or {})}


def forget_postgres() -> None:
    """From here on libpq finds nothing in this process's environment, nor do programs that it starts.

    A connection string cannot overrule all of it: nothing says "no service" or stands against ``PGTZ``, ``PGDATESTYLE``
    and ``PGGEQO``, and one of them with a wrong value ends each session before it begins.
    """
    for name in [name for name in os.environ if _POSTGRES.fullmatch(name)]:
        del os.environ[name]
