"""What earlier versions wrote is read by today's code, and by today's restore kit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault import catalog
from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.vault.verify_firm import verify_vault
from muniment_demo.cloud import ROOT as ROOT_CREDENTIALS
from muniment_demo.cloud import Cloud
from tests.golden.make_vault import DOCUMENTS
from tests.golden.vaults import GOLDEN, KEY, KEY_NAME, REGION, upload
from tests.restore_kit.kit import Kit
from tests.restore_kit.restored import finish, start_and_ask
from tests.support.answers import index_only_count, sequential_count
from tests.support.stored import plan_for

VAULTS = sorted(folder.name for folder in GOLDEN.glob("vault-*"))


@pytest.fixture(params=VAULTS)
def bucket(request: pytest.FixtureRequest, cloud: Cloud) -> str:
    return upload(cloud, request.param)


@pytest.fixture
def restored(programs17: PostgresPrograms, run_dir: Path, bucket: str) -> Iterator[LocalCluster]:
    cluster = LocalCluster(run_dir / bucket / "data", programs17)
    yield cluster
    cluster.kill()


def vault_in(bucket: str, cloud: Cloud) -> Vault:
    firm = json.loads(cloud.client("s3", REGION).get_object(Bucket=bucket, Key=keys.FIRM)["Body"].read())["firm"]
    return Vault(firm, S3Store(bucket, REGION, cloud.client("s3", REGION)), local_envelope(KEY_NAME, KEY))


def prove(restored: LocalCluster, point: Point) -> None:
    """It starts, and the control totals of its point are there."""
    expected = (point.control_totals.counts["public.trust_ledger"], point.control_totals.sums["trust"])
    answer = start_and_ask(restored, "SELECT count(*), sum(amount)::text FROM trust_ledger")
    assert answer == expected == (201, "27625.00")


def prove_no_stale_map(restored: LocalCluster, bucket: str) -> None:
    """Six of its rows were deleted between the full backup and the increment."""
    if not bucket.startswith("vault-1-"):
        found = (sequential_count(restored, "closed_matter"), index_only_count(restored, "closed_matter"))
        assert found == (2244, 2244)


def test_todays_code_reads_what_was_written_then(
    bucket: str, cloud: Cloud, restored: LocalCluster, tmp_path: Path
) -> None:
    vault = vault_in(bucket, cloud)
    points = catalog.points(vault)
    assert [point.kind for point in points] == ["full", "incremental"]
    archive, wal = WalArchive(vault, points[-1].system_identifier), tmp_path / "wal"
    wal.mkdir()
    for name in archive.files():
        if len(name) == 24:
            (wal / name).write_bytes(archive.read(name))
    snapshot = catalog.latest_snapshot(vault)
    assert snapshot is not None
    assert snapshot == catalog.find_snapshot(vault, points[-1].documents)
    assert {each.key: vault.get(each.object, sha256=each.sha256).decode() for each in snapshot.documents} == DOCUMENTS
    assert b"PRACTICE_NAME" in vault.get_sealed(keys.config(points[-1].config))
    copy = ["cp", f"{wal}/%f", "%p"]
    plan = plan_for(vault, points[-1], restored.data_dir)
    restore_cluster(vault, plan, programs=restored.programs, restore_command=copy)
    prove(restored, points[-1])
    prove_no_stale_map(restored, bucket)


def test_the_restore_kit_reads_what_was_written_then(
    bucket: str, cloud: Cloud, restored: LocalCluster, kit: Kit, tmp_path: Path
) -> None:
    (kit.folder / "key").write_bytes(KEY)
    local = ("--bucket", bucket, "--region", REGION, "--raw-key", "key", "--raw-key-name", KEY_NAME)
    into, documents = restored.data_dir.parent, tmp_path / "documents"
    kit.run("fetch", *local, "--into", into, "--documents", documents, who=ROOT_CREDENTIALS)
    told = json.loads((documents / "documents.json").read_text())["documents"]
    assert {each["key"]: (documents / each["file"]).read_text() for each in told} == DOCUMENTS
    assert "PRACTICE_NAME" in (into / "config.json").read_text()
    finish(restored, into)
    prove(restored, catalog.latest_point(vault_in(bucket, cloud)))
    prove_no_stale_map(restored, bucket)


def test_step_5_stops_where_the_control_totals_were_read(
    bucket: str, cloud: Cloud, restored: LocalCluster, kit: Kit
) -> None:
    """The WAL goes on behind it, and one more row."""
    first, into = catalog.points(vault_in(bucket, cloud))[0], restored.data_dir.parent
    (kit.folder / "key").write_bytes(KEY)
    local = ("--bucket", bucket, "--region", REGION, "--raw-key", "key", "--raw-key-name", KEY_NAME)
    kit.run("fetch", *local, "--point", first.id, "--into", into, who=ROOT_CREDENTIALS)
    staging = into / "staging.conf"
    told = staging.read_text().replace(
        "# recovery_target_lsn = '0/3000060'", f"recovery_target_lsn = '{first.control_totals.lsn}'"
    )
    for name in ("recovery_target_inclusive", "recovery_target_action"):
        told = told.replace(f"# {name}", name)
    staging.write_text(told)
    finish(restored, into)
    assert start_and_ask(restored, "SELECT count(*), sum(amount)::text FROM trust_ledger") == (200, "25125.00")


def test_what_was_written_then_is_verified_now(bucket: str, cloud: Cloud) -> None:
    """What has no code, and a document that S3 gave no digest of, is not proven, which is no damage."""
    vault = vault_in(bucket, cloud)
    found = verify_vault(vault, deep=True)
    assert found.faults == ()
    uncovered = {
        k for item in vault.list("") if (k := item.key).endswith(".json") or k.startswith("documents/objects/")
    }
    assert {each.key for each in found.unproven} == (set() if bucket.startswith("vault-3-") else uncovered)
    assert found.server_versions == (170009,)


def test_every_object_of_them_is_read(bucket: str, cloud: Cloud) -> None:
    """A golden vault that lost a file would still pass where nobody looks."""
    vault = vault_in(bucket, cloud)
    for backup in catalog.registered_backups(vault):
        for archive in backup.archives:
            for chunk in archive.chunks:
                assert len(vault.get_sealed(chunk.key, sha256=chunk.sha256)) == chunk.size_bytes
        assert vault.get_sealed(backup.manifest.key, sha256=backup.manifest.sha256)
