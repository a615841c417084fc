"""What a restore reads of a vault, as its lease names it."""

from muniment.domain.leases.lease import LeasedWal, Needs
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.names import SystemIdentifier


def needs_of(plan: RestorePlan, system_identifier: SystemIdentifier, segment_bytes: int) -> Needs:
    wal = LeasedWal(
        system_identifier=system_identifier,
        segment_bytes=segment_bytes,
        first_segment=plan.replay.wal.first_segment,
        last_segment=plan.replay.wal.last_segment,
    )
    documents = plan.documents
    snapshots = (documents.snapshot, documents.following) if documents else ()
    return Needs(
        points=(plan.point,),
        backups=plan.chain,
        snapshots=tuple(each for each in snapshots if each),
        configs=(plan.config,),
        wal=(wal,),
    )
