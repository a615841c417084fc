"""The folder beside a cluster in which one run of ``muniment wal`` leaves work for the next one.

PostgreSQL starts a program for each segment; starting Python with boto3 costs more than storing a segment. So a run
that has started pushes, or fetches, several, and the next run finds that its own is done. That run must cost
milliseconds: this module imports nothing but what a bare Python has imported already.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from muniment.adapters.host.lock_file import lock

# An acknowledgement is used within seconds; one that is older was left by a run whose server has moved on.
_FRESH_S = 900
AWAY_S = 60.0
SUBSTITUTED = ".from-the-other-vault"


class WalSpool:
    """One firm's folder: ``acknowledged/`` tells what is in the vault, ``fetched/`` holds what came out of it."""

    __slots__ = ("acknowledged", "fetched", "firm", "root", "wanted")

    def __init__(self, root: Path, firm: str) -> None:
        self.root = root / firm
        self.firm = firm
        self.acknowledged = self.root / "acknowledged"
        self.fetched = self.root / "fetched"
        self.wanted = self.root / "wanted"

    @classmethod
    def of_cluster(cls, firm: str) -> "WalSpool":
        """``$MUNIMENT_SPOOL``, or a folder beside the data directory, which is where PostgreSQL runs its commands."""
        named = os.environ.get("MUNIMENT_SPOOL")
        return cls(Path(named) if named else spool_beside(Path.cwd()), firm)

    def acknowledge(self, name: str, identity: str) -> None:
        """Notes that the file with this identity is in the vault. Only after S3 has said so."""
        self.acknowledged.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.acknowledged / f".{name}.{os.getpid()}"
        unfinished.write_text(f"{self.firm} {identity}")
        unfinished.rename(self.acknowledged / name)

    def is_acknowledged(self, file: Path) -> bool:
        """Whether this very file is in the vault: the note names it and nothing has touched it since."""
        note = self.acknowledged / file.name
        try:
            told, said = note.stat(), note.read_text()
        except OSError:  # whatever is wrong with the spool, S3 itself can still be asked
            return False
        ours = told.st_uid == os.geteuid() and 0 <= time.time() - told.st_mtime < _FRESH_S
        return ours and said == f"{self.firm} {identity_of(file.stat())}"

    def need(self, name: str) -> str:
        """Asks the prefetcher for a file; its answer bears the token that is returned."""
        token = f"{os.getpid()}-{time.monotonic_ns()}"
        self._tell(f"{name} {token}")
        return token

    def _tell(self, text: str) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.root / f".wanted.{os.getpid()}"
        unfinished.write_text(text)
        unfinished.rename(self.wanted)

    def ready(self, name: str) -> Path | None:
        """The fetched file. One out of the other vault has a name that restore_command does not know: ``wal fetch``
        takes it, and says so in the server's log."""
        places = (self.fetched / name, self.fetched / f"{name}{SUBSTITUTED}")
        return next((place for place in places if place.exists()), None)

    def answer(self, outcome: str, token: str) -> Path:
        """The prefetcher's empty file that says ``absent`` or ``failed`` to one request."""
        return self.fetched / f".{outcome}.{token}"

    def lock(self) -> int | None:
        """The prefetcher's lock for as long as the descriptor is open; ``None`` where another one has it."""
        self.fetched.mkdir(mode=0o700, parents=True, exist_ok=True)
        return lock(self.root / "prefetch.lock")

    def is_prefetching(self) -> bool:
        descriptor = self.lock()
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def note_away(self, what: str) -> None:
        """For the runs of the next minute: each would wait anew for what did not answer this one."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.root / f"away-{what}").touch()

    def is_away(self, what: str) -> bool:
        try:
            told = (self.root / f"away-{what}").stat()
        except OSError:
            return False
        return told.st_uid == os.geteuid() and 0 <= time.time() - told.st_mtime < AWAY_S

    def give_up(self, server_run: str) -> None:
        """Notes that S3 did not answer while this run of the server was stopping."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.root / "gave-up").write_text(server_run)

    def has_given_up(self, server_run: str) -> bool:
        try:
            return (self.root / "gave-up").read_text() == server_run != ""
        except FileNotFoundError:
            return False

    def forget(self, name: str) -> None:
        """A note that stays harms nothing: it holds for the very same file only."""
        with suppress(OSError):
            (self.acknowledged / name).unlink()


def spool_beside(data_dir: Path) -> Path:
    return Path(f"{data_dir}.muniment-wal")


def identity_of(found: os.stat_result) -> str:
    """Tells a file from every other, and from itself once its bytes or its name have been touched (ctime)."""
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
