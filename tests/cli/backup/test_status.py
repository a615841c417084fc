"""``muniment status`` and ``muniment wal status``, while the firm's server is up and when it is not."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment.runbooks.wal.standing import standing
from tests.cli.conftest import Ended, in_this_process
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, site_env
from tests.registry.conftest import Files
from tests.support.wal import archive_with, eventually, muniment_script, register_backup, status_files, switch_wal


class Firm:
    def __init__(self, site: Site, cluster: LocalCluster, folder: Path) -> None:
        self.site, self.cluster = site, cluster
        self.script = muniment_script(site, folder)
        archive_with(cluster, f"{self.script} wal push %p")
        self.env = {"MUNIMENT_REGISTRY": str(folder / "registry"), **site_env(site)}

    def run(self, *arguments: str) -> Ended:
        return in_this_process(*arguments, env=self.env)

    def state(self) -> tuple[int, str]:
        ended = self.run("status", "--all", "--json")
        (found,) = json.loads(ended.out)["firms"]
        return ended.code, found["state"]

    def archived(self) -> None:
        switch_wal(self.cluster)
        eventually(lambda: not status_files(self.cluster, "ready"))


@pytest.fixture
def firm(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms, tmp_path: Path
) -> Firm:
    cluster = cluster_factory(programs17)
    return Firm(site_factory(cluster), cluster, tmp_path)


def test_a_firm_is_as_promised_when_either_vault_alone_brings_it_back(firm: Firm) -> None:
    site = firm.site
    assert firm.state() == (1, "nothing")
    backup = register_backup(site, firm.cluster)
    firm.archived()
    assert firm.state() == (1, "one vault")
    replicate_wal(site, clock=utc_now)
    site.replica.put_register(keys.backup_register(backup.id), backup, locked_until=None)
    assert firm.state() == (0, "ok")
    firm.cluster.stop()
    assert firm.state() == (0, "ok")
    assert standing(site, clock=lambda: utc_now() + timedelta(days=2)).verdict == "late"
    line = firm.run("status", site.firm.id)
    assert "the cluster was not seen: postgresql of firm" in line.out
    assert site.primary.region in line.out and site.replica.region in line.out


def test_the_vault_tells_the_archives_state_while_the_server_is_down(firm: Firm) -> None:
    register_backup(firm.site, firm.cluster)
    firm.archived()
    up = json.loads(firm.run("wal", "status", firm.site.firm.id, "--json").out)
    firm.cluster.stop()
    down = json.loads(firm.run("wal", "status", firm.site.firm.id, "--json").out)
    assert (down["archived_lsn"], down["timeline"], down["windows"]) == (up["archived_lsn"], 1, up["windows"])
    assert down["windows"]
    assert (down["live_lsn"], down["ready"], down["last_archived"]) == (None, None, None)
    shown = firm.run("wal", "status", firm.site.firm.id)
    assert shown.code == 0
    assert "from the vault alone: postgresql of firm" in shown.out


def test_a_firm_that_is_not_ready_hides_no_other_one(tmp_path: Path) -> None:
    """Its file is there before its connections are, and another one's file has a fault."""
    files = Files(tmp_path / "registry")
    files.write("firms/beta.yaml", "id: [")
    ended = in_this_process("status", "--all", "--json", env={"MUNIMENT_REGISTRY": str(files.root)})
    told = json.loads(ended.out)
    assert (ended.code, [(one["firm"], one["state"]) for one in told["firms"]]) == (1, [("acme", "unknown")])
    assert "neither AIRFLOW_CONN_ACME_" in told["firms"][0]["server_unseen"]
    assert told["faults"][0].startswith("firms/beta.yaml: not YAML")


@pytest.mark.parametrize("arguments", [(), ("acme", "--all")])
def test_one_firm_or_all_of_them(arguments: tuple[str, ...]) -> None:
    ended = in_this_process("status", *arguments, env={})
    assert (ended.code, ended.err.splitlines()[-1]) == (2, "Error: name one FIRM, or say --all")
