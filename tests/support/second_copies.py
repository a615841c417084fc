"""The night's second copy, and the point that is registered with it or without."""

from datetime import timedelta

from muniment.adapters.site.site import Site
from muniment.domain.backup.proofs import CopyProof
from muniment.domain.vault.registers import Backup, Point
from muniment.ports import utc_now
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.vault.second_copy import second_copy
from tests.support.nights import wal_proof
from tests.support.progress import Told

DAY = timedelta(days=1)


def copy(site: Site, backup: Backup, told: Told | None = None) -> CopyProof:
    ids = {"backup_id": backup.id, "snapshot_id": backup.point, "config_id": backup.point}
    proof = second_copy(site, **ids, clock=utc_now, progress=told)
    assert proof is not None
    return proof


def register(site: Site, backup: Backup, proof: CopyProof | None) -> Point:
    return register_recovery_point(
        site,
        point_id=backup.point,
        run="test",
        backup_id=backup.id,
        wal=wal_proof(backup, backup.finished_at),
        copy=proof,
        clock=utc_now,
    )
