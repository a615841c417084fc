"""What a base backup leaves out, being a link or elsewhere: told, kept with the configuration, or refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.backup.left_out import is_worth_telling
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.secret import Secret
from muniment.errors import BackupRefused
from muniment.ports import utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.config.back_up_config import back_up_config, read_config
from muniment.runbooks.config.compare_config import compare_config
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.restore.plan_restore import plan_restore
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import move_elsewhere
from tests.support.stored import back_up, rows

pytestmark = pytest.mark.timeout(360)
POINT = "20261120T080000000Z"


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    """pg_hba.conf is a link, pg_ident.conf lies where Debian has it."""
    cluster = cluster_factory(programs17, start=False)
    elsewhere = move_elsewhere(cluster, "pg_hba.conf")
    shutil.copy(cluster.data_dir / "pg_ident.conf", elsewhere)
    cluster.configure({"ident_file": str(elsewhere / "pg_ident.conf")})
    cluster.start()
    script = (ROOT / "docs" / "iam" / "postgres-role.sql").read_text()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(script.replace(":'password'", "'brief'").encode())
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, source: LocalCluster) -> Site:
    """Connects as the documented role."""
    made = site_factory(source)
    conninfo = psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=source.port, user="muniment", password="brief", dbname="postgres"
    )
    return replace(made, postgres=replace(made.postgres, conninfo=Secret(conninfo)))


def warnings_of(site: Site) -> list[str]:
    return [str(each) for each in check_firm(site, clock=utc_now) if "no base backup holds" in each.what]


def test_settings_that_lie_elsewhere_are_told_or_kept(site: Site, source: LocalCluster, tmp_path: Path) -> None:
    elsewhere = source.data_dir.with_name("elsewhere")
    hba, ident = source.data_dir / "pg_hba.conf", elsewhere / "pg_ident.conf"
    point = back_up(site, POINT)
    assert catalog.find_backup(site.primary, point.backup).left_out == ("pg_hba.conf",)
    target = RecoveryTarget.parse(point.id)
    plan = plan_restore(site.primary, site.firm, target, side="primary", into=tmp_path / "data", clock=utc_now)
    assert "links of the data directory, and what they lead to: pg_hba.conf" in plan.left_out
    (told,) = warnings_of(site)
    assert told.startswith(
        f"WARNING: no base backup holds {hba}, {ident}, which lie outside of the data directory or are links, and the"
        " connection's role may not read them"
    )
    back_up_config(site, config_id="20261121T080000000Z", clock=utc_now)
    unread = read_config(site.primary, "20261121T080000000Z")
    assert unread.server_files == ()
    assert f"{ident}: permission denied for function pg_read_binary_file" in unread.server_files_unread
    rows(source, "GRANT pg_read_server_files TO muniment")
    rows(source, "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO muniment")
    assert warnings_of(site) == []
    back_up_config(site, config_id="20261122T080000000Z", clock=utc_now)
    kept = read_config(site.primary, "20261122T080000000Z")
    assert {each.path for each in kept.server_files} == {str(hba), str(ident)}, "the others are in the base backup"
    assert next(each for each in kept.server_files if each.path == str(hba)).content.reveal() == hba.read_bytes()
    assert kept.server_files_unread == ()
    with hba.open("a") as file:
        file.write("host all all 10.0.0.0/8 reject\n")
    changed = compare_config(site, config_id="20261122T080000000Z", clock=utc_now)
    assert [each.path for each in changed.server_files if each.presence == "changed"] == [str(hba)]


def test_a_base_backup_that_lacks_tables_is_none(site: Site, source: LocalCluster) -> None:
    """Seen: PostgreSQL says "skipping special file" in its log, ends well, and has sent no table at all."""
    source.stop()
    move_elsewhere_of_postgres(source, "base")
    source.start()
    with pytest.raises(BackupRefused) as refused:
        back_up_cluster(site, point_id=POINT, full=True, clock=utc_now)
    assert refused.value.what == (
        f"postgresql of firm {site.firm.id} refused the base backup: it leaves out base: a link, in whose place"
        " PostgreSQL wants the folder or file itself"
    )
    assert not list(catalog.registered_backups(site.primary))


def move_elsewhere_of_postgres(cluster: LocalCluster, name: str) -> None:
    elsewhere = cluster.data_dir.with_name("elsewhere")
    shutil.move(cluster.data_dir / name, elsewhere / name)
    (cluster.data_dir / name).symlink_to(elsewhere / name)


def test_a_socket_is_nothing_to_tell() -> None:
    assert not is_worth_telling(".s.PGSQL.5432")
    assert not is_worth_telling("run/.s.PGSQL.5432.lock")
    assert is_worth_telling("postgresql.conf")
