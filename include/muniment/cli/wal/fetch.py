"""``muniment wal fetch NAME PATH``: what restore_command runs. PATH is where PostgreSQL wants the file.

Exit code 1 tells PostgreSQL that the archive holds no such file, and with that recovery ends and the server opens. So
only a proven absence is 1; whatever else goes wrong must be above 125, which stops recovery instead (PostgreSQL
documentation, "Recovering Using a Continuous Archive Backup"). SIGTERM ends us as it ends any program.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from muniment.adapters.host.data_directory import system_identifier_of
from muniment.adapters.wal.spool import WalSpool
from muniment.cli.wal.arguments import Arguments
from muniment.domain.wal.names import SegmentHeader, is_segment

NOT_IN_THE_ARCHIVE = 1
STOP_RECOVERY = 200
_LONGEST_WAIT_S = 30.0
_HEADER_BYTES = 40


def stop_recovery_on_any_failure() -> None:
    """Python itself would end with 1 after an exception that nobody caught."""

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        sys.stderr.flush()
        os._exit(STOP_RECOVERY)

    sys.excepthook = end


def main(arguments: list[str]) -> int:
    request = Arguments("fetch", "NAME PATH", arguments)
    if request.fault:
        request.complain()
        return STOP_RECOVERY
    name, target = request.positional[0], Path(request.positional[1])
    spool = WalSpool.of_cluster(request.firm)
    if take_fetched(spool, name, target):
        return 0
    is_prefetching = spool.is_prefetching()
    token = spool.need(name)
    if not is_prefetching:
        start_prefetcher(request)
    elif (answer := await_answer(spool, name, target, token)) is not None:
        return answer
    # Nobody is there who has paid for the imports already.
    from muniment.cli.wal.fetch_one import fetch_one

    return fetch_one(request.firm, request.side, name, target)


def await_answer(spool: WalSpool, name: str, target: Path, token: str) -> int | None:
    """The exit code, or ``None`` where the prefetcher failed: then our own attempt says why."""
    deadline = time.monotonic() + _LONGEST_WAIT_S
    absent, failed = spool.answer("absent", token), spool.answer("failed", token)
    while not take_fetched(spool, name, target):
        if absent.exists():
            absent.unlink()
            return NOT_IN_THE_ARCHIVE
        if failed.exists() or time.monotonic() > deadline or not spool.is_prefetching():
            return None
        time.sleep(0.003)
    return 0


def take_fetched(spool: WalSpool, name: str, target: Path) -> bool:
    """Moves the file from the spool to ``target`` when it is there and right."""
    here = spool.ready(name)
    if here is None or not _is_sound(here, name):
        return False
    if here.name != name:
        print(f"muniment wal fetch {name}: taken from the other vault; prefetch.log says why", file=sys.stderr)
    try:
        here.rename(target)
    except OSError:  # the spool lies on another file system
        unfinished = target.with_name(f".{target.name}.muniment")
        shutil.copyfile(here, unfinished)
        unfinished.rename(target)
        here.unlink()
    return True


def _is_sound(file: Path, name: str) -> bool:
    """The prefetcher has checked all of it; this is against files that somebody else has put there."""
    if not is_segment(name):
        return True
    with file.open("rb") as handle:
        header = SegmentHeader.parse(handle.read(_HEADER_BYTES))
    ours = system_identifier_of(Path.cwd())
    return ours is not None and header.fault(name, ours, file.stat().st_size) is None


def start_prefetcher(request: Arguments) -> None:
    """It outlives us: the next segments arrive while PostgreSQL replays this one."""
    with (WalSpool.of_cluster(request.firm).root / "prefetch.log").open("wb") as output:
        subprocess.Popen(
            [sys.executable, "-m", "muniment.cli.wal.prefetch", request.firm, request.side],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
