"""What a host keeps elsewhere stays elsewhere when a restored cluster goes live, and when the old one comes back."""

from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.errors import LiveNotReplaceable
from muniment.runbooks.cut_over import cut_over as runbook
from muniment.runbooks.cut_over.cut_over import cut_over, release, roll_back
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import Staged, move_elsewhere, staged_firm, write
from tests.support.living import digests, folder_of_the_firm

pytestmark = pytest.mark.timeout(720)


@pytest.fixture
def world(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> Staged:
    """Its settings, its log and its pg_wal are links: to a folder from the root on, and to one beside it."""
    found = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    live = found.live
    live.stop()
    elsewhere = move_elsewhere(live, "pg_hba.conf", "postgresql.conf", "pg_wal")
    (live.data_dir / "postgresql.conf").unlink()
    (live.data_dir / "postgresql.conf").symlink_to("../elsewhere/postgresql.conf")
    (live.data_dir / "log").symlink_to(folder_of_the_firm(elsewhere / "log"))
    live.start()
    return found


def links_of(live: LocalCluster) -> dict[str, str]:
    return {place.name: str(place.readlink()) for place in live.data_dir.iterdir() if place.is_symlink()}


def test_links_are_links_in_the_restored_cluster_and_its_wal_is_on_their_disk(
    world: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, elsewhere = links_of(world.live), world.live.data_dir.with_name("elsewhere")
    settings = digests(elsewhere / "postgresql.conf", elsewhere / "pg_hba.conf")
    order = world.order()
    done = cut_over(world.stage(), order)
    assert (done.outcome, world.serves) == ("live", "new")
    wal = str(elsewhere / "pg_wal" / f"restored-{order.id}")
    assert links_of(world.live) == {**before, "pg_wal": wal}
    back = roll_back(world.stage(), order.id, why="the wrong night", by="engineer")
    assert (back.outcome, world.serves) == ("gone back", "old")
    assert links_of(world.live) == before
    assert digests(elsewhere / "postgresql.conf", elsewhere / "pg_hba.conf") == settings
    assert not Path(wal).exists()
    staged = world.staged.data_dir
    assert (staged / "pg_wal").is_dir()
    assert not [place for place in staged.iterdir() if place.is_symlink()]
    again = world.order()
    assert cut_over(world.stage(), again).outcome == "live"
    write(world.live, "INSERT INTO matters VALUES (3, 'since')")
    monkeypatch.setattr(runbook, "_why_kept", lambda *_: None)
    assert release(world.stage(), again.id).outcome == "released"
    assert not list((elsewhere / "pg_wal").glob("0000*")), "the old one's"
    with psycopg.connect(world.site.postgres.conninfo.reveal()) as session:
        assert session.execute("SELECT count(*) FROM matters").fetchone() == (2,)


def test_what_cannot_stay_as_it_is_is_refused(world: Staged) -> None:
    elsewhere = world.live.data_dir.with_name("elsewhere")
    world.live.stop()
    (elsewhere / "pg_wal").rename(elsewhere / "away")
    with pytest.raises(LiveNotReplaceable) as refused:
        cut_over(world.stage(), world.order())
    (elsewhere / "away").rename(elsewhere / "pg_wal")
    assert f"its pg_wal leads to {elsewhere}/pg_wal, which is not there" in str(refused.value)
