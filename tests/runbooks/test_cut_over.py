"""A staged restore takes the live cluster's place, on real servers: proven, archived from its beginning, and undone."""

from pathlib import Path

import psycopg
import pytest

from include.muniment.adapters.cut_over_journal import journals
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.adapters.wal_archive import WalArchive
from include.muniment.domain.isolation import ROLE
from include.muniment.runbooks.cut_over import cut_over
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.cut_overs import staged_firm, write
from tests.fixtures.sites import SiteFactory

pytestmark = pytest.mark.timeout(240)


def test_the_restored_cluster_serves_and_archives_from_its_timelines_first_segment(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs, tmp_path)
    assert world.serves == "old"
    switches = "CHECKPOINT; SELECT pg_switch_wal(); CREATE TABLE scratch (); DROP TABLE scratch; SELECT pg_switch_wal()"
    for statement in switches.split("; "):
        write(world.staged, statement)
    done = cut_over(world.stage(), world.order())
    assert done.outcome == "live"
    assert world.serves == "new"
    assert "control totals are staging's: 1 counts, 0 sums" in done.notes
    names = set(WalArchive(world.site.primary, done.system_identifier).files())
    assert "00000002.history" in names
    assert done.first_segment in names
    assert not [note for note in done.notes if "recycled" in note]
    assert done.aside.exists()
    with psycopg.connect(world.site.postgres.conninfo.reveal()) as session:
        settings = dict(session.execute("SELECT name, setting FROM pg_settings").fetchall())
        assert session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None
    assert settings["archive_mode"] == "on"
    assert settings["archive_command"].endswith("wal push %p")
    assert settings["cluster_name"] == ""
    assert (settings["restore_command"], settings["recovery_target_timeline"]) == ("", "latest")
    assert [journal.outcome for journal in journals(world.live.data_dir)] == ["live"]
