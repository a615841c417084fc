"""The rest of ``wal push``, for when a file really has to go to S3: every import, one process, many segments."""

import sys
from concurrent.futures import wait
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from muniment.adapters.site.logins import Login, find_login
from muniment.adapters.site.site import build_vault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.spool import WalSpool
from muniment.cli.wal.push_guard import PushGuard
from muniment.domain.firm.firm import Firm
from muniment.errors import MunimentError, WalFileMissing
from muniment.registry import load_firm
from muniment.runbooks.wal.push_wal import Batch, WalPusher, open_pusher, push_wal

# Longer would keep PostgreSQL from noting in pg_stat_archiver what has been archived.
OTHERS_LIMIT_S = 20.0
# Once all is in the primary vault; after a run that had to wait so long, a minute's runs do not ask at all.
REPLICA_LIMIT_S = 3.0
# What the spool remembers of the other region: its S3 and its KMS.
_REPLICA, _OTHER_KEY = "replica", "other-key"


def push_many(firm_id: str, file: Path, spool: WalSpool, guard: PushGuard) -> NoReturn:
    """Ends the process: 0 once ``file`` is in the primary vault, whatever becomes of the others and of the replica."""
    try:
        pusher = _open(firm_id, spool, file.parent)
        batch = push_wal(pusher, file)
        batch.own.result()
    except MunimentError as error:
        guard.fail(error)
    except FileNotFoundError as error:
        guard.fail(WalFileMissing(path=error.filename))
    guard.stored()
    spool.forget(file.name)
    _finish_others(batch, guard.seconds_for_others(OTHERS_LIMIT_S))
    with suppress(OSError):  # a spool that is full or not ours
        _finish_beside(pusher)
    guard.end(0)


def _open(firm_id: str, spool: WalSpool, folder: Path) -> WalPusher:
    firm = load_firm(None, firm_id)
    aws = find_login(firm.aws_connection)
    vault = build_vault(firm, "primary", aws.clients(), aws.clients(brief=True))
    if spool.is_away(_OTHER_KEY):
        vault.envelope.stay_without_the_other()
    replica = _replica(firm, aws, spool)
    return open_pusher(vault, firm.policy, spool, clock=lambda: datetime.now(UTC), folder=folder, replica=replica)


def _replica(firm: Firm, aws: Login, spool: WalSpool) -> Vault | None:
    """``None``: it is left to the watch."""
    if not firm.policy.pushes_to_both or spool.is_away(_REPLICA) or spool.is_away(_OTHER_KEY):
        return None
    return build_vault(firm, "replica", aws.clients(brief=True))


def _finish_beside(pusher: WalPusher) -> None:
    if pusher.vault.envelope.is_without_the_other and not pusher.spool.is_away(_OTHER_KEY):
        pusher.spool.note_away(_OTHER_KEY)
    fault = pusher.beside.finish(REPLICA_LIMIT_S) if pusher.beside else None
    if fault:
        pusher.spool.note_away(_REPLICA)
        print(f"muniment wal push: the replica vault is left to the watch: {fault}", file=sys.stderr)


def _finish_others(batch: Batch, limit_s: float) -> None:
    """PostgreSQL names each of them to a run of its own, which reports what is wrong; here one line is enough."""
    wait(batch.others.values(), timeout=limit_s)
    batch.give_up()
    for name, other in batch.others.items():
        if other.done() and not other.cancelled() and (error := other.exception()):
            print(f"muniment wal push: {name} was not pushed ahead: {error}".splitlines()[0], file=sys.stderr)
