"""The rest of ``wal push``, for when a file really has to go to S3: every import, one process, many segments."""

import sys
from concurrent.futures import wait
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from muniment.adapters.site.logins import find_login
from muniment.adapters.site.site import build_vault
from muniment.adapters.wal.spool import WalSpool
from muniment.cli.wal.push_guard import PushGuard
from muniment.errors import MunimentError, WalFileMissing
from muniment.registry import load_firm
from muniment.runbooks.wal.push_wal import Batch, WalPusher, open_pusher, push_wal

# Longer would keep PostgreSQL from noting in pg_stat_archiver what has been archived.
OTHERS_LIMIT_S = 20.0


def push_many(firm_id: str, file: Path, spool: WalSpool, guard: PushGuard) -> NoReturn:
    """Ends the process: 0 once ``file`` is in the vault, whatever becomes of the others."""
    try:
        batch = push_wal(_open(firm_id, spool), file)
        batch.own.result()
    except MunimentError as error:
        guard.fail(error)
    except FileNotFoundError as error:
        guard.fail(WalFileMissing(path=error.filename))
    guard.stored()
    spool.forget(file.name)
    _finish_others(batch, guard.seconds_for_others(OTHERS_LIMIT_S))
    guard.end(0)


def _open(firm_id: str, spool: WalSpool) -> WalPusher:
    firm = load_firm(None, firm_id)
    aws = find_login(firm.aws_connection)
    vault = build_vault(firm, "primary", aws.clients(), aws.clients(hasty=True))
    return open_pusher(vault, firm.policy, spool, clock=lambda: datetime.now(UTC))


def _finish_others(batch: Batch, limit_s: float) -> None:
    """PostgreSQL names each of them to a run of its own, which reports what is wrong; here one line is enough."""
    wait(batch.others.values(), timeout=limit_s)
    batch.give_up()
    for name, other in batch.others.items():
        if other.done() and not other.cancelled() and (error := other.exception()):
            print(f"muniment wal push: {name} was not pushed ahead: {error}".splitlines()[0], file=sys.stderr)
