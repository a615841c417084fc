"""The server of step 7 of RESTORE.md, started by the very command that step 6 prints, with its own settings."""

import getopt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import as_unprivileged, run_program
from muniment.adapters.postgres.session import open_session
from muniment.adapters.staging.isolated_cluster import START_TIMEOUT_S
from muniment.errors import ProgramFailed

_LOG_TAIL_CHARS = 2000


@dataclass(frozen=True, slots=True)
class KitServer:
    """``start`` and ``look`` are the page's ``pg_ctl … start`` and ``psql …``; ``fence`` keeps what starts in there."""

    cluster: LocalCluster
    start: Sequence[str]
    look: Sequence[str]
    superuser: str
    fence: Sequence[str]

    def recover(self) -> list[str]:
        """Starts it and waits until it lets the page's superuser in; returns its databases.

        Raises ``ProgramFailed`` with the end of its log.
        """
        try:
            run_program([*self.fence, *as_unprivileged(self.start)], timeout_s=START_TIMEOUT_S)
        except ProgramFailed as failure:
            raise self._failed(failure.facts["stderr"]) from failure
        with self._first_session() as session:
            names = session.execute("SELECT datname FROM pg_database ORDER BY datname").fetchall()
        return [name for (name,) in names]

    def stop(self) -> None:
        self.cluster.stop(timeout_s=START_TIMEOUT_S)

    def _first_session(self) -> psycopg.Connection:
        """What psql would do with these options; not every installation's psql runs. A refusal is the last word."""
        options = dict(getopt.getopt(list(self.look[1:]), "h:U:d:l")[0])
        if not self.cluster.comes_up(START_TIMEOUT_S):
            unfinished = "an unfinished recovery"
            raise self._failed(unfinished)
        try:
            return open_session(make_conninfo("", host=options["-h"], dbname=options["-d"], user=self.superuser))
        except psycopg.OperationalError as refused:
            raise self._failed(refused) from refused

    def _failed(self, said: object) -> ProgramFailed:
        log = Path(self.start[self.start.index("-l") + 1])
        told = log.read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip() if log.exists() else ""
        return ProgramFailed(program="step 7 of RESTORE.md", status="no server that answers", stderr=told or said)
