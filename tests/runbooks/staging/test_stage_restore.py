"""A firm is staged from its vault on real servers: a server to work with, the documents of its instant, an end."""

import json
import os
import platform
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.host.shared_memory import segments_of
from muniment.adapters.site.site import Site
from muniment.adapters.staging import isolation_launcher
from muniment.adapters.staging.extension_check import require_extensions
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import code_of
from muniment.domain.firm.application import DocumentReference, DrillsPolicy
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import (
    DiskFull,
    ExtensionMissing,
    LocaleMissing,
    NoIsolation,
    NoSuchStaging,
    ProgramMissing,
    StagingBusy,
    WrongVault,
)
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.lifetime import clear_expired, destroy, extend, find_staging, stagings, tend
from muniment.runbooks.staging.stage_restore import Beside, stage_restore, staging_place
from muniment_demo.cloud import Cloud
from muniment_demo.documents import Paper
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.kernels import launcher_of_an_older_kernel
from tests.support.progress import Told
from tests.support.shared_memory import NOTHING, left_of
from tests.support.sources import Desk
from tests.support.stagings import stagings_folder
from tests.support.wal import archive_with, eventually, muniment_script

pytestmark = pytest.mark.timeout(720)
STRANGE = ("../../etc/passwd", "Matters/Álvarez v. Müller/北京.txt", "a/" + "x" * 1022, "a", "CON", "tab\there")
TONIGHT = "filed tonight.txt"
POLICY: dict[str, Any] = {
    "document_references": (DocumentReference(table="public.filed", column="storage_key"),),
    "drills": DrillsPolicy(documents_opened=5),
}


def firm_with_a_night(
    cloud: Cloud, site_factory: SiteFactory, cluster: LocalCluster, folder: Path, **policy: Any
) -> Site:
    """Rows that name documents, strange keys among them, one night, and a row with its document since."""
    site = site_factory(cluster, **{**POLICY, **policy})
    archive_with(cluster, f"{muniment_script(site, folder)} wal push %p")
    desk = Desk(cloud, site)
    papers = [Paper("alder", number) for number in range(4)]
    for paper in papers:
        desk.put(paper.key, paper.body())
    for key in STRANGE:
        desk.put(key, b"strange")
    desk.put("filed by nobody.txt", b"note")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute("CREATE TABLE filed (storage_key text)")
        for key in (*STRANGE, *(paper.key for paper in papers)):
            session.execute("INSERT INTO filed VALUES (%s)", (key,))
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    desk.put(TONIGHT, b"younger than the snapshot")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute("INSERT INTO filed VALUES (NULL), (%s)", (TONIGHT,))
        session.execute("SELECT pg_switch_wal()")
        eventually(
            lambda: (
                session.execute("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name ~ 'ready'").fetchone()
                == (0,)
            )
        )
    return site


type Firms = Callable[[PostgresPrograms], Site]


@pytest.fixture(scope="module")
def firms(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Firms:
    """One a version: a staging only reads."""

    @cache
    def make(programs: PostgresPrograms) -> Site:
        cluster = module_cluster_factory(programs, wal_segment_size_mb=1)
        return firm_with_a_night(cloud, site_factory, cluster, tmp_path_factory.mktemp("firm"))

    return make


@pytest.fixture
def site(firms: Firms, programs: PostgresPrograms) -> Site:
    return firms(programs)


@pytest.fixture
def site17(firms: Firms, programs17: PostgresPrograms) -> Site:
    return firms(programs17)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield from stagings_folder(tmp_path)


def plan_for(site: Site, root: Path, to: str = "latest") -> RestorePlan:
    into = staging_place(root, site.firm.id, utc_now())
    return plan_restore(site.primary, site.firm, RecoveryTarget.parse(to), side="primary", into=into, clock=utc_now)


def stage(site: Site, root: Path, to: str = "latest", **how: Any) -> Staging:
    return stage_restore(site.primary, site.firm, plan_for(site, root, to), clock=utc_now, **how)


def ask(staging: Staging, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(staging.connection.conninfo, autocommit=True) as session:
        return session.execute(statement.encode()).fetchall()


def test_a_staging_answers_holds_the_documents_of_its_instant_and_says_what_it_is(site: Site, root: Path) -> None:
    live = source_buckets(site.firm, site.clients)
    staging = stage(site, root, beside=Beside(live=live))
    folder = find_staging(root, staging.id)
    assert ask(staging, f"SELECT count(*) FROM filed WHERE storage_key = '{TONIGHT}'") == [(1,)]
    assert ask(staging, "SHOW cluster_name") == [(f"muniment staging {site.firm.id} latest",)]
    assert eventually(lambda: ask(staging, "SHOW muniment.staging") == [(staging.banner,)])
    assert staging.banner.endswith(f"until {staging.expires_at:%Y-%m-%d %H:%M} UTC")
    assert staging.expires_at - staging.made_at == site.policy.staging.ttl
    password = Path(staging.connection.passfile).read_text().strip().rsplit(":", 1)[1]
    assert password not in staging.to_json().decode()
    assert not folder.wal.exists()
    assert staging.reached_lsn
    assert staging.reached_at
    assert staging.made_at - staging.reached_at < timedelta(hours=1)
    assert staging.passed
    assert staging.documents
    younger = f"1 documents of the live buckets that came after {staging.documents.at:%Y-%m-%d %H:%M:%S} UTC"
    assert {check.name: check.found for check in staging.checks} == {
        "documents named by public.filed.storage_key": f"11 of 11 rows; counted with {younger}",
        "documents that no row names": (
            f"1 of 12; '{site.firm.documents[0].bucket}/filed by nobody.txt'; counted with {younger}"
        ),
        "PDF files opened": "2 of 2",
        "DOCX files opened": "2 of 2",
    }
    told = json.loads((folder.documents / "manifest.json").read_text())["documents"]
    assert {each["key"] for each in told} >= set(STRANGE)
    for each in told:
        path = (folder.documents / each["path"]).resolve()
        assert path.is_relative_to(folder.documents)
        assert path.stat().st_size == each["size_bytes"]
    destroy(folder)
    assert list(root.iterdir()) == []
    assert processes.working_in(folder.data_dir) == []


def test_it_is_extended_and_destroys_itself_when_its_time_is_over(site17: Site, root: Path) -> None:
    staging = stage(site17, root, ttl=timedelta(hours=1), documents=False)
    folder = find_staging(root, staging.id)
    assert staging.documents is None
    assert [check.found for check in staging.failed_checks] == [f"10 of 11 rows; not '{TONIGHT}'"]
    later = staging.expires_at + timedelta(hours=1)
    assert stagings(root) == [staging]
    longer = extend(folder, later)
    assert longer.expires_at == later
    assert find_staging(root, staging.id).record() == longer
    assert eventually(lambda: ask(longer, "SHOW muniment.staging") == [(longer.banner,)])
    postmaster, memory = IsolatedCluster(folder.data_dir, PostgresPrograms.find(17)).pid, segments_of(folder.data_dir)
    assert postmaster
    assert memory
    extend(folder, utc_now())
    eventually(lambda: not folder.path.exists())
    assert not processes.runs_in(postmaster, folder.data_dir)
    assert left_of(memory) == NOTHING


def test_staged_again_the_same_plan_is_what_is_there_and_a_point_is_exact(site17: Site, root: Path) -> None:
    plan = plan_for(site17, root, catalog.latest_point(site17.primary).id)
    staging = stage_restore(site17.primary, site17.firm, plan, clock=utc_now)
    assert staging.plan == plan.sha256
    assert ask(staging, "SELECT count(*) FROM filed WHERE storage_key IS NULL") == [(0,)]
    assert staging.passed
    assert stage_restore(site17.primary, site17.firm, plan, clock=utc_now) == staging


def test_wal_that_one_vault_lacks_or_has_damaged_comes_from_the_other(site17: Site, root: Path, cloud: Cloud) -> None:
    point, plan, noted = catalog.latest_point(site17.primary), plan_for(site17, root), Told()
    s3, bucket = cloud.client("s3", site17.primary.region), site17.primary.bucket
    missing, damaged = (
        keys.wal(point.system_identifier, name) for name in (point.wal.first_segment, point.wal.last_segment)
    )
    assert missing != damaged
    spoiled = {missing: s3.delete_object(Bucket=bucket, Key=missing)["VersionId"]}
    spoiled[damaged] = s3.put_object(Bucket=bucket, Key=damaged, Body=b"rot")["VersionId"]
    try:
        staging = stage_restore(
            site17.primary,
            site17.firm,
            plan,
            clock=utc_now,
            beside=Beside(other=site17.replica),
            documents=False,
            progress=noted,
        )
    finally:
        for key, version in spoiled.items():
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
    assert ask(staging, "SELECT count(*) FROM filed") == [(12,)]
    told = {line.split(":")[0] for line in noted.notes if "was taken from" in line}
    assert told == {
        f"{name} was taken from {site17.replica.bucket}" for name in (point.wal.first_segment, point.wal.last_segment)
    }


def test_where_the_keeper_is_gone_the_next_staging_clears_what_is_over(site17: Site, root: Path) -> None:
    staging = stage(site17, root, documents=False)
    folder = find_staging(root, staging.id)
    keeper = int(eventually((folder.path / "keeper").read_text))
    os.kill(keeper, signal.SIGKILL)
    # And its server, by whoever wanted memory: nobody but us removes what that leaves.
    memory = segments_of(folder.data_dir)
    assert memory
    processes.send(processes.working_in(folder.data_dir), signal.SIGKILL)
    eventually(lambda: not processes.working_in(folder.data_dir))
    assert left_of(memory) == memory
    assert clear_expired(root, now=staging.expires_at - timedelta(seconds=1)) == []
    with folder.held():
        assert clear_expired(root, now=staging.expires_at) == []
    (told,) = tend(root, now=staging.expires_at - timedelta(seconds=1))
    assert told == f"staging {folder.path.name} had lost its keeper, who ends it in time: it has one again"
    assert eventually(lambda: folder.is_kept)
    assert tend(root, now=staging.expires_at - timedelta(seconds=1)) == []
    assert tend(root, now=staging.expires_at) == [
        f"staging {folder.path.name} was past its time: its server was ended, its folder removed"
    ]
    assert list(root.iterdir()) == []
    assert processes.working_in(folder.data_dir) == []
    assert left_of(memory) == NOTHING


def test_only_a_staging_is_destroyed_or_extended(site17: Site, root: Path) -> None:
    letter = root / "staging-hudson-20261120T083000123Z" / "data" / "letter.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("privileged")
    for act in (destroy, lambda folder: extend(folder, utc_now())):
        with pytest.raises(NoSuchStaging) as refused:
            act(StagingFolder(letter.parents[1]))
    assert str(refused.value) == (
        f"{letter.parents[1]} is not a staging of muniment's\n"
        f"KEPT: everything in {letter.parents[1]}\n"
        "HINT: list those of this machine with `muniment staging list`."
    )
    assert letter.read_text() == "privileged"
    with pytest.raises(NoSuchStaging):
        find_staging(root, "20261120T083000123Z")
    (letter.parents[1] / "plan.json").write_bytes(plan_for(site17, root).to_json())
    with pytest.raises(NoSuchStaging):
        destroy(StagingFolder(letter.parents[1]))
    shutil.rmtree(letter.parents[1])


def test_somebody_elses_work_on_it_is_waited_for_and_then_refused(site17: Site, root: Path) -> None:
    folder = StagingFolder(Path(plan_for(site17, root).into).parent)
    folder.path.mkdir()
    with folder.held(), pytest.raises(StagingBusy) as busy, folder.held(patience_s=0):
        pass
    assert str(busy.value) == (
        f"another process is at work on the staging in {folder.path}\n"
        f"KEPT: everything in {folder.path}; this run has not touched it\n"
        "HINT: wait until it has finished, then run this again."
    )


def refused(site: Site, plan: RestorePlan, error: type[Exception]) -> str:
    """And nothing is there afterwards."""
    with pytest.raises(error) as raised:
        stage_restore(site.primary, site.firm, plan, clock=utc_now)
    assert not Path(plan.into).parent.exists()
    return str(raised.value)


def test_what_this_machine_lacks_is_said_before_anything_is_fetched(
    site17: Site, root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = plan_for(site17, root)
    other = plan.model_copy(update={"server_version": 990001})
    assert "HINT: install PostgreSQL 99 (" in refused(site17, other, ProgramMissing)
    elsewhere = replace(site17.primary, firm="somebody-else")
    with pytest.raises(WrongVault):
        stage_restore(elsewhere, site17.firm, plan, clock=utc_now)
    refused(site17, plan.model_copy(update={"vault": "another"}), WrongVault)
    assert len(plan.space) == 1, "its WAL and its documents lie beside it"
    too_much = (plan.space[0].model_copy(update={"needed_bytes": 2**62}),)
    assert ": no space left" not in refused(site17, plan.model_copy(update={"space": too_much}), DiskFull)
    broken = tmp_path / "no_filter.py"
    broken.write_text("raise OSError('seccomp is not allowed here')")
    monkeypatch.setattr(isolation_launcher, "__file__", str(broken))
    assert refused(site17, plan, NoIsolation) == _no_isolation("seccomp is not allowed here")
    monkeypatch.undo()
    monkeypatch.setattr(isolation_launcher, "__file__", str(launcher_of_an_older_kernel(tmp_path, 2)))
    assert refused(site17, plan, NoIsolation) == _no_isolation(
        "[Errno 95] the kernel's Landlock must have version 3, and has version 2"
    )


def _no_isolation(reason: str) -> str:
    return (
        "this machine cannot keep a restored server from calling out, or from writing outside of its folder: "
        f"{platform.system()} on {platform.machine()}: OSError: {reason}\n"
        "KEPT: everything; nothing was fetched and no server was started\n"
        "HINT: use Linux 6.2 or later on x86_64 or aarch64, with landlock among the names in /sys/kernel/security/lsm,"
        " and a container that may set a seccomp filter and call landlock_restrict_self."
    )


def test_an_extension_that_is_not_installed_here_is_named_with_its_package(programs: PostgresPrograms) -> None:
    require_extensions("hudson", programs, ["plpgsql 1.0", "pg_cron 1.6"])
    with pytest.raises(ExtensionMissing) as missing:
        require_extensions("hudson", programs, ["postgis 3.4", "nowhere 1.0", "plpgsql 1.0"])
    assert str(missing.value) == (
        f"postgresql {programs.major} on this machine lacks extensions of firm hudson: nowhere, postgis\n"
        "KEPT: everything; nothing was fetched\n"
        f"HINT: install postgresql-{programs.major}-postgis-3 and postgresql-contrib,"
        " or restore on a machine that has them."
    )


def test_a_point_remembers_what_a_machine_needs_and_a_staging_asks(site17: Site, root: Path, cloud: Cloud) -> None:
    point = catalog.latest_point(site17.primary)
    assert point.extensions == ()
    assert point.databases
    foreign = point.databases[0].model_copy(update={"collate": "xx_XX.UTF-8"})
    s3, key = cloud.client("s3", site17.primary.region), keys.point(point.id)

    def write(register: Point) -> None:
        told = code_of(site17.primary, key, register.to_json())
        s3.put_object(Bucket=site17.primary.bucket, Key=key, Body=register.to_json(), Metadata=told)

    try:
        write(point.model_copy(update={"extensions": ("vector_of_ours 0.8.0",)}))
        assert "vector_of_ours" in refused(site17, plan_for(site17, root), ExtensionMissing)
        write(point.model_copy(update={"databases": (foreign,)}))
        assert refused(site17, plan_for(site17, root), LocaleMissing) == (
            f"this machine lacks what databases of firm {site17.firm.id} are sorted by:"
            f" xx_XX.UTF-8 (of {foreign.name})\n"
            "KEPT: everything; nothing was fetched\n"
            "HINT: make it known (Debian: `apt-get install locales-all`, or /etc/locale.gen and `locale-gen`), or"
            " restore on a machine that has it."
        )
    finally:
        write(point)


def test_a_place_that_is_no_stagings_is_refused(site17: Site, root: Path) -> None:
    plan = plan_for(site17, root).model_copy(update={"into": str(root / "somewhere" / "data")})
    refused(site17, plan, NoSuchStaging)
