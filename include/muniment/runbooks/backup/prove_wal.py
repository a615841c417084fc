"""The WAL of tonight's base backup, and what the policy wants where WAL before or within it is lost.

Behind a hole a full backup is the way back: nothing that is restored from it needs anything from before the hole.
"""

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.backup.proofs import WalProof
from muniment.domain.vault.registers import Backup
from muniment.errors import WalGap, WalHoleFound
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.wal.verify_checkpoint import verify_wal_checkpoint


def prove_wal(site: Site, *, backup_id: str, clock: Clock, progress: Progress | None = None) -> tuple[Backup, WalProof]:
    """The backup and its proof; another, full one in its place where a hole is new and the policy says ``full_backup``.

    Raises ``WalHoleFound`` or ``WalGap`` where it says ``fail``, and what ``verify_wal_checkpoint`` raises.
    """
    progress = progress or Silent()
    backup = catalog.find_backup(site.primary, backup_id)
    try:
        proof = verify_wal_checkpoint(site, backup_id=backup_id, clock=clock, progress=progress)
    except WalGap as gap:
        if site.policy.wal_archive.hole == "fail":
            raise
        return _begin_anew(site, backup, gap.what, clock, progress)
    if not proof.new_holes or backup.kind == "full":
        return backup, proof
    if site.policy.wal_archive.hole == "fail":
        raise WalHoleFound(firm=site.firm.id, hole="; ".join(map(str, proof.new_holes)))
    return _begin_anew(site, backup, str(proof.new_holes[-1]), clock, progress)


def _begin_anew(site: Site, backup: Backup, why: str, clock: Clock, progress: Progress) -> tuple[Backup, WalProof]:
    progress.note(f"a full backup takes the place of {backup.id}: {why}")
    full = back_up_cluster(
        site,
        point_id=backup.point,
        full=True,
        accept_damage=bool(backup.damaged),
        instead_of=backup,
        clock=clock,
        progress=progress,
    )
    return full, verify_wal_checkpoint(site, backup_id=full.id, clock=clock, progress=progress)
