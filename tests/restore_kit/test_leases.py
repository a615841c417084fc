"""The kit and an expire that still runs: what the one reads, the other leaves alone."""

import hashlib
import json
from datetime import timedelta

import boto3
import pytest

from muniment.domain.leases.lease import DELETES_FOR, LONGEST, Expiring, Lease, LeasedWal, Needs
from muniment.domain.vault import keys
from muniment.domain.vault.mac import KEY_BYTES, METADATA, mac_of
from muniment.domain.vault.registers import Point
from muniment.restore_kit import restore
from muniment_demo.cloud import ROOT as ROOT_CREDENTIALS
from muniment_demo.cloud import Cloud
from tests.golden.vaults import KEY, KEY_NAME, REGION, upload
from tests.restore_kit.kit import Kit


@pytest.fixture
def bucket(cloud: Cloud, kit: Kit) -> str:
    (kit.folder / "key").write_bytes(KEY)
    return upload(cloud, "vault-3")


@pytest.fixture
def vault(cloud: Cloud, bucket: str, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> restore.Vault:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT_CREDENTIALS.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT_CREDENTIALS.secret_access_key.reveal())
    return restore.Vault(bucket, REGION, None, cloud.endpoint_url, (str(kit.folder / "key"), KEY_NAME))


def newest(cloud: Cloud, bucket: str) -> Point:
    s3 = cloud.client("s3", REGION)
    key = s3.list_objects_v2(Bucket=bucket, Prefix=keys.POINTS)["Contents"][-1]["Key"]
    return Point.from_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_expire_can_read_what_the_kit_writes_and_it_goes_at_the_end(
    cloud: Cloud, bucket: str, vault: restore.Vault
) -> None:
    s3, point = cloud.client("s3", REGION), newest(cloud, bucket)
    told = json.loads(point.to_json())
    backups = [vault.register(keys.backup_register(each)) for each in point.chain]
    wal = restore.wal_keys(vault, told, backups)
    with restore.leased(vault, restore.needs_of_cluster(told, backups[-1], wal)):
        (written,) = s3.list_objects_v2(Bucket=bucket, Prefix=keys.LEASES)["Contents"]
        stored = s3.get_object(Bucket=bucket, Key=written["Key"])
        body = stored["Body"].read()
        lease, mac_key = Lease.from_json(body), vault._mac_key
    assert len(mac_key) == KEY_BYTES
    assert stored["Metadata"] == {METADATA: mac_of(mac_key, written["Key"], hashlib.sha256(body).hexdigest())}
    assert written["Key"] == keys.lease(lease.id)
    assert (lease.needs.points, lease.needs.backups) == ((point.id,), point.chain)
    assert (lease.needs.snapshots, lease.needs.configs) == ((point.documents,), (point.config,))
    (stretch,) = lease.needs.wal
    assert stretch.first_segment <= point.wal.first_segment
    assert stretch.last_segment >= point.wal.last_segment
    assert timedelta(seconds=lease.lasts_s) == LONGEST
    assert restore.MARK_LASTS == DELETES_FOR
    assert "Versions" not in s3.list_object_versions(Bucket=bucket, Prefix=keys.LEASES)


def test_a_vault_asks_for_credentials_itself(
    cloud: Cloud, bucket: str, kit: Kit, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """boto3's default session keeps the first ones that any caller found, for as long as the process runs."""
    somebody_else = boto3.session.Session(aws_access_key_id="AKIAOTHER", aws_secret_access_key="other")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", somebody_else)
    vault = request.getfixturevalue("vault")
    assert vault.s3._request_signer._credentials.access_key == ROOT_CREDENTIALS.access_key_id


def test_a_whole_run_leaves_no_lease_behind(cloud: Cloud, bucket: str, kit: Kit) -> None:
    assert fetch(kit, bucket, "--into", "cluster", "--documents", "documents", expect=0) == ""
    left = cloud.client("s3", REGION).list_object_versions(Bucket=bucket, Prefix=keys.LEASES)
    assert {"Versions", "DeleteMarkers"} & left.keys() == set()


@pytest.mark.parametrize("what", ["points", "backups", "snapshots", "wal"])
def test_what_is_being_deleted_is_not_begun_with(cloud: Cloud, bucket: str, kit: Kit, what: str) -> None:
    point = newest(cloud, bucket)
    stretch = LeasedWal(
        system_identifier=point.system_identifier,
        segment_bytes=2**20,
        first_segment=point.wal.last_segment,
        last_segment=point.wal.last_segment,
    )
    deletes = {"points": (point.id,), "backups": point.chain[:1], "snapshots": (point.documents,), "wal": (stretch,)}
    mark = Expiring(id="now", firm=point.firm, deletes=Needs(**{what: deletes[what]}), lasts_s=3600)
    s3 = cloud.client("s3", REGION)
    s3.put_object(Bucket=bucket, Key=keys.EXPIRING, Body=mark.to_json())
    said = fetch(kit, bucket, "--into", "cluster", expect=4)
    assert said.startswith("error: Muniment deletes what would be read: ")
    assert not (kit.folder / "cluster").exists()
    s3.put_object(Bucket=bucket, Key=keys.EXPIRING, Body=mark.model_copy(update={"lasts_s": -3600}).to_json())
    fetch(kit, bucket, "--into", "cluster", expect=0)


def test_a_mark_that_nobody_can_read_is_damage_and_no_traceback(cloud: Cloud, bucket: str, kit: Kit) -> None:
    cloud.client("s3", REGION).put_object(Bucket=bucket, Key=keys.EXPIRING, Body=b"{")
    said = fetch(kit, bucket, "--into", "cluster", expect=3)
    assert said == f"error: {bucket}/audit/expiring.json does not say what is being deleted. Try the other vault.\n"


def test_a_mark_that_nobody_can_read_stands_no_longer_than_any_other(
    cloud: Cloud, bucket: str, vault: restore.Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one flipped byte in what a killed expire left would refuse every restore for ever."""
    cloud.client("s3", REGION).put_object(Bucket=bucket, Key=keys.EXPIRING, Body=b"{")
    needs = {"points": [], "backups": [], "snapshots": [], "configs": [], "wal": []}
    with pytest.raises(restore.Damaged):
        restore.refuse_what_goes(vault, needs)
    cloud.client("s3", REGION).put_object(Bucket=bucket, Key=keys.EXPIRING, Body=b"{}")
    with pytest.raises(restore.Damaged):
        restore.refuse_what_goes(vault, needs)
    monkeypatch.setattr(restore, "MARK_LASTS", -DELETES_FOR)
    restore.refuse_what_goes(vault, needs)


def test_a_damaged_record_of_a_way_back_stops_no_restore(cloud: Cloud, bucket: str, kit: Kit) -> None:
    cloud.client("s3", REGION).put_object(Bucket=bucket, Key=keys.rolled_back("20261101T000000000Z"), Body=b"{")
    said = fetch(kit, bucket, "--into", "cluster", expect=0)
    assert said.startswith(f"note: {bucket}/restores/20261101T000000000Z.rolled-back.json is damaged: ")
    assert (kit.folder / "cluster" / "finish.sh").exists()


def fetch(kit: Kit, bucket: str, *more: str, expect: int) -> str:
    local = ("--bucket", bucket, "--region", REGION, "--raw-key", "key", "--raw-key-name", KEY_NAME)
    return kit.run("fetch", *local, *more, who=ROOT_CREDENTIALS, expect=expect).stderr
