"""What a restore would bring back, decided from one vault before anything is fetched."""

from pathlib import Path

import pytest

from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.domain.restore_plan import RestorePlan
from include.muniment.errors import TargetUnreachable
from include.muniment.ports import utc_now
from include.muniment.runbooks.plan_restore import plan_restore
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.runbooks.archived import Archived, archived_firm

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def firm(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    run_dir: Path,
    tmp_path: Path,
) -> Archived:
    return archived_firm(cluster_factory, site_factory, programs17, run_dir / f"wal-{tmp_path.name}")


def plan(firm: Archived, target: str, tmp_path: Path) -> RestorePlan:
    return plan_restore(
        firm.site.primary,
        firm.site.firm,
        RecoveryTarget.parse(target),
        side="primary",
        into=tmp_path / "data",
        clock=utc_now,
    )


def test_each_target_gets_the_newest_base_backup_that_leads_there(firm: Archived, tmp_path: Path) -> None:
    first = firm.point()
    firm.write(1)
    between = firm.switch()
    second = firm.point()
    firm.write(2)
    firm.switch()
    latest = plan(firm, "latest", tmp_path)
    assert (latest.point, latest.chain) == (second.id, second.chain)
    assert {"recovery_target_timeline": "1", "recovery_target_action": "promote"}.items() <= latest.settings.items()
    assert latest.replay.wal.last_segment == max(name for name in firm.pushed if len(name) == 24)
    immediate = plan(firm, "immediate", tmp_path)
    assert (immediate.point, immediate.settings["recovery_target"]) == (second.id, "immediate")
    at_point = plan(firm, first.id, tmp_path)
    assert at_point.point == first.id
    assert at_point.settings["recovery_target_lsn"] == str(first.control_totals.lsn)
    assert at_point.settings["recovery_target_inclusive"] == "off"
    at_lsn = plan(firm, str(between), tmp_path)
    assert (at_lsn.point, at_lsn.timeline) == (first.id, 1)
    with pytest.raises(TargetUnreachable, match=r"it lies before the end of the first base backup"):
        plan(firm, "0/100060", tmp_path)
    with pytest.raises(TargetUnreachable, match=r"it lies behind the end of the archive"):
        plan(firm, "F/1000060", tmp_path)
