"""The record of a restore that nobody approved."""

from muniment.adapters.site.site import Site
from muniment.domain.restore.record import RestoreRecord
from muniment.ports import utc_now
from tests.support.cut_overs import plan_of


def record_of(site: Site, restore_id: str) -> RestoreRecord:
    plan = plan_of(site.firm)
    return RestoreRecord(
        id=restore_id,
        firm=site.firm.id,
        run="acme__restore/manual__1",
        where="live",
        asked_by="engineer",
        asked_at=utc_now(),
        plan=plan,
        plan_sha256=plan.sha256,
        not_approved="nobody answered in time",
        end="not approved",
        finished_at=utc_now(),
    )
