"""Ends a push in time: whatever S3 does, PostgreSQL gets its answer and a shutdown is not held up."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from muniment.adapters.host.data_directory import data_directory_of, is_stopping, postmaster_run
from muniment.adapters.wal.spool import WalSpool
from muniment.errors import MunimentError, WalNotPushed

LIMIT_S = 60.0
# At shutdown PostgreSQL tries three times, a second apart, and then stops with the segment kept for the next start. The
# first of these waits for S3, the next two take its word.
STOPPING_LIMIT_S = 5.0
_LOOK_EVERY_S = 0.25


class PushGuard:
    """Watches the clock, SIGTERM and the server's state from signal handlers: no wait anywhere escapes them."""

    def __init__(self, spool: WalSpool, file: Path) -> None:
        self._spool = spool
        self._file = file
        self._data_dir = data_directory_of(file) or Path.cwd()
        self._limit_s = LIMIT_S
        self._deadline = time.monotonic() + LIMIT_S
        self._is_stored = False
        self._is_stopping = False

    def start(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self.give_up("it was told to end (SIGTERM)"))
        signal.signal(signal.SIGALRM, lambda *_: self._look())
        self._look()
        if self._is_stopping and self._spool.has_given_up(postmaster_run(self._data_dir)):
            self.give_up("S3 did not answer since the server is stopping")
        signal.setitimer(signal.ITIMER_REAL, _LOOK_EVERY_S, _LOOK_EVERY_S)

    def stored(self) -> None:
        """The file that PostgreSQL has named is in the vault: from now on every end is a success."""
        self._is_stored = True

    def seconds_for_others(self, limit_s: float) -> float:
        return STOPPING_LIMIT_S if self._is_stopping else limit_s

    def fail(self, error: MunimentError) -> NoReturn:
        print(f"muniment wal push {self._file.name}: {error}", file=sys.stderr)
        self.end(error.exit_code)

    @staticmethod
    def end(code: int) -> NoReturn:
        """At once: a thread that waits for S3 would hold up the interpreter's own way out."""
        sys.stderr.flush()
        os._exit(code)

    def _look(self) -> None:
        if not self._is_stopping and is_stopping(self._data_dir):
            self._is_stopping = True
            self._limit_s = STOPPING_LIMIT_S
            self._deadline = min(self._deadline, time.monotonic() + STOPPING_LIMIT_S)
        if time.monotonic() > self._deadline:
            because = " while the server is stopping" if self._is_stopping else ""
            if self._is_stopping:
                self._spool.give_up(postmaster_run(self._data_dir))
            self.give_up(f"S3 did not acknowledge it within {self._limit_s:g} seconds{because}")

    def give_up(self, reason: str) -> NoReturn:
        """Ends the push, and says why where the file is not in the vault."""
        if self._is_stored:
            self.end(0)
        self.fail(WalNotPushed(segment=self._file.name, firm=self._spool.firm, reason=reason))
