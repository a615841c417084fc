"""A drill on real servers: what comes back is proven, what is wrong is found, nothing is left, and evidence stays."""

import hashlib
import json
import re
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typst

from muniment.adapters.drill.records import begun_drills, drills, evidence_pages, find_drill, prove_evidence
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import code_of
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import Drill
from muniment.domain.drill.rules import choose_target
from muniment.domain.evidence import Check
from muniment.domain.firm.application import ControlTotalsPolicy, DocumentReference, DrillsPolicy
from muniment.domain.firm.firm import RecoveryClass
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.errors import DrillFailed, ObjectDamaged, Permanent, StoreUnavailable
from muniment.ports import utc_now
from muniment.runbooks.drill.cluster_checks import Inspection
from muniment.runbooks.drill.reference_checks import reference_checks
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.drill.watch import unfinished_drills
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from muniment_demo.documents import Paper
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import LOGINS, SiteFactory, with_firm
from tests.support.progress import Told
from tests.support.signing import with_signing_key
from tests.support.sources import Desk
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)
BALANCED = {"trust": "SELECT coalesce(sum(amount), 0) FROM ledger"}
POLICY: dict[str, Any] = {
    "control_totals": ControlTotalsPolicy(tables=("public.ledger",), sums={"trust": "public.ledger.amount"}),
    "drills": DrillsPolicy(balances=BALANCED, smoke_queries={"entries are kept": "SELECT count(*) > 1 FROM ledger"}),
    "document_references": (DocumentReference(table="public.papers", column="key"),),
}


@pytest.fixture
def site(
    cloud: Cloud,
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
) -> Site:
    return practised(cloud, site_factory, cluster_factory(programs17, wal_segment_size_mb=1), tmp_path)


@pytest.fixture(scope="module")
def site17(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """For what does not depend on PostgreSQL's version. Each test spoils more of it."""
    cluster = module_cluster_factory(programs17, wal_segment_size_mb=1)
    return practised(cloud, site_factory, cluster, tmp_path_factory.mktemp("site17"))


def practised(cloud: Cloud, site_factory: SiteFactory, cluster: LocalCluster, folder: Path) -> Site:
    """Two nights, work before, between and after them, and four documents."""
    write(cluster, "CREATE TABLE ledger (amount numeric(14,2))")
    write(cluster, "CREATE TABLE papers (key text)")
    write(cluster, "CREATE TABLE letters AS SELECT 'nowhere.pdf' AS key")
    transfer(cluster, "12.34")
    site = with_signing_key(cloud, site_factory(cluster, **POLICY))
    archive_with(cluster, f"{muniment_script(site, folder)} wal push %p")
    desk = Desk(cloud, site)
    for number in range(4):
        paper = Paper("alder", number)
        desk.put(paper.key, paper.body())
        write(cluster, f"INSERT INTO papers VALUES ('{paper.key}')")
    for _ in range(2):
        run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
        for _ in range(20):
            transfer(cluster, "0.01")
    return site


def write(cluster: LocalCluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(statement.encode())


def transfer(cluster: LocalCluster, amount: str) -> None:
    """Double entry: two rows, one transaction."""
    write(cluster, f"INSERT INTO ledger VALUES ({amount}), (-{amount})")


def seed_for(site: Site, kind: str) -> int:
    points, window = catalog.points(site.primary), site.policy.point_in_time_window
    chosen = (choose_target(points, window=window, now=utc_now(), seed=seed) for seed in range(1000))
    return next(seed for seed, target in enumerate(chosen) if target and target.kind == kind)


def drill(site: Site, run_dir: Path, **how: Any) -> Drill:
    return run_drill(site, drill_id=new_id(utc_now()), run_dir=run_dir, clock=utc_now, **how)


def failed_drill(site: Site, run_dir: Path, **how: Any) -> tuple[DrillFailed, Drill]:
    with pytest.raises(DrillFailed) as raised:
        drill(site, run_dir, **how)
    return raised.value, find_drill(site.replica, str(raised.value.facts["drill"]))


def by_name(found: Drill) -> dict[str, Check]:
    return {check.name: check for check in found.checks}


def test_drills_pass_and_leave_nothing_but_evidence(site: Site, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    first = drill(site, scratch, seed=seed_for(site, "point"))
    second = drill(site, scratch, seed=seed_for(site, "between"))
    lines = Told()
    third = drill(site, scratch, seed=seed_for(site, "point"), side="replica", by="restore-kit", progress=lines)
    assert list(scratch.iterdir()) == []
    assert drills(site.primary) == drills(site.replica) == (first, second, third)
    _brought_back_by_the_kit_alone(site, third, lines.notes)
    assert (first.side, second.side) == ("primary", "replica")
    assert (second.number, second.previous, second.previous_sha256) == (2, first.id, first.sha256)
    for each in (first, second, third):
        assert tuple(step.name for step in each.steps) == each.planned
        assert not each.not_done
    at_point, between = by_name(first), by_name(second)
    assert at_point["rows of public.ledger"].expected == at_point["rows of public.ledger"].found
    assert at_point["ledger: trust"].found == "0.00"
    assert at_point["rows of public.ledger"].passed
    for name in ("rows of public.ledger", "sum of trust"):
        assert between[name].passed is None
        assert between[name].found.endswith("; not judged: between two recovery points rows come and go")
    for name in (
        "pg_verifybackup",
        "position reached",
        "every relation can be read",
        "extensions of postgres",
        "entries are kept",
    ):
        assert at_point[name].passed
    assert at_point["PDF files opened"].found == at_point["DOCX files opened"].found == "2 of 2"
    assert at_point["documents named by public.papers.key"].found == "4 of 4 rows"
    assert at_point["documents that no row names"].found == "0 of 4"
    assert at_point["public.ledger by its index"].passed is None  # it has none
    assert at_point["visibility maps"].passed is not False
    assert first.target
    (chain,) = (line for line in first.plan if line.startswith("base backups: "))
    assert chain.count("(PostgreSQL 17.9)") == len(catalog.find_point(site.primary, first.target.before).chain)
    assert first.recover_s
    assert first.data_lost_s is not None
    assert first.figures
    assert first.figures.base_bytes > 1_000_000
    assert first.figures.wal_bytes >= first.figures.wal_segments * 2**20 > 0
    _signed_for_everybody(site, first, tmp_path)


def _brought_back_by_the_kit_alone(site: Site, found: Drill, lines: list[str]) -> None:
    assert (found.by, found.side) == ("restore-kit", "replica")
    checks = by_name(found)
    assert checks["what else the restore kit can import"].found == "neither Muniment nor Airflow"
    assert "boto3==" in checks["packages of the restore kit"].found
    assert checks["restore.py is the one that RESTORE.md names"].passed
    assert checks["documents fetched by the restore kit"].found == "4 of 4"
    assert checks["PDF files opened"].found == checks["DOCX files opened"].found == "2 of 2"
    assert "backups verified" in checks["pg_verifybackup"].found
    assert checks["ledger: trust"].found == "0.00"
    assert found.figures
    assert found.figures.wal_segments > 0
    assert any(line.startswith("restore.py: WAL: ") for line in lines)
    secret = LOGINS[site.firm.id]["aws"].password.reveal()
    assert not any(secret in text for text in (*lines, found.to_json().decode()))


def exchanged(cloud: Cloud, site: Site, name: str, content: bytes, *, with_code: bool = True) -> bytes:
    """Returns what was there. Whoever may open the firm's keys can make its code as well."""
    key = f"restore-kit/{name}"
    s3, before = cloud.client("s3", site.replica.region), site.replica.get(key)
    told = code_of(site.replica, key, content) if with_code else {}
    s3.put_object(Bucket=site.replica.bucket, Key=key, Body=content, Metadata=told)
    return before


@pytest.mark.parametrize(("name", "reason", "with_code"), [
    ("restore.py", "it is not this release's script", True),
    ("RESTORE.md", "it does not tell the script's sha256", True),
    ("restore.py", "nothing shows that it is the firm's", False),
])  # fmt: skip
def test_a_kit_that_was_exchanged_in_the_vault_is_not_run(
    site17: Site, cloud: Cloud, tmp_path: Path, name: str, reason: str, with_code: bool
) -> None:
    """It would have the firm's credentials."""
    before = exchanged(cloud, site17, name, b"import os\n", with_code=with_code)
    error, found = failed_drill(site17, tmp_path / "scratch", side="replica", by="restore-kit")
    exchanged(cloud, site17, name, before)
    assert reason in (found.failure or "")
    assert "--by restore-kit" in str(error)
    assert list((tmp_path / "scratch").iterdir()) == []


def _signed_for_everybody(site: Site, found: Drill, tmp_path: Path) -> None:
    """OpenSSL alone says so, and says no to another text."""
    beside = {
        "json": keys.drill(found.id),
        "sig": keys.beside_drill(found.id, "sig"),
        "pem": keys.beside_drill(found.id, "pem"),
    }
    for ending, key in beside.items():
        (tmp_path / f"drill.{ending}").write_bytes(site.replica.get(key))
    argv = ["openssl", "dgst", "-sha256", "-verify", "drill.pem", "-signature", "drill.sig", "drill.json"]
    assert subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True).stdout == b"Verified OK\n"
    (tmp_path / "drill.json").write_bytes(found.to_json().replace(b"passed", b"Passed"))
    assert subprocess.run(argv, cwd=tmp_path, check=False, capture_output=True).returncode != 0
    prove_evidence(site.primary, found.id)
    assert site.primary.head(keys.drill(found.id)).locked_until  # type: ignore[union-attr]


def test_the_command_drills_and_lists_what_it_has_proven(site17: Site, tmp_path: Path) -> None:
    def said(*words: str) -> dict[str, Any]:
        done = subprocess.run([script, *words, "--json"], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    scratch = tmp_path / "scratch"
    reviewed = with_firm(site17, drill_reviewers=("marlow",))
    script = muniment_script(reviewed, tmp_path, MUNIMENT_SCRATCH=str(scratch))
    one = said("drill", site17.firm.id, "--from", "replica", "--seed", "3")["drill"]
    assert (one["side"], one["seed"], one["failure"]) == ("replica", 3, None)
    listed = said("drills", site17.firm.id)
    assert listed["drills"][-1] == one
    assert listed["overdue_since"] is None
    assert listed["sign_offs"] == []
    signed = said("sign-off", site17.firm.id, one["id"], "--by", "marlow", "--note", "Seen.")["sign_off"]
    assert (signed["drill"], signed["by"], signed["note"]) == (one["id"], "marlow", "Seen.")
    assert signed["through"].startswith("muniment sign-off by ")
    assert said("drills", site17.firm.id)["sign_offs"] == [signed]
    assert list(scratch.iterdir()) == []


def test_a_row_is_held_against_what_was_filed_around_its_instant(site17: Site, cloud: Cloud) -> None:
    """Behind the newest snapshot there is only the live bucket, and a drill does without it where it is not there."""
    paper = Paper("alder", 99)
    Desk(cloud, site17).put(paper.key, paper.body())
    with site17.postgres.connect() as session:
        session.execute("INSERT INTO papers VALUES (%s)", [paper.key])
    snapshot = catalog.find_snapshot(site17.primary, catalog.latest_point(site17.primary).documents)
    (named, _) = reference_checks(site17, site17.primary, site17.postgres, snapshot)
    assert (named.passed, named.found) == (True, "5 of 5 rows")
    gone = site17.firm.documents[0].model_copy(update={"bucket": f"{site17.firm.id}-gone"})
    (named, _) = reference_checks(with_firm(site17, documents=(gone,)), site17.primary, site17.postgres, snapshot)
    assert (named.passed, named.found) == (False, f"4 of 5 rows; not {paper.key!r}")
    with site17.postgres.connect() as session:
        session.execute("DELETE FROM papers WHERE key = %s", [paper.key])


def test_evidence_that_was_changed_is_noticed_without_a_signing_key_too(
    site17: Site, cloud: Cloud, tmp_path: Path
) -> None:
    unsigned = with_firm(site17, signing_key=None)
    found = drill(unsigned, tmp_path / "scratch")
    prove_evidence(site17.replica, found.id)
    better = found.model_copy(update={"seed": found.seed + 1}).to_json()
    cloud.client("s3", site17.replica.region).put_object(
        Bucket=site17.replica.bucket, Key=keys.drill(found.id), Body=better
    )
    with pytest.raises(ObjectDamaged, match="it is not what was signed when the drill ended"):
        prove_evidence(site17.replica, found.id)
    cloud.client("s3", site17.primary.region).put_object(
        Bucket=site17.primary.bucket, Key=keys.drill(found.id), Body=better
    )
    lines = Told()
    following = drill(unsigned, tmp_path / "scratch", side="replica", progress=lines)
    assert any(f"object drills/{found.id}.json" in line and "is damaged" in line for line in lines.notes)
    assert following.number == found.number + 1
    with pytest.raises(ObjectDamaged, match=f"object drills/{found.id}.json"):
        drills(site17.primary)
    # What was written stays under its lock; what was laid over it goes, for the tests that come.
    for vault in site17.vaults:
        (newest,) = [each for each in vault.list_versions(keys.drill(found.id)) if each.is_latest]
        cloud.client("s3", vault.region).delete_object(
            Bucket=vault.bucket, Key=keys.drill(found.id), VersionId=newest.version_id, BypassGovernanceRetention=True
        )
        prove_evidence(vault, found.id)


def test_a_drill_that_was_killed_is_told_and_counts(site17: Site, tmp_path: Path) -> None:
    """SIGKILL leaves no time for anything: what tells of it was written first."""
    scratch = tmp_path / "scratch"
    script = muniment_script(site17, tmp_path, MUNIMENT_SCRATCH=str(scratch))
    before = len(drills(site17.primary)) + len(begun_drills(site17.primary))
    running = begun_by_command(script, site17.firm.id, scratch)
    assert unfinished_drills(site17.primary, clock=utc_now) == []
    running.kill()
    running.wait()
    (begun,) = unfinished_drills(site17.replica, clock=utc_now)
    assert begun.number == before + 1
    assert site17.primary.head(keys.begun_drill(begun.id)).locked_until  # type: ignore[union-attr]
    listed = subprocess.run([script, "drills", site17.firm.id], check=True, capture_output=True, text=True).stdout
    assert re.search(rf"{begun.id} .* did not finish ", listed)
    assert f"{begun.id} did not finish: it began and left no evidence" in listed
    lines = Told()
    following = drill(site17, scratch, progress=lines)
    assert any(f"drill {begun.id}" in line and "did not finish: it left no evidence" in line for line in lines.notes)
    assert (following.number, following.previous, following.previous_sha256) == (before + 2, begun.id, begun.sha256)
    assert following.history[-1] == begun.as_past()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("error", [TypeError("a fault of ours"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "?")])
def test_a_fault_of_ours_ends_a_drill_with_evidence_and_is_not_tried_again(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ending(monkeypatch, error)
    raised, found = failed_drill(site17, tmp_path / "scratch")
    assert found.failure == f"{type(error).__name__}: {error}"
    assert isinstance(raised, Permanent)  # Airflow would do the whole restore again
    assert raised.__cause__ is error
    assert found.not_done[0] == "read every relation"
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_what_is_meant_to_end_the_process_ends_it_behind_the_evidence(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ending(monkeypatch, error)
    with pytest.raises(type(error)):
        drill(site17, tmp_path / "scratch")
    for vault in site17.vaults:
        last = drills(vault)[-1]
        assert (last.failure or "").startswith(type(error).__name__)
        prove_evidence(vault, last.id)
        assert evidence_pages(vault, last.id)
    assert list((tmp_path / "scratch").iterdir()) == []


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The real drill, in the middle of which this happens."""

    def relations(_: Inspection) -> Check:
        raise error

    monkeypatch.setattr(Inspection, "relations", relations)


class Panic(BaseException):
    """As the typesetter's, which is no Exception."""


def test_a_page_that_cannot_be_made_is_a_note_and_costs_nothing(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panics(*_: object, **__: object) -> bytes:
        raise Panic("out of glyphs")

    monkeypatch.setattr(typst, "compile", panics)
    lines = Told()
    found = drill(site17, tmp_path / "scratch", progress=lines)
    assert found.passed
    for vault in site17.vaults:
        pages = evidence_pages(vault, found.id)
        assert pages
        assert (set(pages.pages), pages.not_made) == ({"html"}, {"pdf": "Panic: out of glyphs"})
        prove_evidence(vault, found.id)
    assert f"the pdf page of drill {found.id} could not be made: Panic: out of glyphs" in lines.notes


def test_pages_that_were_not_stored_are_made_by_the_next_drill(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evidence is there first: the restore is not done again."""
    with monkeypatch.context() as patch:
        put = Vault.put

        def no_pages(vault: Vault, key: str, *args: Any, **options: Any) -> str:
            if key.endswith(".html"):
                raise StoreUnavailable(service="S3", operation="PutObject", place=vault.bucket, reason="down")
            return put(vault, key, *args, **options)

        patch.setattr(Vault, "put", no_pages)
        lines = Told()
        found = drill(site17, tmp_path / "scratch", progress=lines)
    assert find_drill(site17.replica, found.id) == found
    assert evidence_pages(site17.primary, found.id) is None
    assert any("are not in both vaults, the next drill completes them" in line for line in lines.notes)
    drill(site17, tmp_path / "scratch")
    pages = evidence_pages(site17.replica, found.id)
    assert pages
    assert set(pages.pages) == {"html", "pdf"}
    prove_evidence(site17.primary, found.id)


def test_a_vault_that_fails_keeps_no_evidence_from_the_other_and_gets_it_later(
    site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        put = Vault.put

        def not_here(vault: Vault, key: str, *args: Any, **options: Any) -> str:
            if vault.bucket == site17.replica.bucket and not key.endswith(".begun.json"):
                raise StoreUnavailable(service="S3", operation="PutObject", place=vault.bucket, reason="down")
            return put(vault, key, *args, **options)

        patch.setattr(Vault, "put", not_here)
        with pytest.raises(StoreUnavailable):
            drill(site17, tmp_path / "scratch")
    here = drills(site17.primary)[-1]
    assert [each.id for each in begun_drills(site17.replica)][-1:] == [here.id]
    lines = Told()
    drill(site17, tmp_path / "scratch", progress=lines)
    assert f"the evidence of drill {here.id} was in one vault alone: now it is in both" in lines.notes
    assert find_drill(site17.replica, here.id) == here
    for vault in site17.vaults:
        prove_evidence(vault, here.id)
        assert evidence_pages(vault, here.id)


def test_a_drill_that_is_told_to_end_leaves_evidence_and_no_server(site17: Site, tmp_path: Path) -> None:
    """SIGTERM: a worker that is shut down, a container that is stopped."""
    scratch = tmp_path / "scratch"
    script = muniment_script(site17, tmp_path, MUNIMENT_SCRATCH=str(scratch))
    running = begun_by_command(script, site17.firm.id, scratch)
    running.terminate()
    assert running.wait(600) == 130
    last = drills(site17.replica)[-1]
    assert last.failure == "KeyboardInterrupt: ended by SIGTERM"
    assert last.not_done
    prove_evidence(site17.primary, last.id)
    assert list(scratch.iterdir()) == []


def begun_by_command(script: Path, firm: str, scratch: Path) -> subprocess.Popen[bytes]:
    """In the middle of its restore."""
    running = subprocess.Popen([script, "drill", firm], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while not any(scratch.glob("drill-*/data/PG_VERSION")):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return running


def test_what_is_wrong_is_found(site17: Site, cloud: Cloud, tmp_path: Path) -> None:
    """Every fault at once: a document that is gone, a ledger out by a cent, a promise that was not kept."""
    policy = site17.policy.model_copy(
        update={
            "drills": DrillsPolicy(
                balances={"trust": "SELECT sum(amount) + 0.01 FROM ledger"},
                smoke_queries={"it is a lie": "SELECT false", "no such table": "SELECT true FROM nowhere"},
            ),
            "recovery_class": RecoveryClass.model_construct(
                name="am-law-100", rpo=timedelta(minutes=5), rto=timedelta(milliseconds=1)
            ),
            "document_references": (DocumentReference(table="public.letters", column="key"),),
        }
    )
    lost = catalog.find_snapshot(site17.primary, catalog.latest_point(site17.primary).documents).documents[0]
    for version in list(site17.replica.list_versions(lost.object)):
        cloud.client("s3", site17.replica.region).delete_object(
            Bucket=site17.replica.bucket,
            Key=lost.object,
            VersionId=version.version_id,
            BypassGovernanceRetention=True,
        )
    strict = with_firm(site17, policy=policy)
    seed = seed_for(site17, "point")
    error, found = failed_drill(strict, tmp_path / "scratch", seed=seed, side="replica")
    assert list((tmp_path / "scratch").iterdir()) == []
    assert {check.name for check in found.failed_checks} >= {
        "ledger: trust",
        "it is a lie",
        "no such table",
        "objects of the documents",
        "documents named by public.letters.key",
        "time to recover (RTO)",
    }
    assert lost.key in by_name(found)["objects of the documents"].found
    assert "ledger: trust: expected 0, found 0.01" in str(error)
    assert f"--seed {seed} --from replica" in str(error)
    assert found.verdict == "failed"


def test_a_damaged_sign_off_of_old_costs_a_drill_no_evidence(site17: Site, cloud: Cloud, tmp_path: Path) -> None:
    s3, where = cloud.client("s3", site17.primary.region), site17.primary.bucket
    key = keys.sign_off("20260101T000000000Z")
    written = s3.put_object(Bucket=where, Key=key, Body=b"{")
    lines = Told()
    found = drill(site17, tmp_path / "scratch", side="primary", by="muniment", progress=lines)
    assert find_drill(site17.replica, found.id) == found
    assert any(f"object {key} in {where} is damaged" in line for line in lines.notes)
    s3.delete_object(Bucket=where, Key=key, VersionId=written["VersionId"])


def test_a_base_backup_that_is_damaged_ends_it_with_evidence(site17: Site, cloud: Cloud, tmp_path: Path) -> None:
    for backup in catalog.registered_backups(site17.primary):
        key = backup.archives[0].chunks[0].key
        cloud.client("s3", site17.primary.region).put_object(Bucket=site17.primary.bucket, Key=key, Body=b"rot")
    error, found = failed_drill(site17, tmp_path / "scratch", side="primary", by="muniment")  # the kit looks below
    assert list((tmp_path / "scratch").iterdir()) == []
    assert found.failure
    assert "damaged" in found.failure
    assert found.failure in str(error)
    assert [step.finished for step in found.steps] == [True, False]
    assert found.recover_s is None
    pages = evidence_pages(site17.primary, found.id)
    assert pages
    assert pages.of_sha256 == found.sha256
    assert hashlib.sha256(site17.replica.get(keys.beside_drill(found.id, "pdf"))).hexdigest() == pages.pages["pdf"]
    assert b"What ended it" in site17.primary.get(keys.beside_drill(found.id, "html"))


def test_the_error_of_a_drill_word_for_word() -> None:
    failed = DrillFailed(
        drill="20261120T083000123Z",
        firm="alder",
        bucket="v",
        faults="a: expected 1, found 2",
        key="k",
        seed=7,
        side="replica",
        by="restore-kit",
    )
    assert str(failed) == (
        "drill 20261120T083000123Z of firm alder from vault v failed:\na: expected 1, found 2\n"
        "KEPT: the firm's data: a drill only reads it; the evidence, in both vaults under k\n"
        "HINT: correct what the lines name, then repeat it: "
        "`muniment drill alder --seed 7 --from replica --by restore-kit`."
    )
