"""A firm's DAGs, built from its file alone: the nightly chain, its restores, its drills.

The chain is a straight line on purpose. The document snapshot has to be taken after the base backup's end, or the
cluster could not be recovered to the snapshot's instant, and one run holds the firm's lock, step by step.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, CronTriggerTimetable, Param, chain, get_parsing_context

from muniment.domain import chain_steps as named
from muniment.domain.firm.dag_names import SHARDS
from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import drill_cron, nightly_schedule, shard_of
from muniment.registry import load_firm, load_registry
from muniment_airflow import operators as steps
from muniment_airflow.adopt_dag import adopt_dag
from muniment_airflow.dag_settings import (
    BULK,
    HEAVY_POOL,
    HOURS,
    LIGHT_POOL,
    MINUTES,
    RESTORE_POOL,
    common_settings,
    of_step,
)
from muniment_airflow.firm_docs import backup_doc, drill_doc
from muniment_airflow.restore_dag import restore_dag
from muniment_airflow.sign_off_dag import drill_sign_off_dag
from muniment_airflow.wal_operators import VerifyWalCheckpoint

# The next night begins a day after this one: a run that is still going then has failed.
NIGHT_ENDS_AFTER = timedelta(hours=23)


def dags_of_file(file: str) -> Iterator[DAG]:
    """Of ``dags/firms_<shard>.py``."""
    return firm_dags(int(Path(file).stem.removeprefix("firms_")))


def firm_dags(shard: int) -> Iterator[DAG]:
    """The DAGs of one shard's firms; in a task's process, only the DAG that the task belongs to."""
    wanted = get_parsing_context().dag_id
    for firm in _firms(shard, wanted):
        for kind, build in BUILDERS.items():
            if wanted in (None, f"{firm.id}__{kind}") and (kind != "drill_sign_off" or firm.drill_reviewers):
                yield build(firm)


def _firms(shard: int, wanted: str | None) -> list[Firm]:
    """A broken firm is not among them: dags/registry_faults.py names it."""
    if wanted is None:
        return [firm for firm in load_registry().firms.values() if shard_of(firm.id, SHARDS) == shard]
    firm_id = wanted.rpartition("__")[0]
    return [load_firm(None, firm_id)] if firm_id and shard_of(firm_id, SHARDS) == shard else []


def backup_dag(firm: Firm) -> DAG:
    """``<firm>__backup``: one run, one recovery point."""
    nightly = nightly_schedule(firm)
    with DAG(
        f"{firm.id}__backup",
        schedule=CronTriggerTimetable(nightly.cron, timezone=nightly.time_zone),
        dagrun_timeout=NIGHT_ENDS_AFTER,
        params={
            "full": Param(False, type="boolean", title="Full backup", description="Not an incremental one."),
            "accept_shrink": Param(
                False,
                type="boolean",
                title="Accept the shrink",
                description="Only after a person has found out why documents vanished.",
            ),
            "accept_damage": Param(
                False,
                type="boolean",
                title="Accept damaged files",
                description="Pages of the cluster are damaged: a point that names the files and is no verified one.",
            ),
        },
        doc_md=backup_doc(firm, nightly),
        **common_settings(firm, "backup", HEAVY_POOL),
    ) as dag:
        _nightly_chain(firm)
    return dag


def _nightly_chain(firm: Firm) -> None:
    light = {"firm_id": firm.id, "pool": LIGHT_POOL}
    check = steps.CheckFirm(task_id=named.CHECK_FIRM, execution_timeout=MINUTES, **light)
    base = steps.BaseBackup(task_id=named.BASE_BACKUP, firm_id=firm.id, execution_timeout=BULK)
    wal = VerifyWalCheckpoint(
        task_id=named.VERIFY_WAL_CHECKPOINT,
        backup_id=BACKUP_ID,
        execution_timeout=firm.policy.wal_archive.wait + HOURS,
        **light,
    )
    documents = steps.SyncDocuments(task_id=named.SYNC_DOCUMENTS, firm_id=firm.id, execution_timeout=BULK)
    config = steps.BackUpConfig(task_id=named.BACK_UP_CONFIG, execution_timeout=MINUTES, **light)
    copy = steps.CopyToReplica(
        task_id=named.COPY_TO_REPLICA,
        firm_id=firm.id,
        backup_id=PROVEN_BACKUP_ID,
        snapshot_id=of_step(named.SYNC_DOCUMENTS, "snapshot_id"),
        config_id=of_step(named.BACK_UP_CONFIG, "config_id"),
        execution_timeout=BULK,
    )
    register = steps.RegisterRecoveryPoint(
        task_id=named.REGISTER_RECOVERY_POINT,
        backup_id=PROVEN_BACKUP_ID,
        wal_proof=of_step(named.VERIFY_WAL_CHECKPOINT, "proof"),
        copy_proof=of_step(named.COPY_TO_REPLICA, "proof"),
        execution_timeout=HOURS,
        **light,
    )
    expire = steps.Expire(task_id=named.EXPIRE, firm_id=firm.id, execution_timeout=BULK)
    chain(check, base, wal, documents, config, copy, register, expire)


def restore_test_dag(firm: Firm) -> DAG:
    """``<firm>__restore_test``: one run, one drill. A person may name the lot and the vault."""
    with DAG(
        f"{firm.id}__restore_test",
        schedule=CronTriggerTimetable(drill_cron(firm), timezone=firm.time_zone),
        dagrun_timeout=NIGHT_ENDS_AFTER,
        params={
            "seed": Param(
                None, type=["null", "integer"], title="Seed", description="An earlier drill's, to repeat it."
            ),
            "side": Param(
                "", type="string", enum=["", "primary", "replica"], title="From", description="Empty: in turns."
            ),
            "by": Param(
                "",
                type="string",
                enum=["", "muniment", "restore-kit"],
                title="By",
                description="Empty: every fourth drill by the restore kit alone.",
            ),
        },
        doc_md=drill_doc(firm),
        **common_settings(firm, "restore_test", RESTORE_POOL),
    ) as dag:
        steps.RestoreTest(task_id="drill", firm_id=firm.id, execution_timeout=BULK)
    return dag


BACKUP_ID = of_step(named.BASE_BACKUP, "backup_id")
PROVEN_BACKUP_ID = of_step(named.VERIFY_WAL_CHECKPOINT, "backup_id")
BUILDERS = {
    "backup": backup_dag,
    "restore": restore_dag,
    "adopt": adopt_dag,
    "restore_test": restore_test_dag,
    "drill_sign_off": drill_sign_off_dag,
}
