"""The process behind ``wal fetch``: it pays for the imports once and serves a whole recovery. Never run by hand."""

import os
import sys
import time
from pathlib import Path

from muniment.adapters.wal.spool import WalSpool

# PostgreSQL's own replay comes first.
_NICENESS = 5
_LOCK_ATTEMPTS = 5


def main() -> int:
    firm, side = sys.argv[1:]
    spool = WalSpool.of_cluster(firm)
    if not _is_the_only_one(spool):
        return 0
    os.nice(_NICENESS)
    # Only now: whoever asks meanwhile sees the lock and waits for us instead of paying as well.
    from muniment.cli.wal.fetch_one import fetcher_of
    from muniment.errors import MunimentError
    from muniment.runbooks.wal.prefetch_wal import Prefetcher

    try:
        fetcher = fetcher_of(firm, side)
    except MunimentError as error:
        print(error)
        return error.exit_code
    Prefetcher(fetcher, spool, Path.cwd()).run()
    return 0


def _is_the_only_one(spool: WalSpool) -> bool:
    """Whoever asks whether a prefetcher runs has the lock for an instant, so one refusal tells nothing."""
    for _ in range(_LOCK_ATTEMPTS):
        if spool.lock() is not None:
            return True
        time.sleep(0.01)
    return False


if __name__ == "__main__":
    sys.exit(main())
