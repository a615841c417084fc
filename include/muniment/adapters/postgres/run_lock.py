"""One run of a firm at a time: an advisory lock of PostgreSQL's, which goes with its session.

It belongs to a database, so every run takes it in the firm's own one. Whoever holds it for hours may lose it without a
word: a firewall forgets the connection, the server fails over, somebody ends the session. So it is proven before
anything is registered or deleted, by the session that took it: nobody else's answer would be about that lock.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from muniment.errors import AnotherRunIsActive, RunLockLost

# First key of pg_try_advisory_lock(int, int): "MUNI" in ASCII. The second is a constant.
_LOCK_CLASS = 0x4D554E49
_RUN_LOCK = 1
_KEY = (_LOCK_CLASS, _RUN_LOCK)
# The backend of a worker that was killed needs a moment to notice.
LOCK_WAIT_S = 2.0
# More often than what ends an idle connection between us and the server: proxies begin at a minute.
_SIGN_OF_LIFE_S = 25.0
_HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted"
# Behind a pooler that gives each transaction another backend, the lock would be whoever's backend it is now.
_OURS = f"SELECT pg_backend_pid() AS pid, EXISTS ({_HOLDER} AND pid = pg_backend_pid()) AS held"

type Session = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RunLock:
    """``pid``: the backend that took it."""

    firm: str
    session: Session
    pid: int

    def prove(self) -> None:
        """It is still ours. Raises ``RunLockLost``: then nothing may be registered or deleted any more."""
        try:
            row = self.session.execute(_OURS, _KEY).fetchone()
        except psycopg.Error as error:
            reason = " ".join(str(error).split("\n", 1)[0].split())
            raise RunLockLost(firm=self.firm, reason=reason) from None
        if row is None or not row["held"] or row["pid"] != self.pid:
            raise RunLockLost(firm=self.firm, reason=f"backend {self.pid} does not hold it any more")


@contextmanager
def locked(firm: str, session: Session) -> Iterator[RunLock]:
    """Raises ``AnotherRunIsActive`` when somebody else still holds it after ``LOCK_WAIT_S``."""
    lock = RunLock(firm, session, _take(firm, session))
    ended = threading.Event()
    life = threading.Thread(target=_live, args=(session, ended), name="run-lock", daemon=True)
    life.start()
    try:
        yield lock
    finally:
        ended.set()
        life.join()
        # Said aloud, because a backend outlives its closed connection by moments and the next step is quick.
        # A connection that is lost has lost its lock as well.
        with suppress(psycopg.Error):
            session.execute("SELECT pg_advisory_unlock(%s, %s)", _KEY)


def _live(session: Session, ended: threading.Event) -> None:
    """What it hears is of no interest: whoever relies on the lock proves it."""
    while not ended.wait(_SIGN_OF_LIFE_S):
        with suppress(psycopg.Error):
            session.execute("SELECT 1")


def _take(firm: str, session: Session) -> int:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        row = session.execute("SELECT pg_try_advisory_lock(%s, %s) AS taken, pg_backend_pid() AS pid", _KEY).fetchone()
        if row and row["taken"]:
            return int(row["pid"])
        if time.monotonic() > deadline:
            held = session.execute(_HOLDER, _KEY).fetchone()
            raise AnotherRunIsActive(firm=firm, holder=held["pid"] if held else "unknown")
        time.sleep(0.1)
