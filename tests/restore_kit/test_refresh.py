"""``restore-kit/`` in both vaults: this firm's own page, written when something changed and at no other time."""

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault.overwriting import replace
from muniment.adapters.vault.vault import Vault
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import NothingToRestore
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.publish_kit import KIT, PAGE, SCRIPT, refresh_restore_kit
from muniment_demo.cloud import Cloud, Credentials
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import LOGINS, SiteFactory
from tests.restore_kit.kit import Kit
from tests.support.wal import archive_with, muniment_script, sql


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    sql(cluster, "CREATE DATABASE shut")
    sql(cluster, "CREATE EXTENSION vector")
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, source: LocalCluster, tmp_path: Path) -> Site:
    site = site_factory(source)
    archive_with(source, f"{muniment_script(site, tmp_path)} wal push %p")
    return site


def night(site: Site) -> Point:
    return run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)


def kit_in(vault: Vault) -> dict[str, bytes]:
    return {found.key: vault.get(found.key) for found in vault.list(keys.RESTORE_KIT)}


def test_both_vaults_say_how_this_firm_comes_back(site: Site, kit: Kit) -> None:
    with pytest.raises(NothingToRestore):
        refresh_restore_kit(site, clock=utc_now)
    point = night(site)
    for vault in site.vaults:
        found = kit_in(vault)
        assert set(found) == {"restore-kit/RESTORE.md", "restore-kit/restore.py"}
        assert found["restore-kit/restore.py"] == (KIT / SCRIPT).read_bytes()
        page = found["restore-kit/RESTORE.md"].decode()
        named = (vault.bucket, vault.region, vault.kms_key, point.id, str(point.system_identifier), "vector 0.8.2")
        assert [name for name in named if name not in page] == []
        assert "$" not in page.replace('"$PWD/', "")
        for login in LOGINS[site.firm.id].values():
            assert login.password.reveal() not in page
    (listing,) = re.findall(r"^venv/bin/python (restore.py list .*)$", page, re.MULTILINE)
    (fetching,) = re.findall(r"^venv/bin/python (restore.py fetch .* \\\n.*)$", page, re.MULTILINE)
    login = LOGINS[site.firm.id]["aws"]
    who = Credentials(login.user, login.password)
    for line in (listing, fetching.replace("\\\n", "").replace("$PWD", str(kit.folder))):
        kit.run(*shlex.split(line)[1:], who=who)
    assert (kit.folder / "cluster" / "finish.sh").exists()


def test_a_disabled_key_is_said_plainly(site: Site, kit: Kit, cloud: Cloud) -> None:
    night(site)
    place, login = site.firm.vaults.primary, LOGINS[site.firm.id]["aws"]
    cloud.client("kms", place.region).disable_key(KeyId=place.kms_key)
    vault = ("--bucket", place.bucket, "--region", place.region)
    who = Credentials(login.user, login.password)
    said = kit.run("fetch", *vault, "--into", "cluster", who=who, expect=1).stderr
    assert "disabled" in said
    assert "Traceback" not in said


def test_only_what_changed_is_written_and_old_pages_go_after_the_retention(site: Site) -> None:
    night(site)
    assert refresh_restore_kit(site, clock=utc_now) == ()
    point = night(site)
    for vault in site.vaults:
        versions = [found.key for found in vault.list_versions(keys.RESTORE_KIT)]
        assert versions.count("restore-kit/RESTORE.md") == 2
        assert versions.count("restore-kit/restore.py") == 1
        assert point.id in vault.get("restore-kit/RESTORE.md").decode()
    refresh_restore_kit(site, clock=lambda: utc_now() + site.policy.retention + timedelta(minutes=1))
    for vault in site.vaults:
        assert len(list(vault.list_versions(keys.RESTORE_KIT))) == len((SCRIPT, PAGE))


def test_a_database_that_lets_nobody_in_is_named(site: Site, source: LocalCluster) -> None:
    hba = source.data_dir / "pg_hba.conf"
    hba.write_text("host shut all all reject\n" + hba.read_text())
    source.reload()
    night(site)
    page = site.primary.get("restore-kit/RESTORE.md").decode()
    assert "database `shut` could not be read, ask its owner" in page
    assert "vector 0.8.2" in page


def test_replacing_is_conditional_on_a_change(site: Site) -> None:
    assert replace(site.primary, "restore-kit/NOTE", b"first")
    assert not replace(site.primary, "restore-kit/NOTE", b"first")
    assert replace(site.primary, "restore-kit/NOTE", b"second")
    assert site.primary.get("restore-kit/NOTE") == b"second"
