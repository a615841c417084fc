"""What the page says of an instant is what a restore's plan of the same vault says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.vault import catalog
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.instant_view import OfVault, instant_view
from muniment.domain.fleet.nights import related
from muniment.domain.fleet.of_registers import night_seen
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.errors import TargetUnreachable
from muniment.ports import utc_now
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.wal.windows import windows_on
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.archived import Archived, archived_firm
from tests.support.recovery_pictures import firm_seen, history, picture
from tests.support.vault_looks import make_server
from tests.support.wal import sql

pytestmark = pytest.mark.timeout(360)


def plan(firm: Archived, target: str, tmp_path: Path) -> RestorePlan:
    return plan_restore(
        firm.site.primary,
        firm.site.firm,
        RecoveryTarget.parse(target),
        side="primary",
        into=tmp_path / "data",
        clock=utc_now,
    )


def seen_now(firm: Archived) -> FirmPicture:
    """As the watch sees the vault whose server has nothing that is not there."""
    vault, store = firm.site.primary, firm.store
    flushed = Lsn.parse(sql(firm.cluster, "SELECT pg_current_wal_flush_lsn()::text"))
    server = make_server(firm.site, 0, segment_bytes=2**20, flush_lsn=flushed, seen_at=utc_now())
    look = look_at_vault(firm.site, "primary", None, server, whole=True, clock=utc_now)
    archive = store.archive(store.files(), 2**20)
    windows = windows_on(store, archive, catalog.registered_backups(vault), 1)
    seen = look.model_copy(update={"windows": windows, "rpo_s": 0.0, "rpo_known_at": look.seen_at})
    nights = related((night_seen(each, in_replica=True) for each in catalog.points(vault)), prove_vault(vault))
    now = utc_now()
    return picture(firm_seen(seen, now=now), history(nights, now))


def asked(known: FirmPicture, at: datetime) -> OfVault:
    view = instant_view(known, Frame("", utc_now()), at)
    assert view.is_recoverable == view.vaults[0].verdict.comes_back
    return view.vaults[0]


def clock_of(firm: Archived) -> datetime:
    """Of the server, between two transactions."""
    at = sql(firm.cluster, "SELECT clock_timestamp()")
    assert isinstance(at, datetime)
    return at


@dataclass(frozen=True)
class Told:
    """A firm with three points and a hole before the last, and instants of it."""

    firm: Archived
    known: FirmPicture
    points: tuple[Point, ...]
    between: tuple[datetime, ...]
    """Between two transactions, all of it there."""
    in_the_hole: datetime
    after: datetime
    """Behind the last transaction."""


@pytest.fixture
def told(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    run_dir: Path,
    cloud: Cloud,
    tmp_path: Path,
) -> Told:
    firm = archived_firm(cluster_factory, site_factory, programs17, run_dir / f"wal-{tmp_path.name}")
    numbers, between = count(1), []

    def write_around() -> None:
        firm.write(next(numbers))
        between.append(clock_of(firm))
        firm.write(next(numbers))
        firm.switch()

    first = firm.point(full=True)
    write_around()
    second = firm.point()
    write_around()
    firm.write(next(numbers))
    missing = WalSegment.ending(firm.switch(), 1, 2**20)
    in_the_hole = clock_of(firm)
    firm.write(next(numbers))
    firm.switch()
    third = firm.point(full=True)
    write_around()
    after = clock_of(firm)
    firm.delete(cloud, missing.name)
    return Told(firm, seen_now(firm), (first, second, third), tuple(between), in_the_hole, after)


def test_each_instant_is_answered_as_its_plan_is(told: Told, tmp_path: Path) -> None:
    first, second, third = told.points
    for at in told.between:
        found, planned = asked(told.known, at), plan(told.firm, at.isoformat(), tmp_path)
        assert found.way is not None
        assert found.way.base is not None
        assert (found.verdict.kind, found.way.base.point) == ("any instant", planned.point)
        assert found.way.segments is not None
        assert abs(found.way.segments - planned.replay.segments) <= 2
    for point in told.points:
        found = asked(told.known, point.taken_at)
        assert (found.verdict.kind, plan(told.firm, point.id, tmp_path).point) == ("point", point.id)
        assert found.way is not None
        assert found.way.base is not None
        assert found.way.base.point == point.id
        assert found.restore is not None
        assert point.id in found.restore
    refused = {
        first.taken_at - timedelta(minutes=1): "before",
        told.in_the_hole: "hole",
        utc_now() + timedelta(hours=1): "future",
    }
    for at, kind in refused.items():
        assert asked(told.known, at).verdict.kind == kind
        with pytest.raises(TargetUnreachable):
            plan(told.firm, at.isoformat(), tmp_path)
    found = asked(told.known, told.in_the_hole)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.point, found.after.point) == (second.id, third.id)
    # Nothing was committed later: as far as the WAL reaches is the same, and is offered beside the instant.
    found = asked(told.known, told.after)
    assert found.verdict.kind == "any instant"
    with pytest.raises(TargetUnreachable, match="no transaction ended later"):
        plan(told.firm, told.after.isoformat(), tmp_path)
    assert found.latest is not None
    assert "restore_target=latest" in found.latest
    assert plan(told.firm, "latest", tmp_path).point == third.id
