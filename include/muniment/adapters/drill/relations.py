"""Can every relation of a restored cluster be read? By amcheck where it is installed, else by a dump to nowhere."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from muniment.adapters.host.environment import program_environment
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.name_patterns import exactly
from muniment.adapters.postgres.server import PostgresServer
from muniment.errors import ProgramFailed, ProgramMissing, SessionRefused, StatementRefused

_TIMEOUT_S = 6 * 3600.0
_SAID_CHARS = 2000
_AMCHECK = "SELECT count(*) AS n FROM pg_available_extensions WHERE name = 'amcheck'"


@dataclass(frozen=True, slots=True)
class Relations:
    """Of all databases. ``faults``: one for each database in which something could not be read."""

    databases: int
    faults: tuple[str, ...]
    how: str


def has_amcheck(server: PostgresServer, programs: PostgresPrograms) -> bool:
    return bool(server.row(_AMCHECK)["n"]) and (programs.bin_dir / "pg_amcheck").exists()


def read_all_relations(server: PostgresServer, programs: PostgresPrograms) -> Relations:
    """``server``: as a superuser. Raises ``PostgresError``."""
    names = server.databases()
    by_amcheck = has_amcheck(server, programs)
    faults = [fault for name in names if (fault := _unreadable(server, programs, name, by_amcheck))]
    return Relations(len(names), tuple(faults), "amcheck" if by_amcheck else "a dump to nowhere")


def _unreadable(server: PostgresServer, programs: PostgresPrograms, database: str, by_amcheck: bool) -> str | None:
    try:
        with libpq_environment(server, database) as variables:
            if by_amcheck:
                _amcheck(programs, database, variables)
            else:
                programs.run("pg_dump", "--file=/dev/null", timeout_s=_TIMEOUT_S, env=variables)
    except (ProgramFailed, ProgramMissing, SessionRefused, StatementRefused) as failure:
        return f"{database}: {failure.what}"
    return None


def _amcheck(programs: PostgresPrograms, database: str, variables: Mapping[str, str]) -> None:
    """What it finds it says on stdout, where other programs have their results."""
    argv = programs.argv("pg_amcheck", "--install-missing", "--heapallindexed", "--database", exactly(database))
    done = subprocess.run(
        argv, env=program_environment(variables), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = done.stdout.strip()[:_SAID_CHARS]
        raise ProgramFailed(program="pg_amcheck", status=f"status {done.returncode}", stderr=said)
