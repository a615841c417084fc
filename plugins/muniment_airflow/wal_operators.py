"""The steps that the WAL archive is about; as in operators.py, what a step runs is imported when it runs."""

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from muniment.errors import StoreUnavailable
from muniment.ports import utc_now
from muniment_airflow.firms import recovery_point_asset
from muniment_airflow.on_call_once import tell_once, try_to_tell
from muniment_airflow.operators import FirmOperator, Night, Result
from muniment_airflow.point_events import by_command, tell_of_newest

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site


class VerifyWalCheckpoint(FirmOperator):
    """Proves that the vault holds every WAL segment which this backup needs.

    Behind a new hole the policy may put a full backup in its place; the steps that follow use what this one returns.
    """

    template_fields = (*FirmOperator.template_fields, "backup_id")

    def __init__(self, *, backup_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backup_id = backup_id

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.backup.prove_wal import prove_wal
        from muniment.runbooks.incidents.alerts import hole_alerts

        backup, proof = prove_wal(site, backup_id=self.backup_id, clock=utc_now, progress=night.progress)
        try_to_tell(site, hole_alerts(site, {night.point: proof.new_holes}), night.context)
        return {
            "backup_id": backup.id,
            "proof": proof.model_dump_json(),
            "effective_rpo_s": proof.effective_rpo_s,
        }


class ReplicateWal(FirmOperator):
    """Brings new WAL to the replica vault, so that losing a region loses minutes.

    A region that is away on the last try skips the run: on-call is told once, and not by each run's failure. Of all
    runs it is the one that comes by every few minutes: it also tells the contact of a restore that was undone, and
    Airflow of a point that the command has taken.
    """

    def __init__(self, **kwargs: Any) -> None:
        firm_id = kwargs["firm_id"]
        super().__init__(inlets=[recovery_point_asset(firm_id)], outlets=[by_command(firm_id)], **kwargs)

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.identity import replica_away
        from muniment.runbooks.incidents.alerts import is_told_of_second_region, second_region_alert
        from muniment.runbooks.wal.replicate_wal import replicate_wal
        from muniment_airflow.roll_back_letter import tell_of_roll_backs

        try:
            segments = replicate_wal(site, clock=utc_now, progress=night.progress)
        except StoreUnavailable as error:
            if not night.is_last_try or replica_away(site) is None:
                raise
            tell_once(site, second_region_alert(site, clock=utc_now), night.context)
            tell_of_roll_backs(site, night)
            raise AirflowSkipException(error.what) from error
        if is_told_of_second_region(site.primary):
            tell_once(site, second_region_alert(site, clock=utc_now), night.context)
        tell_of_roll_backs(site, night)
        if told := tell_of_newest(site.primary, self.firm_id, night.context):
            night.progress.note(f"recovery point {told} was taken by the command: Airflow's assets know of it now")
        return {"segments": segments}
