"""Whoever reads a recovery point leases it first: expire, in whichever region, then leaves alone what is being read.

The order is the whole protocol. A reader writes its lease and then looks for expire's mark; expire writes its mark and
then looks for leases. Whichever comes second sees the other one, so nothing is deleted that somebody reads: see
docs/adr/0021-whoever-reads-a-point-holds-it.md.
"""

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Thread
from uuid import uuid4

from muniment.adapters.leases.leases import KeptUp, standing_mark, versions_of
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.leases.lease import LASTS, LONGEST, Lease, LeasedWal, Needs
from muniment.domain.restore.needs import needs_of
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import WalSegment
from muniment.errors import BeingExpired, MunimentError
from muniment.ports import Progress, Silent

PATIENCE_S = 5.0
"""For the vault that is not read: its region may be what was lost."""


@contextmanager
def leased(
    vaults: Sequence[Vault],
    needs: Needs,
    what_for: str,
    *,
    progress: Progress | None = None,
    lasts: timedelta = LASTS,
) -> Iterator[None]:
    """Nothing of ``needs`` is deleted before the end. The first of ``vaults`` is the one that is read.

    Where the lease cannot be written (no right to, or no answer) progress says so, and reading goes on without.
    Raises ``BeingExpired`` where an expire is deleting some of it already.
    """
    kept = _begun(vaults, _lease(vaults[0].firm, uuid4().hex, needs, what_for, lasts), progress or Silent())
    try:
        _prove_not_going(vaults, kept, needs)
        yield
    finally:
        for each in kept:
            each.end()


def lease_plan(vaults: Sequence[Vault], plan: RestorePlan, *, progress: Progress | None = None) -> RestorePlan:
    """``plan``, and until when it can be carried out: the lease stays when this process ends.

    ``held_until`` is ``None`` where no vault could be written to. Raises ``BeingExpired``.
    """
    lease = _lease(plan.firm, _id_of(plan), needs_of_plan(vaults[0], plan), _what_for(plan), LASTS)
    return plan.model_copy(update={"held_until": _left(vaults, lease, progress)})


def lease_wal(vaults: Sequence[Vault], plan: RestorePlan, *, progress: Progress | None = None) -> None:
    """In place of the plan's own lease: its base is restored, and its server has days to start and fetch the rest."""
    wal = Needs(wal=needs_of_plan(vaults[0], plan).wal)
    with suppress(BeingExpired):  # only where nothing could be leased, which was said when the restore began
        _left(vaults, _lease(plan.firm, _id_of(plan), wal, f"the server of {_what_for(plan)}", LONGEST), progress)


def lease_documents(vault: Vault, needs: Needs, what_for: str, lasts: timedelta) -> None:
    """For whoever fetches them later, without us."""
    _left([vault], _lease(vault.firm, uuid4().hex, needs, what_for, lasts), None)


def _left(vaults: Sequence[Vault], lease: Lease, progress: Progress | None) -> datetime | None:
    """Written and left to end by itself. When that is, by the clock of whichever store is the first."""
    kept = _begun(vaults, lease, progress or Silent())
    try:
        _prove_not_going(vaults, kept, lease.needs)
    except BaseException:
        for each in kept:
            each.end()
        raise
    until = min((each.until for each in kept if each.until is not None), default=None)
    for each in kept:
        each.leave()
    return until


@contextmanager
def leased_plan(vaults: Sequence[Vault], plan: RestorePlan, *, progress: Progress | None = None) -> Iterator[None]:
    """While it is carried out, however long ago it was made."""
    with leased(vaults, needs_of_plan(vaults[0], plan), _what_for(plan), progress=progress):
        yield


def release_plan(vaults: Sequence[Vault], plan: RestorePlan) -> None:
    """It has been carried out. What cannot be taken away ends by itself."""

    def release(vault: Vault) -> None:
        with suppress(MunimentError):
            for written in versions_of(vault, _id_of(plan)):
                written.take_away()

    threads = [Thread(target=release, args=(vault,), daemon=True) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)


def needs_of_point(vault: Vault, point: Point, last: WalSegment) -> Needs:
    """With its WAL up to ``last``, by position."""
    backup = catalog.find_backup(vault, point.backup)
    first = WalSegment.holding(backup.start_lsn, backup.timeline, backup.wal_segment_bytes)
    return Needs(
        points=(point.id,),
        backups=point.chain,
        snapshots=(point.documents,),
        configs=(point.config,),
        wal=(LeasedWal.between(backup.system_identifier, first, max(first, last, key=lambda each: each.number)),),
    )


def needs_of_plan(vault: Vault, plan: RestorePlan) -> Needs:
    backup = catalog.find_backup(vault, plan.chain[-1])
    return needs_of(plan, backup.system_identifier, backup.wal_segment_bytes)


def _begun(vaults: Sequence[Vault], lease: Lease, progress: Progress) -> list[KeptUp]:
    kept = [KeptUp(vault, keys.lease(lease.id), lease) for vault in vaults]
    for each in kept:
        if not each.wait(None if each is kept[0] else PATIENCE_S):
            why = each.failure.what if each.failure else f"it has not answered in {PATIENCE_S:.0f} seconds"
            progress.note(f"not leased, so expire may delete what is read, in {each.vault.bucket}: {why}")
    return kept


def _prove_not_going(vaults: Sequence[Vault], kept: Iterable[KeptUp], needs: Needs) -> None:
    """After the lease was written: an expire that marks later than this sees it."""
    for vault in [vaults[0], *(each.vault for each in kept if each.stands and each.vault is not vaults[0])]:
        found = standing_mark(vault)
        going = list(needs.shared_with(found[0].deletes)) if found else []
        if found and going:
            raise BeingExpired(bucket=vault.bucket, until=_when(found[1]), what=", ".join(going))


def _lease(firm: str, lease_id: str, needs: Needs, what_for: str, lasts: timedelta) -> Lease:
    reader = f"{what_for} (process {os.getpid()} on {socket.gethostname()})"
    return Lease(id=lease_id, firm=firm, reader=reader, needs=needs, lasts_s=lasts.total_seconds())


def _id_of(plan: RestorePlan) -> str:
    """Of what the plan says, whenever it is held: whoever carries it out finds the lease of whoever made it."""
    return f"{plan.id}-{plan.model_copy(update={'held_until': None}).sha256[:16]}"


def _what_for(plan: RestorePlan) -> str:
    return f"a restore to {plan.target} into {plan.into}"


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
