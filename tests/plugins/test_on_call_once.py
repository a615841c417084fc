"""A night is worth more than a letter: where nobody can be told the step in its middle goes on, the last one fails."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.adapters.site.site import Site, build_site
from muniment.domain.firm.firm import Notifier
from muniment.domain.vault.registers import WalHole
from muniment.ports import utc_now
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.incidents.alerts import (
    hole_alerts,
    registered_hole_alerts,
    remember,
    second_region_alert,
)
from muniment_airflow.notifiers import NobodyToldError
from muniment_airflow.on_call_once import tell_once, try_to_tell
from tests.faults.worker import through
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import REPLICA_REGION, SiteFactory, with_firm
from tests.support.nights import Nights, wal_proof

pytestmark = pytest.mark.timeout(360)

NIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOLE = WalHole(start_at=NIGHT - timedelta(hours=9), end_at=NIGHT - timedelta(hours=6))


class Task:
    task_id, log_url = "verify_wal_checkpoint", "http://127.0.0.1/log"


CONTEXT: dict[str, Any] = {"ti": Task()}


@pytest.fixture
def site(site_factory: SiteFactory, cluster: Any) -> Site:
    return site_factory(cluster, lock="none")


def a_point_behind_a_hole(site: Site) -> str:
    backup = Nights(site, site.postgres.system_identifier(), next_segment=9000).take(NIGHT)
    wal = wal_proof(backup, backup.finished_at).model_copy(update={"new_holes": (HOLE,)})
    return register_recovery_point(
        site, point_id=backup.point, run="test", backup_id=backup.id, wal=wal, copy=None, clock=utc_now
    ).id


def test_a_firm_that_names_no_notifier_has_its_nights_all_the_same(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    assert site.firm.on_call == ()
    (notice,) = hole_alerts(site, {"p1": [HOLE]})
    tell_once(site, notice, CONTEXT)
    assert f"firm {site.firm.id} names no on_call notifier, so NOBODY WAS TOLD:\n{notice.message}" in caplog.text
    assert hole_alerts(site, {"p1": [HOLE]}) == (notice,)


def test_what_nobody_could_be_told_stops_no_night_and_is_told_when_the_point_is_registered(site: Site) -> None:
    """Also behind a point that a command made: it tells nobody, and the next night knows the hole already."""
    deaf = with_firm(site, on_call=(Notifier(notifier="no.such.Notifier"),))
    try_to_tell(deaf, hole_alerts(deaf, {"p1": [HOLE]}), CONTEXT)
    point = a_point_behind_a_hole(site)
    (notice,) = registered_hole_alerts(deaf)
    assert notice.message.splitlines()[1].startswith(f"KEPT: recovery point {point} and whatever lies behind it")
    with pytest.raises(NobodyToldError):
        tell_once(deaf, notice, CONTEXT)
    remember(site, notice, "told by somebody", clock=utc_now)
    assert registered_hole_alerts(site) == ()


def test_a_later_outage_does_not_count_the_points_that_have_their_copy_since(
    site: Site, faulty_store: FaultProxy
) -> None:
    """Which a point never says of itself."""
    point = a_point_behind_a_hole(site)
    lacking = second_region_alert(site, clock=utc_now)
    assert lacking is not None
    assert f"recovery points in the primary region alone: 1, since {point}" in lacking.message
    remember(site, lacking, "told", clock=utc_now)
    site.replica.put(f"points/{point}.json", site.primary.get(f"points/{point}.json"), locked_until=None)
    over = second_region_alert(site, clock=utc_now)
    assert over is not None
    remember(site, over, "told", clock=utc_now)

    firm, postgres, aws = through(site, faulty_store.endpoint_url)
    faulty_store.fail("reset", region=REPLICA_REGION)
    away = second_region_alert(build_site(firm, postgres.conninfo(), aws.clients()), clock=utc_now)
    assert away is not None
    assert "does not answer" in away.message
    assert "in the primary region alone" not in away.message
