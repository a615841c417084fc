"""One operator a runbook. XCom carries ids and proofs; the work is in ``include/muniment/runbooks``.

Runbooks, and with them boto3 and the drivers, are imported when a step runs: the DAG files are parsed by the minute.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from muniment.domain import chain_steps as named
from muniment.domain.backup.proofs import CopyProof, WalProof
from muniment.domain.record import new_id
from muniment.domain.vault.point_text import point_lines
from muniment.errors import UnknownParameter
from muniment.ports import utc_now
from muniment_airflow.airflow_readiness import airflow_findings
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.firms import recovery_point_asset, registered_firm
from muniment_airflow.night_troubles import tell_of_the_night
from muniment_airflow.onboarding import skipped_while_onboarding
from muniment_airflow.point_events import told_of
from muniment_airflow.progress import TaskLogProgress

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site

type Result = dict[str, Any]


def point_id(context: "Context") -> str:
    """The same in every task and every try of a run: ``run_after`` is set when the run is made and never changes, while
    ``start_date`` moves when the run is cleared and ``logical_date`` may be null."""
    return new_id(context["dag_run"].run_after)


@dataclass(frozen=True, slots=True)
class Night:
    """What a step knows about its run."""

    context: "Context"
    progress: TaskLogProgress

    @property
    def point(self) -> str:
        return point_id(self.context)

    @property
    def run(self) -> str:
        return f"{self.context['dag'].dag_id}/{self.context['run_id']}"

    @property
    def is_last_try(self) -> bool:
        return bool(self.context["ti"].try_number > self.context["ti"].max_tries)

    def asked_for(self, parameter: str) -> bool:
        return bool(self.context["params"][parameter])


class FirmOperator(BaseOperator):
    """Connections become the firm's site, then one runbook runs on it, then its errors become Airflow's."""

    template_fields: Sequence[str] = ("firm_id",)
    onboarding_ends_with: ClassVar[str] = named.CHECK_FIRM
    """The task of the nightly chain whose first success this step waits for, where a schedule starts it."""

    def __init__(self, *, firm_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.firm_id = firm_id

    def execute(self, context: "Context") -> Result:
        with errors_as_airflow(), skipped_while_onboarding(self.firm_id, context, self.onboarding_ends_with):
            return self.work(self._site(), Night(context, TaskLogProgress(self.log)))

    @abstractmethod
    def work(self, site: "Site", night: Night) -> Result:
        """Runs the one runbook."""

    def on_kill(self) -> None:
        """A server does not notice that its client is gone while a long query runs: end our sessions there."""
        with errors_as_airflow():
            ended = self._site().postgres.end_sessions()
        self.log.info("stopped: %s sessions ended in postgresql of firm %s", ended, self.firm_id)

    def _site(self) -> "Site":
        from muniment_airflow.hooks import firm_site

        return firm_site(registered_firm(self.firm_id), application=f"muniment {self.task_id}"[:63])


def refuse_unknown_parameters(night: Night) -> None:
    """Raises ``UnknownParameter``."""
    known = set(night.context["dag"].params)
    if unknown := set(night.context["dag_run"].conf or {}) - known:
        names = (", ".join(sorted(some)) for some in (unknown, known))
        raise UnknownParameter(run=night.run, **dict(zip(("unknown", "known"), names, strict=True)))


def tend_stagings(night: Night) -> None:
    """Of this worker's machine: a keeper that was killed with its pod keeps nothing."""
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging.lifetime import tend

    for told in tend(scratch_root(), now=utc_now()):
        night.progress.note(told)


class CheckFirm(FirmOperator):
    """Refuses a run that was triggered with unknown parameters, makes a new firm's vaults, then checks everything."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.firm.check_firm import require_ready
        from muniment.runbooks.vault.create_vaults import create_vaults
        from muniment.runbooks.vault.ensure_stand_in import ensure_stand_in

        refuse_unknown_parameters(night)
        tend_stagings(night)
        for done in (*create_vaults(site, clock=utc_now), *ensure_stand_in(site)):
            night.progress.note(f"made: {done}")
        for warning in (*airflow_findings(), *require_ready(site, clock=utc_now)):
            night.progress.note(str(warning))
        return {"point_id": night.point}


class BaseBackup(FirmOperator):
    """Takes tonight's base backup, full or incremental as the policy says, and registers it."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.backup.back_up_cluster import back_up_cluster

        backup = back_up_cluster(
            site,
            point_id=night.point,
            full=night.asked_for("full"),
            accept_damage=night.asked_for("accept_damage"),
            clock=utc_now,
            progress=night.progress,
        )
        return {
            "backup_id": backup.id,
            "kind": backup.kind,
            "size_bytes": backup.size_bytes,
            "stored_bytes": backup.stored_bytes,
        }


class SyncDocuments(FirmOperator):
    """Copies every document version that is new and registers tonight's document snapshot."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.documents.sync_documents import sync_documents

        snapshot = sync_documents(
            site,
            snapshot_id=night.point,
            accept_shrink=night.asked_for("accept_shrink"),
            clock=utc_now,
            progress=night.progress,
        )
        return {"snapshot_id": snapshot.id, "documents": len(snapshot.documents), "size_bytes": snapshot.size_bytes}


class BackUpConfig(FirmOperator):
    """Stores the firm's configuration, sealed."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.config.back_up_config import back_up_config

        stored = back_up_config(site, config_id=night.point, clock=utc_now)
        return {"config_id": night.point, "stored_bytes": stored.stored_bytes}


class CopyToReplica(FirmOperator):
    """Copies all that the point needs, and what earlier nights could not bring, into the other region.

    Where that region does not answer the proof is empty, and the point will say that it has no second copy yet.
    """

    template_fields = (*FirmOperator.template_fields, "backup_id", "snapshot_id", "config_id")

    def __init__(self, *, backup_id: str, snapshot_id: str, config_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backup_id = backup_id
        self.snapshot_id = snapshot_id
        self.config_id = config_id

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.vault.second_copy import second_copy

        proof = second_copy(
            site,
            backup_id=self.backup_id,
            snapshot_id=self.snapshot_id,
            config_id=self.config_id,
            clock=utc_now,
            progress=night.progress,
        )
        if proof is None:
            return {"proof": "", "bytes_copied": 0}
        return {"proof": proof.model_dump_json(), "bytes_copied": proof.bytes_copied}


class RegisterRecoveryPoint(FirmOperator):
    """Makes the recovery point exist, and tells Airflow's assets its id."""

    template_fields = (*FirmOperator.template_fields, "backup_id", "wal_proof", "copy_proof")

    def __init__(self, *, backup_id: str, wal_proof: str, copy_proof: str, **kwargs: Any) -> None:
        super().__init__(outlets=[recovery_point_asset(kwargs["firm_id"])], **kwargs)
        self.backup_id = backup_id
        self.wal_proof = wal_proof
        self.copy_proof = copy_proof

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.backup.register_recovery_point import register_recovery_point
        from muniment.runbooks.restore.publish_kit import refresh_restore_kit

        point = register_recovery_point(
            site,
            point_id=night.point,
            run=night.run,
            backup_id=self.backup_id,
            wal=WalProof.model_validate_json(self.wal_proof),
            copy=CopyProof.model_validate_json(self.copy_proof) if self.copy_proof else None,
            clock=utc_now,
        )
        for written in refresh_restore_kit(site, clock=utc_now):
            night.progress.note(f"restore kit: wrote {written}")
        night.context["outlet_events"][recovery_point_asset(self.firm_id)].extra = told_of(point)
        for line in point_lines(point):
            night.progress.note(line)
        tell_of_the_night(site, point, night.context)
        return {"point_id": point.id, "size_bytes": point.size_bytes, "stored_bytes": point.stored_bytes}


class Expire(FirmOperator):
    """Deletes what the policy lets go, after the plan said why; skipped while the point has no second copy."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.retention.expire import expire
        from muniment.runbooks.vault.second_copy import awaits_second_copy

        if awaits_second_copy(site, night.point):
            why = f"nothing expires: point {night.point} is not yet in the second region"
            raise AirflowSkipException(why)
        plan = expire(site, point_id=night.point, clock=utc_now, progress=night.progress)
        for line in plan.lines():
            night.progress.note(line)
        gone, kept = (sum(sizes) for sizes in zip(*((v.going_bytes, v.kept_bytes) for v in plan.vaults), strict=True))
        return {"point_id": night.point, "bytes_gone": gone, "bytes_kept": kept}


class RestoreTest(FirmOperator):
    """A drill: restores the firm into scratch on this worker, proves it, destroys it, and leaves evidence."""

    onboarding_ends_with = named.REGISTER_RECOVERY_POINT

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.drill.restore import scratch_root
        from muniment.runbooks.drill.run_drill import run_drill
        from muniment.runbooks.drill.watch import require_point

        refuse_unknown_parameters(night)
        require_point(site)
        params = night.context["params"]
        drill = run_drill(
            site,
            drill_id=new_id(utc_now()),
            run_dir=scratch_root(),
            clock=utc_now,
            progress=night.progress,
            seed=params["seed"],
            side=params["side"] or None,
            by=params["by"] or None,
        )
        return {"drill_id": drill.id, "recover_s": drill.recover_s, "data_lost_s": drill.data_lost_s}
