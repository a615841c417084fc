"""What the kit says when the vault, the key or the folder is not as it should be. A golden vault needs no cluster."""

import json
from pathlib import Path

import pytest

from muniment_demo.cloud import ROOT as ROOT_CREDENTIALS
from muniment_demo.cloud import Cloud
from tests.golden.make_vault import DOCUMENTS
from tests.golden.vaults import KEY, KEY_NAME, REGION, upload
from tests.restore_kit.kit import Kit

INTO = ("--into", "cluster")


@pytest.fixture
def bucket(cloud: Cloud, kit: Kit) -> str:
    (kit.folder / "key").write_bytes(KEY)
    return upload(cloud, "vault-1")


@pytest.fixture
def with_codes(cloud: Cloud, kit: Kit) -> str:
    """A vault whose registers have authentication codes."""
    (kit.folder / "key").write_bytes(KEY)
    return upload(cloud, "vault-3")


def fetch(kit: Kit, bucket: str, *more: str, expect: int) -> str:
    local = ("--bucket", bucket, "--region", REGION, "--raw-key", "key", "--raw-key-name", KEY_NAME)
    return kit.run("fetch", *local, *more, who=ROOT_CREDENTIALS, expect=expect).stderr


def keys_in(cloud: Cloud, bucket: str, prefix: str) -> list[str]:
    return [each["Key"] for each in cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]


def body(cloud: Cloud, bucket: str, key: str) -> bytes:
    return cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def lose(cloud: Cloud, bucket: str, key: str) -> None:
    s3 = cloud.client("s3")
    for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


def flip(cloud: Cloud, bucket: str, key: str) -> None:
    """One bit, and no older version that still has it right."""
    content = bytearray(body(cloud, bucket, key))
    content[len(content) // 2] ^= 1
    told = cloud.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    lose(cloud, bucket, key)
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=bytes(content), Metadata=told)


@pytest.mark.parametrize("part", ["base/20", "wal/", "documents/snapshots/", "config/"])
def test_a_flipped_bit_is_named_and_nothing_is_called_done(kit: Kit, cloud: Cloud, bucket: str, part: str) -> None:
    key = [key for key in keys_in(cloud, bucket, part) if not key.endswith((".json", "backup_manifest", ".backup"))][-1]
    flip(cloud, bucket, key)
    said = fetch(kit, bucket, *INTO, "--documents", "documents", expect=3)
    assert key in said
    assert "Try the other vault." in said
    assert "Traceback" not in said


def test_wal_that_is_not_what_was_archived_is_refused(kit: Kit, cloud: Cloud, bucket: str) -> None:
    """Sealed by whoever had the key, and still another file."""
    key = [key for key in keys_in(cloud, bucket, "wal/") if not key.endswith(".backup")][-1]
    content = body(cloud, bucket, key)
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=content, Metadata={"sha256": "0" * 64})
    assert f"{key} is damaged" in fetch(kit, bucket, *INTO, expect=3)


def test_a_document_of_another_length_is_named(kit: Kit, cloud: Cloud, bucket: str) -> None:
    key = keys_in(cloud, bucket, "documents/objects/")[-1]
    lose(cloud, bucket, key)
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"short")
    assert key in fetch(kit, bucket, "--documents", "documents", expect=3)


def test_a_document_without_a_checksum_of_its_own_is_told_apart(kit: Kit, cloud: Cloud, bucket: str) -> None:
    """S3 has none of what was copied in parts."""
    flip(cloud, bucket, keys_in(cloud, bucket, "documents/objects/")[-1])
    fetch(kit, bucket, "--documents", "documents", expect=0)
    told = json.loads((kit.folder / "documents" / "documents.json").read_text())["documents"]
    assert sorted(each["is_checked"] for each in told) == [False, True, True]


def test_a_lost_segment_is_named_before_anything_is_fetched(kit: Kit, cloud: Cloud, bucket: str) -> None:
    last = json.loads(body(cloud, bucket, keys_in(cloud, bucket, "points/")[-1]))["wal"]["last_segment"]
    (key,) = [key for key in keys_in(cloud, bucket, "wal/") if key.endswith(last)]
    lose(cloud, bucket, key)
    assert f"WAL segments are missing at {last[8:]}" in fetch(kit, bucket, *INTO, expect=3)
    assert not (kit.folder / "cluster").exists()


def test_what_somebody_deleted_or_overwrote_is_found_in_older_versions(kit: Kit, cloud: Cloud, bucket: str) -> None:
    s3 = cloud.client("s3")
    for key in ("firm.json", *keys_in(cloud, bucket, "points/"), *keys_in(cloud, bucket, "documents/objects/")):
        s3.delete_object(Bucket=bucket, Key=key)
    for key in keys_in(cloud, bucket, "base/"):
        if not key.endswith("backup.json"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"pay us")
    said = fetch(kit, bucket, *INTO, "--documents", "documents", expect=0)
    assert "was hidden or overwritten" in said
    told = json.loads((kit.folder / "documents" / "documents.json").read_text())["documents"]
    assert {each["key"] for each in told} == set(DOCUMENTS)


def rewritten(cloud: Cloud, bucket: str, key: str, **change: object) -> None:
    """As somebody would who may write here: JSON that is right in form, and the metadata that was there."""
    told = cloud.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    content = json.dumps(json.loads(body(cloud, bucket, key)) | change).encode()
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=content, Metadata=told)


@pytest.mark.parametrize("part", ["points/", "base/"])
def test_a_register_that_somebody_wrote_is_not_believed(kit: Kit, cloud: Cloud, with_codes: str, part: str) -> None:
    key = [key for key in keys_in(cloud, with_codes, part) if key.endswith(".json")][-1]
    first = cloud.client("s3").list_object_versions(Bucket=with_codes, Prefix=key)["Versions"][0]["VersionId"]
    rewritten(cloud, with_codes, key, kind="full")
    assert f"{key} was hidden or overwritten" in fetch(kit, with_codes, *INTO, expect=0)
    cloud.client("s3").delete_object(Bucket=with_codes, Key=key, VersionId=first)
    said = fetch(kit, with_codes, "--into", "again", expect=3)
    reason = "nothing shows that the firm wrote it, or the key is another one"
    assert f"{with_codes}/{key} is damaged: {reason}. Try the other vault." in said


def test_a_register_without_a_code_is_taken_by_who_says_so(kit: Kit, cloud: Cloud, with_codes: str) -> None:
    """A bucket that was filled again from a copy on disk has no metadata."""
    key = keys_in(cloud, with_codes, "points/")[-1]
    content = body(cloud, with_codes, key)
    lose(cloud, with_codes, key)
    cloud.client("s3").put_object(Bucket=with_codes, Key=key, Body=content)
    assert "nothing shows that the firm wrote it" in fetch(kit, with_codes, *INTO, expect=3)
    said = fetch(kit, with_codes, "--unproven", *INTO, expect=0)
    assert f"note: nothing shows that {key} is the firm's; it is taken all the same" in said


@pytest.mark.parametrize("change", [{"mac_key": None}, {"firm": "golden-bay"}, {"mac_key": "AAAA"}])
def test_a_mark_that_was_written_over_takes_no_code_away(
    kit: Kit, cloud: Cloud, with_codes: str, change: dict[str, object]
) -> None:
    rewritten(cloud, with_codes, "firm.json", **change)
    point = keys_in(cloud, with_codes, "points/")[-1]
    rewritten(cloud, with_codes, point, kind="full")
    said = fetch(kit, with_codes, *INTO, expect=0)
    assert "firm.json was hidden or overwritten" in said
    assert f"{point} was hidden or overwritten" in said


@pytest.mark.parametrize("option", ["--into", "--documents"])
def test_it_never_writes_into_a_folder_that_holds_something(kit: Kit, bucket: str, option: str) -> None:
    (kit.folder / "there").mkdir()
    (kit.folder / "there" / "thesis.docx").touch()
    assert "there is not empty" in fetch(kit, bucket, option, "there", expect=4)
    assert [path.name for path in (kit.folder / "there").iterdir()] == ["thesis.docx"]


def test_another_key_opens_nothing(kit: Kit, bucket: str) -> None:
    (kit.folder / "key").write_bytes(bytes(32))
    said = fetch(kit, bucket, *INTO, expect=1)
    assert "the key cannot open" in said
    assert "Traceback" not in said


def test_a_point_that_is_not_there_is_answered_with_those_that_are(kit: Kit, cloud: Cloud, bucket: str) -> None:
    said = fetch(kit, bucket, *INTO, "--point", "20200101T000000000Z", expect=1)
    for key in keys_in(cloud, bucket, "points/"):
        assert key.removeprefix("points/").removesuffix(".json") in said


def test_tars_are_what_tar_reads(kit: Kit, bucket: str) -> None:
    fetch(kit, bucket, *INTO, "--tars", expect=0)
    tars = sorted((kit.folder / "cluster" / "backups").glob("*/base.tar"))
    assert [path.parent.name.split("-")[1] for path in tars] == ["full", "incremental"]
    assert all(path.stat().st_size % 512 == 0 for path in tars)
    assert not (kit.folder / "cluster" / "finish.sh").exists()


def test_the_older_point_is_the_full_backup_alone(kit: Kit, cloud: Cloud, bucket: str) -> None:
    first = keys_in(cloud, bucket, "points/")[0].removeprefix("points/").removesuffix(".json")
    fetch(kit, bucket, *INTO, "--point", first, expect=0)
    made: list[Path] = list((kit.folder / "cluster" / "backups").iterdir())
    assert len(made) == 1
    assert "pg_combinebackup" not in (kit.folder / "cluster" / "finish.sh").read_text()
