"""Passes over one real firm: its server, both its vaults, and who is told. Nothing is made up but the receiver."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.archiver import read_archiver
from muniment.adapters.vault import catalog
from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.day import bucket_end, worst
from muniment.domain.fleet.row import FirmRow
from muniment.domain.fleet.standing import Standing, standing_of
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.settings import Channel, Route, WatchSettings
from muniment.domain.watch.vault import VaultSeen
from muniment.ports import utc_now
from muniment.runbooks.watch.looks import looks_of
from muniment.runbooks.watch.watch_fleet import Fleet, watch_fleet
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.archived import Archived
from tests.support.progress import Told
from tests.support.stored import archive_to

_WINDOW_END = "muniment_recovery_window_end_timestamp_seconds{"


@dataclass
class Watched:
    archived: Archived
    store: WatchStore
    told: Path

    def watch(self) -> FirmSeen:
        """One pass, at the time it is."""
        site = self.archived.site
        pager = {"name": "pager", "kind": "notifier", "notifier": "tests.support.written_notes.WrittenNote"}
        channel = Channel.model_validate({**pager, "arguments": {"file": str(self.told)}})
        settings = WatchSettings(channels=(channel,), routes=(Route(tell=("pager",)),))
        fleet = Fleet(
            queue=site.firm.queue,
            firms={site.firm.id: site.firm},
            broken={},
            looks=lambda firm: looks_of(firm, lambda _: site, clock=utc_now),
            site=lambda _: site,
        )
        airflow = AirflowSeen(seen_at=utc_now(), unseen="not asked", is_asked=False)
        done = watch_fleet(fleet, self.store, settings, airflow, clock=utc_now, progress=Told())
        assert done and (done.firms, done.fresh) == (1, 1)
        return self.store.firms()[site.firm.id]

    def line(self) -> FirmRow:
        """As the last pass wrote it: what the vaults hold and what the series and the metrics tell, and no more."""
        [row] = self.store.fleet_rows()
        seen, site = self.store.firms()[row.firm], self.archived.site
        newest = catalog.latest_point(site.primary)
        points, at = len(catalog.points(site.primary)), newest.taken_at
        assert (row.points, row.last_point, row.last_point_at) == (points, newest.id, at)
        assert [cell.rpo_s for cell in row.vaults] == [vault.rpo_s for vault in seen.vaults]
        samples = self.store.samples(row.firm, row.watched_since, row.seen_at)
        quarters = groupby(samples, key=lambda each: bucket_end(each.at))
        values = {end: [rpo for s in own for rpo in (s.rpo_primary_s, s.rpo_replica_s)] for end, own in quarters}
        assert row.day == tuple(worst(own, row.rpo_promise_s) for own in values.values())
        assert row.day_until == max(values)
        shown, _ = self.store.exposition() or (b"", None)
        lines = (line.split() for line in shown.decode().splitlines())
        [end] = [float(line[1]) for line in lines if line[0].startswith(_WINDOW_END) and site.primary.region in line[0]]
        assert row.window_end_at == row.vaults[0].recoverable_to
        assert row.window_end_at and row.window_end_at.timestamp() == pytest.approx(end, abs=1e-3)
        return row

    def causes(self) -> set[str]:
        return {each.cause for each in self.store.incidents(open_only=True)}


@pytest.fixture
def watched(
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    site_factory: SiteFactory,
    run_dir: Path,
    tmp_path: Path,
) -> Watched:
    folder = run_dir / f"archive-{tmp_path.name}"
    cluster = cluster_factory(programs17, archive_command=archive_to(folder))
    archived = Archived.make(site_factory(cluster, lock="none"), cluster, folder)
    return Watched(archived, WatchStore.open(str(tmp_path / "watch.sqlite")), tmp_path / "told")


def vaults(seen: FirmSeen) -> tuple[VaultSeen, VaultSeen]:
    primary, replica = seen.vaults
    return primary, replica


def test_what_one_commit_risks_and_what_a_deleted_segment_takes(watched: Watched, cloud: Cloud) -> None:
    archived = watched.archived
    archived.write(1)
    archived.switch()
    archived.register(archived.site.replica, archived.point())

    watched.watch()
    history = watched.store.history(archived.site.firm.id)
    assert history is not None
    newest = catalog.latest_point(archived.site.primary)
    assert [(night.point, night.taken_at) for night in history.nights] == [(newest.id, newest.taken_at)]
    assert (history.windows, history.unread) == (newest.windows, ())
    primary, replica = vaults(watched.watch())
    assert replica.held and primary.held
    assert replica.held.number == primary.held.number, "the pass before brought what the replica lacked"
    assert (primary.rpo_s, replica.rpo_s) == (0.0, 0.0)
    assert watched.line().window_end_at == primary.rpo_known_at
    assert standing_of(watched.line(), (), utc_now()) == Standing("safe")
    assert standing_of(watched.line(), (), utc_now() + timedelta(minutes=12)).state == "unknown"

    before = utc_now()
    archived.write(2)
    primary, replica = vaults(watched.watch())
    assert primary.at_risk_since and primary.at_risk_since <= utc_now()
    assert (primary.rpo_s or 0) > 0
    began = primary.at_risk_since
    primary, _ = vaults(watched.watch())
    assert primary.at_risk_since == began, "it grows from that commit"
    assert watched.line().window_end_at == began
    assert began <= utc_now() and before

    gone = primary.held.number + 1 if primary.held else 0
    archived.switch()
    archived.write(3)
    archived.switch()
    name = f"{1:08X}{0:08X}{gone:08X}"
    archived.delete(cloud, name)
    primary, _ = vaults(watched.watch())
    assert primary.held and primary.held.missing == (name,)
    assert read_archiver(archived.site.postgres).failed_count == 0, "the server knows nothing of it"
    watched.watch()
    assert "wal-hole" in watched.causes()
    assert "WAL is missing in a vault: a hole now" in standing_of(watched.line(), (), utc_now()).why
    assert any("WAL is missing from the primary vault" in line for line in watched.told.read_text().splitlines())
