"""Documents as they were: planned from real snapshots, brought back into real buckets, folders and links."""

import json
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from muniment.adapters.documents.files import LinkSigner, write_file
from muniment.adapters.documents.live import LiveBucket
from muniment.adapters.documents.source_bucket import SourceBucket, source_buckets
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.file_names import safe_paths
from muniment.domain.documents.recovery import DocumentRestorePlan
from muniment.domain.documents.selection import Selection
from muniment.errors import (
    AccessDenied,
    InvalidConfiguration,
    InvalidRequest,
    LiveDocumentsChanged,
    NoSnapshotCovers,
    NoSuchDocument,
    NothingToRestore,
    ObjectDamaged,
    TargetNotEmpty,
    WrongVault,
)
from muniment.ports import utc_now
from muniment.runbooks.documents.restore_documents import (
    link_documents,
    plan_document_restore,
    restore_in_place,
    restore_into_folder,
)
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root, iam_policy
from tests.support.nights import Nights
from tests.support.s3 import s3_of, store_of
from tests.support.sources import AWKWARD_KEYS, Desk, sync

EVERYTHING = Selection()


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster)


@pytest.fixture
def desk(cloud: Cloud, site: Site) -> Desk:
    return Desk(cloud, site)


@pytest.fixture
def engineer(cloud: Cloud, site: Site) -> Site:
    """Who restores documents in place, and may no more than docs/iam/ gives."""
    return logged_in(cloud, site, "restore-documents")


def logged_in(cloud: Cloud, site: Site, name: str) -> Site:
    return build_site(site.firm, site.postgres.conninfo, login_of(cloud, site, name).clients())


def login_of(cloud: Cloud, site: Site, name: str) -> Login:
    user = cloud.create_user(f"{site.firm.id}-{name}", iam_policy(name, site.firm))
    extra = {"endpoint_url": cloud.endpoint_url, "region_name": "us-east-1"}
    return Login(site.firm.aws_connection, user=user.access_key_id, password=user.secret_access_key, extra=extra)


def live_of(site: Site) -> dict[str, SourceBucket]:
    return source_buckets(site.firm, site.clients)


def plan(site: Site, selection: Selection, at: datetime | None) -> DocumentRestorePlan:
    return plan_document_restore(site.primary, selection=selection, at=at, live=live_of(site))


def changes(found: DocumentRestorePlan) -> dict[str, str]:
    return {each.version.key: each.change for each in found.documents}


def current(desk: Desk) -> dict[str, bytes]:
    listed = desk.s3.list_objects_v2(Bucket=desk.buckets[0]).get("Contents", [])
    return {item["Key"]: desk.s3.get_object(Bucket=desk.buckets[0], Key=item["Key"])["Body"].read() for item in listed}


def test_one_document_comes_back_as_a_new_version(engineer: Site, site: Site, desk: Desk) -> None:
    desk.put("matters/4711/brief.pdf", b"as filed", ContentType="application/pdf", Metadata={"by": "jd"})
    desk.put("matters/4711/brief.pdf.bak", b"another")
    night = sync(site)
    overwritten = desk.put("matters/4711/brief.pdf", b"encrypted by somebody")

    found = plan(engineer, Selection(key="matters/4711/brief.pdf"), night.taken_at)
    (planned,) = found.documents
    assert (planned.change, planned.certain) == ("changed", True)
    assert planned.live is not None
    assert planned.live.version_id == overwritten
    assert DocumentRestorePlan.from_json(found.to_json()) == found

    (done,) = restore_in_place(engineer.primary, found, live=live_of(engineer))
    there = desk.s3.get_object(Bucket=desk.buckets[0], Key="matters/4711/brief.pdf")
    assert (there["Body"].read(), there["ContentType"], there["Metadata"]) == (
        b"as filed",
        "application/pdf",
        {"by": "jd"},
    )
    assert there["VersionId"] == done.version_id != overwritten
    kept = desk.s3.get_object(Bucket=desk.buckets[0], Key="matters/4711/brief.pdf", VersionId=overwritten)
    assert kept["Body"].read() == b"encrypted by somebody"


def test_a_prefix_shows_what_changed_was_deleted_and_was_added(engineer: Site, site: Site, desk: Desk) -> None:
    for name in ("same", "changed", "deleted"):
        desk.put(f"m/{name}", name.encode())
    desk.put("other/matter", b"untouched")
    night = sync(site)
    desk.put("m/changed", b"later")
    desk.delete("m/deleted", "other/matter")
    desk.put("m/added", b"new")

    found = plan(engineer, Selection(prefix="m/"), night.taken_at)
    assert changes(found) == {"m/same": "unchanged", "m/changed": "changed", "m/deleted": "deleted"}
    assert [each.key for each in found.added] == ["m/added"]
    assert found.counts() == {
        "unchanged": 1, "changed": 1, "deleted": 1, "unknown": 0, "added": 1, "unread": 0, "uncertain": 0,
    }  # fmt: skip

    done = restore_in_place(engineer.primary, found, live=live_of(engineer))
    assert [each.key for each in done] == ["m/changed", "m/deleted"]
    assert current(desk) == {"m/same": b"same", "m/changed": b"changed", "m/deleted": b"deleted", "m/added": b"new"}
    again = plan(engineer, Selection(prefix="m/"), night.taken_at)
    assert set(changes(again).values()) == {"unchanged"}
    assert restore_in_place(engineer.primary, again, live=live_of(engineer)) == ()


def test_the_documents_that_rows_name_by_key_or_whole(
    cloud: Cloud, site_factory: SiteFactory, cluster: LocalCluster
) -> None:
    site = site_factory(cluster, buckets=2)
    desk = Desk(cloud, site)
    for bucket in (0, 1):
        desk.put("will.pdf", b"will", bucket=bucket)
        desk.put("deed.pdf", b"deed", bucket=bucket)
        desk.put("other", b"other", bucket=bucket)
    night = sync(site)
    for bucket in (0, 1):
        desk.delete("will.pdf", "deed.pdf", "other", bucket=bucket)
    selection = Selection(names=("will.pdf", f"s3://{desk.buckets[1]}/deed.pdf", "never there"))
    found = plan(site, selection, night.taken_at)
    assert [(each.version.bucket, each.version.key, each.change) for each in found.documents] == [
        (desk.buckets[0], "will.pdf", "deleted"),
        (desk.buckets[1], "deed.pdf", "deleted"),
        (desk.buckets[1], "will.pdf", "deleted"),
    ]
    with pytest.raises(NoSuchDocument, match="had no document of 1 names at "):
        plan(site, Selection(names=("never there",)), night.taken_at)


def test_all_that_were_deleted_since(engineer: Site, site: Site, desk: Desk) -> None:
    desk.put_many(5)
    desk.put("gone before", b"long ago")
    desk.delete("gone before")
    night = sync(site)
    desk.delete("d/001", "d/003")
    desk.put("d/004", b"changed, not deleted")
    found = plan(engineer, Selection(deleted_only=True), night.taken_at)
    assert changes(found) == {"d/001": "deleted", "d/003": "deleted"}
    restore_in_place(engineer.primary, found, live=live_of(engineer))
    assert current(desk)["d/001"] == b"first 1"
    assert current(desk)["d/004"] == b"changed, not deleted"
    with pytest.raises(NoSuchDocument, match="had no document at all, deleted since at "):
        plan(engineer, Selection(deleted_only=True), night.taken_at)


def test_an_instant_between_two_nights_is_what_s3_itself_says(engineer: Site, site: Site, desk: Desk) -> None:
    """Every instant of a busy day, beside a replay of the bucket's own versions."""
    desk.put("brief", b"first")
    desk.put("contract", b"signed")
    desk.put("comes back", b"1")
    first = sync(site)
    instants = []
    days_work: tuple[tuple[dict[str, bytes], tuple[str, ...]], ...] = (
        ({"brief": b"second", "note": b"of one day"}, ("comes back",)),
        ({"brief": b"third", "comes back": b"2"}, ("contract",)),
        ({"late": b"x"}, ("note",)),
    )
    for written, deleted in days_work:
        sleep(1.1)
        for key, body in written.items():
            desk.put(key, body)
        desk.delete(*deleted)
        instants.append(utc_now().replace(microsecond=0) + timedelta(seconds=1))
    second = sync(site, accept_shrink=True)
    for instant in (first.taken_at, *instants, second.taken_at):
        found = plan(engineer, EVERYTHING, instant)
        stored = {(v.version.bucket, v.version.key): site.primary.get(v.version.object) for v in found.documents}
        assert stored == desk.read_at(instant)
        assert all(each.certain for each in found.documents)


def test_without_the_live_bucket_what_cannot_be_known_is_said(site: Site, desk: Desk) -> None:
    sync(site)
    desk.put("note", b"written and deleted on one day")
    desk.delete("note")
    sleep(1.1)
    between = utc_now()
    sync(site)
    found = plan_document_restore(site.primary, selection=EVERYTHING, at=between)
    (note,) = found.documents
    assert (note.change, note.certain, found.compared) == ("unknown", False, False)
    with pytest.raises(NoSuchDocument):
        plan(site, EVERYTHING, between)


def test_an_instant_that_no_snapshot_covers_names_the_nearest_on_both_sides(site: Site, desk: Desk) -> None:
    with pytest.raises(NothingToRestore):
        plan(site, EVERYTHING, utc_now())
    desk.put("a")
    night = sync(site)
    stamp = f"{night.id} of {night.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    with pytest.raises(NoSnapshotCovers, match=f"before it none, after it {stamp}"):
        plan(site, EVERYTHING, night.taken_at - timedelta(seconds=1))
    with pytest.raises(NoSnapshotCovers, match=f"before it {stamp}, after it none"):
        plan(site, EVERYTHING, night.taken_at + timedelta(seconds=1))
    assert plan(site, EVERYTHING, None).at == night.taken_at


def test_a_night_that_is_gone_leaves_a_hole(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud) -> None:
    site = site_factory(cluster, lock="none")
    Desk(cloud, site).put("a")
    nights = [sync(site) for _ in range(3)]
    root = as_root(cloud, site)
    key = f"documents/snapshots/{nights[1].id}"
    found = root.primary.head(key)
    assert found is not None
    s3_of(root.primary).delete_object(Bucket=root.primary.bucket, Key=key, VersionId=found.version_id)
    with pytest.raises(NoSnapshotCovers, match=f"before it {nights[0].id} .*, after it {nights[2].id} "):
        plan(site, EVERYTHING, nights[1].taken_at)
    assert plan(site, EVERYTHING, nights[0].taken_at).snapshot == nights[0].id


def test_a_document_changed_since_the_plan_is_refused_and_the_others_come_back(
    engineer: Site, site: Site, desk: Desk
) -> None:
    for name in ("edited", "deleted", "made again", "quiet"):
        desk.put(name, b"wanted")
    night = sync(site)
    for name in ("edited", "deleted", "quiet"):
        desk.put(name, b"when the plan was made")
    desk.delete("made again")
    found = plan(engineer, EVERYTHING, night.taken_at)
    desk.put("edited", b"meanwhile")
    desk.put("made again", b"meanwhile")
    desk.delete("deleted")
    with pytest.raises(LiveDocumentsChanged) as refused:
        restore_in_place(engineer.primary, found, live=live_of(engineer))
    bucket = desk.buckets[0]
    assert str(refused.value) == (
        f"3 documents of firm {site.firm.id} changed after the plan was made and were not restored:\n"
        f"  {bucket}/deleted\n  {bucket}/edited\n  {bucket}/made again\n"
        "KEPT: their live versions; 1 other documents of the plan are restored, each as a new version\n"
        "HINT: make a new plan, look at what it would supersede, then restore again."
    )
    assert current(desk) == {"edited": b"meanwhile", "made again": b"meanwhile", "quiet": b"wanted"}


def test_s3_itself_is_told_what_may_be_superseded(engineer: Site, site: Site, desk: Desk) -> None:
    """This server does not look at CopyObject's condition; S3 does."""
    desk.put("there", b"then")
    desk.put("gone", b"then")
    night = sync(site)
    desk.put("there", b"now")
    desk.delete("gone")
    found = plan(engineer, EVERYTHING, night.taken_at)
    sources, asked = live_of(engineer), {}
    s3 = s3_of(sources[desk.buckets[0]])
    s3.meta.events.register("before-call.s3.CopyObject", lambda params, **_: asked.update(conditions(params)))
    restore_in_place(engineer.primary, found, live=sources)
    etags = {each.version.key: each.live.etag if each.live else None for each in found.documents}
    assert asked == {"there": {"If-Match": f'"{etags["there"]}"'}, "gone": {"If-None-Match": "*"}}


def conditions(request: dict[str, Any]) -> dict[str, dict[str, str]]:
    key = request["url_path"].rpartition("/")[2]
    return {key: {name: value for name, value in request["headers"].items() if name in {"If-Match", "If-None-Match"}}}


def test_a_plan_that_saw_no_live_bucket_overwrites_nothing(engineer: Site, site: Site, desk: Desk) -> None:
    desk.put("a", b"then")
    night = sync(site)
    desk.put("a", b"now")
    blind = plan_document_restore(site.primary, selection=EVERYTHING, at=night.taken_at)
    with pytest.raises(LiveDocumentsChanged):
        restore_in_place(engineer.primary, blind, live=live_of(engineer))
    assert current(desk) == {"a": b"now"}


def test_a_large_document_comes_back_in_parts(engineer: Site, site: Site, desk: Desk) -> None:
    body = bytes(range(256)) * 4 * 1024 * 11
    desk.put("scan.tif", body, ContentType="image/tiff")
    night = sync(site)
    desk.delete("scan.tif")
    (planned,) = plan(engineer, EVERYTHING, night.taken_at).documents
    source = live_of(engineer)[desk.buckets[0]]
    store = replace(store_of(source), one_copy_limit=2**20, part_bytes=5 * 2**20)
    LiveBucket(store, engineer.primary).put_back(planned)
    there = desk.s3.get_object(Bucket=desk.buckets[0], Key="scan.tif")
    assert (there["Body"].read(), there["ContentType"]) == (body, "image/tiff")


def test_any_key_lies_inside_the_folder_under_a_name_of_its_own(
    site: Site, desk: Desk, cloud: Cloud, tmp_path: Path
) -> None:
    for key in (*AWKWARD_KEYS, "a", "A", "a/b", "_renamed/x", "nul.txt"):
        desk.put(key, key.encode())
    root = as_root(cloud, site)  # this server's policies end a wildcard at a line's end
    night = sync(root)
    found = plan_document_restore(root.primary, selection=EVERYTHING, at=night.taken_at)
    into = tmp_path / "deep" / "out"
    manifest = json.loads(restore_into_folder(root.primary, found, into=into).read_text())
    told = {each["key"]: (into / each["path"]).read_bytes().decode() for each in manifest["documents"]}
    assert told == {key: key for key in (*AWKWARD_KEYS, "a", "A", "a/b", "_renamed/x", "nul.txt")}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(told) + 1
    assert all(path.is_relative_to(into) for path in files)
    assert (into / "documents" / desk.buckets[0] / "Ünïcode/北京/🏛.pdf").exists()


def test_a_folder_that_was_begun_is_gone_on_with_and_another_is_refused(
    cloud: Cloud, site: Site, desk: Desk, tmp_path: Path
) -> None:
    """As docs/iam/restore.json: whoever restores elsewhere need not be able to see the live bucket."""
    restoring = logged_in(cloud, site, "restore")
    desk.put_many(3)
    night = sync(site)
    found = plan_document_restore(restoring.primary, selection=EVERYTHING, at=night.taken_at)
    with pytest.raises(AccessDenied):
        plan(restoring, EVERYTHING, night.taken_at)
    into = tmp_path / "out"
    restore_into_folder(restoring.primary, found, into=into)
    files = sorted(path for path in into.rglob("*") if path.is_file())
    (into / "documents" / desk.buckets[0] / "d/001").unlink()
    restore_into_folder(restoring.primary, found, into=into)
    assert sorted(path for path in into.rglob("*") if path.is_file()) == files
    one = plan_document_restore(restoring.primary, selection=Selection(key="d/001"), at=night.taken_at)
    with pytest.raises(TargetNotEmpty):
        restore_into_folder(restoring.primary, one, into=into)


def test_no_document_is_in_the_way_of_another_that_is_being_written(site: Site, desk: Desk, tmp_path: Path) -> None:
    """Whatever the first is called while it is not whole, no document of that name is lost."""
    for key in ("brief.pdf", "brief.pdf.part", ".brief.pdf.unfinished"):
        desk.put(key, key.encode())
    found = plan(site, EVERYTHING, sync(site).taken_at)
    paths = safe_paths((each.version.bucket, each.version.key) for each in found.documents)
    for each in sorted(found.documents, key=lambda each: each.version.key == "brief.pdf"):
        write_file(site.primary, each.version, tmp_path / paths[each.version.bucket, each.version.key])
    written = sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written == [b".brief.pdf.unfinished", b"brief.pdf", b"brief.pdf.part"]


def test_damaged_bytes_get_no_name(site: Site, desk: Desk, tmp_path: Path) -> None:
    desk.put("a", b"12345", ChecksumAlgorithm="SHA256")
    found = plan_document_restore(site.primary, selection=EVERYTHING, at=sync(site).taken_at)
    (planned,) = found.documents
    wrong = replace(planned, version=replace(planned.version, sha256="0" * 64))
    with pytest.raises(ObjectDamaged, match="its bytes are not those of version"):
        restore_into_folder(site.primary, found.model_copy(update={"documents": (wrong,)}), into=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["manifest.json"]
    with pytest.raises(ObjectDamaged, match="its sha256 is not the registered one"):
        live = LiveBucket(live_of(site)[desk.buckets[0]].store, site.primary)
        live.put_back(replace(wrong, live=None))


def test_a_link_opens_one_document_and_expires(cloud: Cloud, site: Site, desk: Desk) -> None:
    desk.put("Wills & Trusts/Müller.pdf", b"%PDF-1.7")
    night = sync(site)
    login = login_of(cloud, site, "restore")
    vault = site.primary
    found = plan_document_restore(vault, selection=EVERYTHING, at=night.taken_at)
    signer = LinkSigner.of(vault, login)
    now = utc_now()
    (link,) = link_documents(vault, found, signer=signer, lasting=timedelta(seconds=15), clock=lambda: now)
    assert link.expires_at == now + timedelta(seconds=15)
    assert f"%2F{vault.region}%2Fs3%2Faws4_request" in link.url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.url
    with urllib.request.urlopen(link.url) as answer:
        assert answer.read() == b"%PDF-1.7"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''M%C3%BCller.pdf"
    sleep(max(0.0, (link.expires_at - utc_now()).total_seconds()) + 1.5)
    with pytest.raises(urllib.error.HTTPError, match="403") as expired:
        urllib.request.urlopen(link.url)
    expired.value.close()
    with pytest.raises(InvalidRequest, match="seven days"):
        link_documents(vault, found, signer=signer, lasting=timedelta(days=8), clock=utc_now)


def test_from_the_replica_vault(engineer: Site, site: Site, desk: Desk, tmp_path: Path) -> None:
    desk.put("brief", b"as filed")
    night = copied(site)
    desk.put("brief", b"ruined")
    replica = engineer.replica
    found = plan_document_restore(replica, selection=EVERYTHING, at=night, live=live_of(engineer))
    assert found.vault == replica.bucket
    restore_into_folder(replica, found, into=tmp_path / "out")
    assert (tmp_path / "out" / "documents" / desk.buckets[0] / "brief").read_bytes() == b"as filed"
    restore_in_place(replica, found, live=live_of(engineer))
    assert current(desk) == {"brief": b"as filed"}
    with pytest.raises(WrongVault):
        restore_in_place(engineer.primary, found, live=live_of(engineer))


def copied(site: Site) -> datetime:
    backup = Nights(site, site.postgres.system_identifier(), utc_now() + timedelta(days=90)).take(utc_now())
    snapshot = sync(site)
    copy_to_replica(site, backup_id=backup.id, snapshot_id=snapshot.id, config_id=backup.point, clock=utc_now)
    return snapshot.taken_at


def test_another_firms_vault_is_refused(
    site: Site, desk: Desk, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, tmp_path: Path
) -> None:
    other = site_factory(cluster)
    desk.put("a", b"of the first firm")
    found = plan(site, EVERYTHING, sync(site).taken_at)
    theirs: Vault = replace(as_root(cloud, other).primary, firm=site.firm.id)
    with pytest.raises(WrongVault):
        plan_document_restore(theirs, selection=EVERYTHING, at=None)
    with pytest.raises(WrongVault):
        restore_into_folder(as_root(cloud, other).primary, found, into=tmp_path / "out")
    with pytest.raises(WrongVault):
        restore_in_place(theirs, found, live=live_of(site))
    assert not (tmp_path / "out").exists()


def test_a_bucket_that_the_firm_gave_up_is_not_written(engineer: Site, site: Site, desk: Desk) -> None:
    desk.put("a")
    found = plan(engineer, EVERYTHING, sync(site).taken_at)
    gone = found.model_copy(update={"documents": tuple(replace(each, change="deleted") for each in found.documents)})
    with pytest.raises(InvalidConfiguration, match=f"bucket {desk.buckets[0]} of the snapshot is not named any more"):
        restore_in_place(engineer.primary, gone, live={})


def test_the_nightly_chain_itself_cannot_write_a_document(site: Site, desk: Desk) -> None:
    desk.put("a", b"then")
    night = sync(site)
    desk.delete("a")
    with pytest.raises(AccessDenied):
        restore_in_place(site.primary, plan(site, EVERYTHING, night.taken_at), live=live_of(site))
