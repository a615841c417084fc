"""The watch brings to the replica vault what its two listings have shown to be lacking there."""

from collections.abc import Sequence
from datetime import timedelta

from muniment.adapters.site.site import Site
from muniment.adapters.vault.replication import copy_once
from muniment.domain.retention.rules import chain_locked_until
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_replica, prove_vault
from muniment.runbooks.vault.bring_adoption import bring_adoption
from muniment.runbooks.wal.replicate_wal import WalCopy, is_within, replicate_wal

COPIES_AT_ONCE = 4


def bring_wal(
    site: Site,
    names: Sequence[str] | None,
    *,
    clock: Clock,
    progress: Progress | None = None,
    lasting: timedelta | None = None,
) -> int:
    """Copies the WAL files ``names`` from the primary vault, server-side, and returns how many it copied.

    ``site`` has the firm's own rights. Three requests a file and two before them; none where ``names`` is empty. With
    little patience and no listing of its own: what is lacking then is lacking in the next pass. ``None``: the
    whole comparison, as ``replicate_wal`` does it. ``lasting``: after that long no other file is begun.
    Raises ``WrongVault`` before anything is written, ``ObjectDamaged`` and what a store raises.
    """
    if names is None:
        return replicate_wal(site, clock=clock, progress=progress, lasting=lasting)
    if not names:
        return 0
    began, progress = clock(), progress or Silent()
    primary, replica = site.hasty_vaults()
    mark = prove_vault(primary)
    if prove_replica(replica, mark).precedes(mark):
        for done in bring_adoption(site, clock=clock):
            progress.note(f"made: {done}")
    until = chain_locked_until(site.policy, began)
    copying = WalCopy(primary, replica, mark.system_identifier, until, COPIES_AT_ONCE, copy_once)
    return copying.bring(names, progress, goes_on=lambda: is_within(lasting, began, clock))
