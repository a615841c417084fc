"""pg_dump's output straight into pg_restore: from one server to another, through no disk in between."""

import subprocess
import tempfile
from collections.abc import Sequence

from muniment.adapters.host.environment import program_environment
from muniment.adapters.host.programs import PostgresPrograms, end_of
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.quoting import dbname_option
from muniment.adapters.postgres.server import PostgresServer
from muniment.errors import ProgramFailed


def programs_of(server: PostgresServer) -> PostgresPrograms:
    """Of the server's own major version: what a newer pg_dump writes an older server may not understand.

    Raises ``ProgramMissing``, which says what to install.
    """
    found = server.row("SELECT current_setting('server_version_num')::int / 10000 AS major")
    return PostgresPrograms.find(int(found["major"]))


def pipe(
    programs: PostgresPrograms,
    source: tuple[PostgresServer, str],
    dump: Sequence[str],
    target: tuple[PostgresServer, str],
    restore: Sequence[str],
) -> None:
    """``source`` and ``target``: a server and a database of it. Raises ``ProgramFailed`` with what either said."""
    with libpq_environment(*source) as reads, libpq_environment(*target) as writes, tempfile.TemporaryFile() as said:
        dumping = subprocess.Popen(
            programs.argv("pg_dump", "--format=custom", "--compress=0", "--no-password", *dump),
            env=program_environment(reads),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert dumping.stdout is not None
        with dumping, dumping.stdout as archive:
            restored = subprocess.run(
                programs.argv("pg_restore", "--no-password", dbname_option(target[1]), *restore),
                env=program_environment(writes),
                stdin=archive,
                capture_output=True,
                check=False,
            )
        said.seek(0)
        # The reader's end first: a dump whose reader has gone only says that its pipe broke.
        _require("pg_restore", restored.returncode, restored.stderr)
        _require("pg_dump", dumping.returncode, said.read())


def _require(program: str, status: int, said: bytes) -> None:
    if status != 0:
        stderr = end_of(program, said.decode(errors="replace"))
        raise ProgramFailed(program=program, status=f"status {status}", stderr=stderr)
