"""The steps that the WAL archive is about; as in operators.py, what a step runs is imported when it runs."""

from typing import TYPE_CHECKING, Any

from muniment.ports import utc_now
from muniment_airflow.night_troubles import links_of, try_to_tell
from muniment_airflow.operators import FirmOperator, Night, Result

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
        from muniment.domain.watch.night_troubles import hole_trouble
        from muniment.runbooks.backup.prove_wal import prove_wal

        backup, proof = prove_wal(site, backup_id=self.backup_id, clock=utc_now, progress=night.progress)
        found = hole_trouble(site.firm, proof.new_holes, night.point, utc_now(), links_of(night.context))
        try_to_tell([found])
        return {
            "backup_id": backup.id,
            "proof": proof.model_dump_json(),
            "effective_rpo_s": proof.effective_rpo_s,
        }
