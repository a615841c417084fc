"""archive_command set to the real `muniment wal push`, on real servers, with a real store that fails on request."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.vault import keys
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS, SiteFactory
from tests.support.wal import MUNIMENT, archive_with, eventually, muniment_script, sql, status_files, switch_wal


class Firm:
    """One firm whose server is here, with the script that its archive_command runs."""

    def __init__(self, site: Site, cluster: LocalCluster, script: Path) -> None:
        self.site = site
        self.cluster = cluster
        self.script = script
        self.spool = cluster.data_dir.with_name("data.muniment-wal") / site.firm.id

    def push(self, file: Path | str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.script, "wal", "push", str(file)],
            cwd=self.cluster.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=360,
        )

    def stored(self) -> list[str]:
        system = int(self.cluster.system_identifier())
        return [found.key.rsplit("/", 1)[1] for found in self.site.primary.list(keys.wal_prefix(system))]

    def key(self, name: str) -> str:
        return keys.wal(int(self.cluster.system_identifier()), name)

    def archive(self) -> None:
        archive_with(self.cluster, f"{self.script} wal push %p")


def make_firm(site_factory: SiteFactory, cluster: LocalCluster, folder: Path, endpoint: str | None = None) -> Firm:
    site = site_factory(cluster)
    if endpoint:
        logins = LOGINS[site.firm.id]
        logins["aws"] = replace(
            logins["aws"], extra={**logins["aws"].extra, "service_config": {"s3": {"endpoint_url": endpoint}}}
        )
    return Firm(site, cluster, muniment_script(site, folder, warm=False))


@pytest.fixture
def firm(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms, tmp_path: Path
) -> Firm:
    return make_firm(site_factory, cluster_factory(programs, archive_command="/bin/false"), tmp_path)


@pytest.fixture
def firm17(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
    faulty_store: FaultProxy,
) -> Firm:
    """Archives to nowhere until told, and reaches S3 through the misbehaving store."""
    cluster = cluster_factory(programs17, archive_command="/bin/false")
    return make_firm(site_factory, cluster, tmp_path, faulty_store.endpoint_url)


def test_every_segment_that_waits_is_pushed_by_one_run(firm: Firm) -> None:
    names = switch_wal(firm.cluster, 5)
    assert status_files(firm.cluster, "ready") == names
    done = firm.push(f"pg_wal/{names[0]}")
    assert (done.returncode, done.stderr) == (0, "")
    assert firm.stored() == names
    assert sorted(note.name for note in (firm.spool / "acknowledged").iterdir()) == names[1:]
    content = firm.site.primary.get_sealed(firm.key(names[3]))
    assert content == (firm.cluster.data_dir / "pg_wal" / names[3]).read_bytes()


def test_the_server_itself_archives(firm: Firm) -> None:
    names = switch_wal(firm.cluster, 5)
    firm.archive()
    eventually(lambda: status_files(firm.cluster, "ready") == [])
    assert firm.stored() == names
    assert sql(firm.cluster, "SELECT archived_count FROM pg_stat_archiver") == 5
    assert list((firm.spool / "acknowledged").iterdir()) == []
    found = firm.site.primary.head(firm.key(names[0]))
    assert found is not None and found.locked_until is not None
    assert set(found.metadata) == {"sha256", "written-at", "free-bytes", "pg-wal-bytes"}
    assert int(found.metadata["pg-wal-bytes"]) >= 16 * 2**20


def test_the_same_bytes_twice_are_fine_and_other_bytes_are_refused(firm: Firm) -> None:
    (name,) = switch_wal(firm.cluster)
    file = firm.cluster.data_dir / "pg_wal" / name
    assert firm.push(file).returncode == 0
    assert firm.push(file).returncode == 0
    stored = firm.site.primary.get_sealed(firm.key(name))
    with file.open("r+b") as handle:
        handle.seek(100_000)
        handle.write(b"another page")
    refused = firm.push(file)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"muniment wal push {name}: wal segment {name} is already in {firm.site.primary.bucket} with other contents\n"
        "KEPT: the segment that was stored first\n"
        "HINT: find the second server that archives here (a restored copy with archiving on?) and stop it.\n"
    )
    assert firm.site.primary.get_sealed(firm.key(name)) == stored


def test_what_nobody_foresaw_is_tried_again_and_ends_no_archiver(tmp_path: Path) -> None:
    """Above 125 PostgreSQL's archiver ends. An installation that is broken stands for all of it."""
    (tmp_path / "yaml.py").write_text("raise RuntimeError('half an update')")
    done = subprocess.run(
        [MUNIMENT, "wal", "push", "--firm", "acme", "pg_wal/000000010000000000000001"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 75
    assert done.stderr == (
        "muniment wal push 000000010000000000000001: wal file 000000010000000000000001 of firm acme is not known to be"
        " in the vault: RuntimeError: half an update\n"
        "KEPT: the file in pg_wal: postgresql removes none before archive_command has succeeded\n"
        "HINT: postgresql tries again by itself; if it goes on, look at the health of S3 and KMS in the primary"
        " region.\n"
    )


def test_another_clusters_files_are_refused(
    firm17: Firm, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    other = cluster_factory(programs17, archive_command="/bin/false")
    (name,) = switch_wal(other)
    refused = firm17.push(other.data_dir / "pg_wal" / name)
    ours, theirs = firm17.cluster.system_identifier(), other.system_identifier()
    assert refused.returncode == 4
    assert f"leads to cluster {theirs}, the firm's cluster is {ours}" in refused.stderr
    assert f"`muniment adopt {firm17.site.firm.id}`" in refused.stderr
    history = other.data_dir / "pg_wal" / "00000002.history"
    history.write_text("1\t0/3000000\tno recovery target specified\n")
    refused = firm17.push(history)
    assert refused.returncode == 4
    assert f"connection pg_wal of firm {firm17.site.firm.id} leads to cluster {theirs}" in refused.stderr
    assert firm17.stored() == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("0000000100000000000000AA", b"", "it has only 0 bytes"),
        (
            "0000000100000000000000AA",
            b"\0" * 16 * 2**20,
            "its magic number is 0x0000, which is no supported PostgreSQL's",
        ),
        ("000000010000000000000001.bak", b"x", "this is no name of a WAL file"),
        (
            "00000009.history",
            b"1\t0/3000000\tno recovery target specified\n",
            "it lies in no data directory, and the file itself does not tell whose it is",
        ),
    ],
    ids=["empty", "zeros", "name", "history"],
)
def test_what_is_no_wal_of_this_cluster_is_refused(
    firm17: Firm, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    refused = firm17.push(file)
    assert refused.returncode == 3
    assert refused.stderr.startswith(f"muniment wal push {name}: wal segment {name} is not valid: {reason}\nKEPT: ")


def test_an_acknowledgement_holds_for_these_bytes_alone(firm17: Firm, faulty_store: FaultProxy) -> None:
    names = switch_wal(firm17.cluster, 4)
    wal = firm17.cluster.data_dir / "pg_wal"
    assert firm17.push(f"pg_wal/{names[0]}").returncode == 0
    asked = len(faulty_store.seen)
    assert firm17.push(f"pg_wal/{names[1]}").returncode == 0
    assert len(faulty_store.seen) == asked, "the run before it had stored it: no request"
    (wal / names[2]).touch()
    assert firm17.push(f"pg_wal/{names[2]}").returncode == 0
    assert len(faulty_store.seen) > asked, "touched since: S3 is asked"
    with (wal / names[3]).open("r+b") as handle:
        handle.write(b"\0" * 24)
    assert firm17.push(f"pg_wal/{names[3]}").returncode == 3


def test_s3_that_fails_for_a_while_costs_nothing_but_time(firm17: Firm, faulty_store: FaultProxy) -> None:
    names = switch_wal(firm17.cluster, 3)
    for kind in ("503", "reset", "lost-reply"):
        faulty_store.fail(kind, times=2)
    assert firm17.push(f"pg_wal/{names[0]}").returncode == 0
    assert len(faulty_store.spoiled) == 6
    firm17.archive()
    eventually(lambda: not status_files(firm17.cluster, "ready"))
    assert firm17.stored() == names


def test_without_s3_it_fails_and_holds_up_no_shutdown(firm17: Firm, faulty_store: FaultProxy) -> None:
    switch_wal(firm17.cluster, 3)
    faulty_store.fail("timeout")
    firm17.archive()
    eventually(lambda: faulty_store.spoiled)
    firm17.cluster.stop("fast", timeout_s=300)
    assert (
        "S3 did not acknowledge it within 5 seconds while the server is stopping" in firm17.cluster.log_path.read_text()
    )
    assert len(status_files(firm17.cluster, "ready")) >= 3
    faulty_store.heal()
    firm17.cluster.start()
    eventually(lambda: not status_files(firm17.cluster, "ready"))


def test_sigterm_ends_it_while_s3_is_silent_and_promises_nothing(firm17: Firm, faulty_store: FaultProxy) -> None:
    (name,) = switch_wal(firm17.cluster)
    faulty_store.fail("timeout")
    process = subprocess.Popen(
        [firm17.script, "wal", "push", f"pg_wal/{name}"],
        cwd=firm17.cluster.data_dir,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: faulty_store.spoiled)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 75
    assert said == (
        f"muniment wal push {name}: wal file {name} of firm {firm17.site.firm.id} is not known to be in the vault: "
        "it was told to end (SIGTERM)\n"
        "KEPT: the file in pg_wal: postgresql removes none before archive_command has succeeded\n"
        "HINT: postgresql tries again by itself; if it goes on, look at the health of S3 and KMS in the primary "
        "region.\n"
    )


def test_another_firms_vault_is_refused_before_anything_is_written(
    firm17: Firm, site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    other = site_factory(cluster_factory(programs17))
    (name,) = switch_wal(firm17.cluster)
    file = firm17.script.parent / "registry" / "firms" / f"{firm17.site.firm.id}.yaml"
    file.write_text(file.read_text().replace(firm17.site.primary.bucket, other.primary.bucket))
    refused = firm17.push(f"pg_wal/{name}")
    assert refused.returncode == 1
    assert f"S3 denied GetObject on {other.primary.bucket}/firm.json" in refused.stderr
    assert list(other.primary.list("wal/")) == []


def test_no_secret_and_no_success_without_a_firm(firm17: Firm) -> None:
    (name,) = switch_wal(firm17.cluster)
    login = LOGINS[firm17.site.firm.id]["aws"]
    lost = subprocess.run(
        [firm17.script, "wal", "push", "--firm=nobody", f"pg_wal/{name}"],
        cwd=firm17.cluster.data_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lost.returncode == 2
    assert login.password.reveal() not in lost.stderr
    nameless = subprocess.run(
        [firm17.script, "wal", "push", "--firm=", "x"], capture_output=True, text=True, check=False
    )
    assert nameless.returncode == 2
    assert nameless.stderr == (
        "muniment wal push does not know whose WAL this is\n"
        "HINT: write `muniment wal push --firm FIRM PATH`, or set MUNIMENT_FIRM for the server.\n"
    )
    absent = firm17.push("pg_wal/0000000100000000000000FF")
    assert absent.returncode == 1
    assert "there is no file pg_wal/0000000100000000000000FF\n" in absent.stderr
