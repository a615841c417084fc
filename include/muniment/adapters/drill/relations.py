"""Can every relation of a restored cluster be read? By amcheck where it is installed, else by a dump to nowhere."""

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from muniment.adapters.drill.computed_indexes import ComputedIndex, check_computed, computed_indexes
from muniment.adapters.host.environment import program_environment
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.databases import read_databases
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.quoting import pattern
from muniment.adapters.postgres.server import PostgresServer
from muniment.errors import ProgramFailed, ProgramMissing, SessionRefused, StatementRefused

_TIMEOUT_S = 6 * 3600.0
_SAID_CHARS = 2000
_MADE_FROM = "template1"  # PostgreSQL's own, empty; a firm may keep a template of its own, with rows
_AMCHECK = "SELECT count(*) AS n FROM pg_available_extensions WHERE name = 'amcheck'"


@dataclass(frozen=True, slots=True)
class Relations:
    """Of all databases. ``faults``: one for each database in which something could not be read.

    ``unjudged``: what nobody can tell → why: databases that let nobody in, indexes whose functions do not run.
    """

    databases: int
    faults: tuple[str, ...]
    how: str
    unjudged: Mapping[str, str]


def has_amcheck(server: PostgresServer, programs: PostgresPrograms) -> bool:
    return bool(server.row(_AMCHECK)["n"]) and (programs.bin_dir / "pg_amcheck").exists()


def read_all_relations(server: PostgresServer, programs: PostgresPrograms) -> Relations:
    """``server``: as a superuser. Raises ``PostgresError``."""
    found = [database for database in read_databases(server) if database.name != _MADE_FROM]
    names = [each.name for each in found if each.is_open]
    unjudged = {f"every relation of {each.name}": "the database lets nobody in" for each in found if not each.is_open}
    by_amcheck = has_amcheck(server, programs)
    computed = {name: computed_indexes(server, name) if by_amcheck else [] for name in names}
    faults = [fault for name in names if (fault := _unreadable(server, programs, name, by_amcheck, computed[name]))]
    for name in names:
        for finding in check_computed(server, name, computed[name]) if computed[name] else ():
            if finding.is_fault:
                faults.append(f"{name}: index {finding.index}: {finding.reason}")
            else:
                unjudged[f"every row of its table is in index {finding.index} of {name}"] = finding.reason
    return Relations(len(names), tuple(faults), "amcheck" if by_amcheck else "a dump to nowhere", unjudged)


def _unreadable(
    server: PostgresServer, programs: PostgresPrograms, database: str, by_amcheck: bool, apart: Iterable[ComputedIndex]
) -> str | None:
    """``apart``: indexes that are checked by themselves."""
    try:
        with libpq_environment(server, database) as variables:
            if by_amcheck:
                _amcheck(programs, database, apart, variables)
            else:
                programs.run("pg_dump", "--file=/dev/null", timeout_s=_TIMEOUT_S, env=variables)
    except (ProgramFailed, ProgramMissing, SessionRefused, StatementRefused) as failure:
        return f"{database}: {failure.what}"
    return None


def _amcheck(
    programs: PostgresPrograms, database: str, apart: Iterable[ComputedIndex], variables: Mapping[str, str]
) -> None:
    """What it finds it says on stdout, where other programs have their results."""
    leave_out = (f"--exclude-index={pattern(index.name.schema)}.{pattern(index.name.table)}" for index in apart)
    argv = programs.argv(
        "pg_amcheck", "--install-missing", "--heapallindexed", "--database", pattern(database), *leave_out
    )
    try:
        done = subprocess.run(
            argv, env=program_environment(variables), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        status = f"no answer in {_TIMEOUT_S:g} s: nothing says that it is whole"
        raise ProgramFailed(program="pg_amcheck", status=status, stderr="") from None
    if done.returncode != 0:
        said = done.stdout.strip()[:_SAID_CHARS]
        raise ProgramFailed(program="pg_amcheck", status=f"status {done.returncode}", stderr=said)
