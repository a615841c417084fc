"""A night's configuration beside the one of now, on real servers."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import Configuration
from muniment.errors import NoSuchPoint, WrongVault
from muniment.ports import utc_now
from muniment.runbooks.config.back_up_config import back_up_config
from muniment.runbooks.config.compare_config import compare_config
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, with_firm

CANARY = "hunter2-canary"
NIGHT = "20261120T000000001Z"


@pytest.fixture
def secret_name() -> str:
    return f"smtp-{uuid4().hex[:8]}"


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, secret_name: str, tmp_path: Path) -> Site:
    (tmp_path / ".env").write_text(f"SMTP_PASSWORD={CANARY}\nREGION=us\n")
    (tmp_path / "gone.env").write_text("A=1\n")
    cloud.client("secretsmanager").create_secret(Name=secret_name, SecretString=CANARY)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS settings")
        connection.execute("CREATE TABLE settings (name text PRIMARY KEY, value text)")
        connection.execute("INSERT INTO settings VALUES ('smtp', %s), ('colour', 'navy')", (CANARY,))
    named = Configuration(
        env_files=(str(tmp_path / ".env"), str(tmp_path / "gone.env")),
        secrets=(secret_name,),
        tables=("public.settings",),
    )
    site = with_firm(site_factory(cluster, secrets=(secret_name,)), configuration=named)
    back_up_config(site, config_id=NIGHT, clock=utc_now)
    return site


def test_nothing_changed(site: Site) -> None:
    found = compare_config(site, config_id=NIGHT, clock=utc_now)
    assert found.is_same
    assert (found.firm, found.config, found.unreadable) == (site.firm.id, NIGHT, ())


def test_every_change_is_told_and_no_value(
    site: Site, cluster: LocalCluster, cloud: Cloud, secret_name: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"SMTP_PASSWORD={CANARY}2\nNEW=1\n")
    (tmp_path / "gone.env").unlink()
    cloud.client("secretsmanager").put_secret_value(SecretId=secret_name, SecretString=f"{CANARY}3")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("UPDATE settings SET value = %s WHERE name = 'smtp'", (f"{CANARY}4",))
    found = compare_config(site, config_id=NIGHT, clock=utc_now)
    assert not found.is_same
    env, gone = found.env_files
    assert (env.keys.added, env.keys.changed, env.keys.removed) == (("NEW",), ("SMTP_PASSWORD",), ("REGION",))
    assert gone.presence == "only then"
    assert found.unreadable == (f"file {tmp_path / 'gone.env'}: No such file or directory",)
    assert [(secret.name, secret.presence) for secret in found.secrets] == [(secret_name, "changed")]
    (table,) = found.tables
    assert table.rows is not None
    assert (table.rows.changed, table.rows_added, table.rows_removed) == (("smtp",), 1, 1)
    assert CANARY not in found.to_json().decode()


def test_what_a_night_could_not_read_has_neither_come_nor_changed_since(site: Site, tmp_path: Path) -> None:
    (tmp_path / ".env").rename(tmp_path / "away")
    back_up_config(site, config_id="20261121T000000001Z", clock=utc_now)
    (tmp_path / "away").rename(tmp_path / ".env")
    found = compare_config(site, config_id="20261121T000000001Z", clock=utc_now)
    assert found.unreadable == (f"file {tmp_path / '.env'}: No such file or directory (that night)",)
    assert [(each.path, each.presence) for each in found.env_files] == [(str(tmp_path / "gone.env"), "same")]


def test_a_night_that_is_not_there_and_a_vault_that_is_not_ours(
    site: Site, site_factory: SiteFactory, cluster: LocalCluster
) -> None:
    with pytest.raises(NoSuchPoint, match="none, there is no recovery point yet"):
        compare_config(site, config_id="20261119T000000001Z", clock=utc_now)
    other = site_factory(cluster)
    theirs = replace(other.primary, firm=site.firm.id)
    with pytest.raises(WrongVault):
        compare_config(site, vault=theirs, config_id=NIGHT, clock=utc_now)
