"""A vault's firm.json that somebody changed, hid or removed comes back before anything else is looked at."""

import json
from dataclasses import replace
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.repair.marks import Unsound, look
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault.authenticity import mac_key, new_mac_key, read_mark, wrapped, written
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.repair.plan import MarkMending, RepairPlan
from muniment.domain.vault import keys
from muniment.errors import MarkMissing, MarkNotRepairable, ObjectDamaged, VaultNotSafe, WrongVault
from muniment.ports import utc_now
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.repair.repair_mark import find_mark_repair
from muniment.runbooks.repair.repair_vaults import Failure, find_repair, repair
from muniment.runbooks.vault.create_vaults import SIDES
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.s3 import with_store

pytestmark = pytest.mark.timeout(360)

HOLD = Hold(id="h", reason="a subpoena", placed_by="km", placed_at=utc_now(), covers_from=utc_now())
CODE = "its authentication code is not that of these bytes under this key: it was changed"


class Intruder:
    """With every right on the buckets, and none on the keys."""

    def __init__(self, cloud: Cloud) -> None:
        self.s3 = cloud.client("s3")

    def write(self, vault: Vault, body: bytes, metadata: Any) -> None:
        self.s3.put_object(Bucket=vault.bucket, Key=keys.FIRM, Body=body, Metadata=dict(metadata))

    def change(self, vault: Vault, **fields: Any) -> None:
        body, metadata = vault.read(keys.FIRM)
        self.write(vault, json.dumps(json.loads(body) | fields).encode(), metadata)

    def remove(self, vault: Vault, key: str = keys.FIRM) -> None:
        for found in list(vault.list_versions(key)):
            self.s3.delete_object(
                Bucket=vault.bucket, Key=found.key, VersionId=found.version_id, BypassGovernanceRetention=True
            )

    def hide(self, vault: Vault) -> None:
        self.s3.delete_object(Bucket=vault.bucket, Key=keys.FIRM)

    def do(self, what: str, vault: Vault, other: Vault) -> None:
        """``alone``: with no version of ours below."""
        body, metadata = vault.read(keys.FIRM)
        if what.endswith("alone"):
            self.remove(vault)
        what = what.removesuffix(" alone")
        if what in FIELDS:
            self.write(vault, json.dumps(json.loads(body) | FIELDS[what]).encode(), metadata)
        elif what == "no text":
            self.write(vault, b"\xff\x00", metadata)
        elif what == "the other vault's":
            self.write(vault, *other.read(keys.FIRM))
        elif what == "a delete marker":
            self.hide(vault)


FIELDS: dict[str, dict[str, Any]] = {
    "another field": {"fnrmat": 1},
    "another firm": {"firm": "birch"},
    "another cluster": {"system_identifier": 1},
    "another key": {"mac_key": "AAAA"},
    "no key": {"mac_key": None},
}
WHYS = {
    "another field": "its text is not what belongs there: there is no such thing as its 'fnrmat'",
    "no text": "its text is not what belongs there: it is no JSON",
    "another firm": "it names 'birch', not {firm}",
    "the other vault's": "it says that this is the {other} vault, not the {side}",
    "another cluster": CODE,
    "another key": "its MAC key does not open: ",
    "no key": "it has no MAC key, and there is another version of it, which may have one",
    "a delete marker": "it lies under a delete marker",
    "no key alone": "it has no MAC key, and the other vault's has one",
    "gone alone": "it is missing",
    "another field alone": "its text is not what belongs there: there is no such thing as its 'fnrmat'",
    "another firm alone": "it names 'birch', not {firm}",
    "the other vault's alone": "it says that this is the {other} vault, not the {side}",
}


@pytest.fixture
def intruder(cloud: Cloud) -> Intruder:
    return Intruder(cloud)


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    site = site_factory(cluster)
    for vault in site.vaults:
        vault.put_register(keys.hold("h"), HOLD, locked_until=None)
    return site


def fresh(site: Site) -> tuple[Vault, Vault]:
    """As another process has them, which has opened nothing yet."""
    return replace(site.primary), replace(site.replica)


def planned(plan: RepairPlan) -> MarkMending:
    assert (plan.mendings, plan.lost, plan.brings) == ((), (), 1)
    assert plan.mark is not None
    return plan.mark


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("what", WHYS)
def test_a_wrong_mark_is_the_whole_plan_and_comes_back(site: Site, intruder: Intruder, what: str, side: Side) -> None:
    other_side: Side = "replica" if side == "primary" else "primary"
    vault, other = site.vault(side), site.vault(other_side)
    before, its_key = read_mark(vault), mac_key(vault)
    stored = vault.read(keys.FIRM)
    intruder.do(what, vault, other)
    versions = len(list(vault.list_versions("")))

    plan = find_repair(fresh(site), deep=True)
    mark = planned(plan)
    assert mark.bucket == vault.bucket
    assert mark.why.startswith(WHYS[what].format(firm=vault.firm, side=side, other=other_side))
    made_anew = f"made anew from that of {other.bucket}: same firm, cluster and MAC key, own role"
    assert (mark.how == made_anew) == what.endswith("alone")
    assert len(list(vault.list_versions(""))) == versions  # a plan writes nothing

    assert repair(plan, fresh(site), clock=utc_now) == ()
    assert len(list(vault.list_versions(""))) == versions + 1  # on top: nothing is deleted
    if not what.endswith("alone"):
        assert vault.read(keys.FIRM) == stored
    after = prove_vault(replace(vault))
    assert after.model_copy(update={"mac_key": "", "created_at": before.created_at}) == before.model_copy(
        update={"mac_key": ""}
    )
    assert mac_key(replace(vault)) == its_key
    assert find_repair(fresh(site), deep=True) == RepairPlan(vault.firm)


def test_no_register_is_called_damaged_because_the_mark_is(site: Site, intruder: Intruder) -> None:
    intruder.change(site.replica, fnrmat=1)
    intruder.remove(site.primary, keys.hold("h"))
    for deep in (False, True):
        assert planned(find_repair(fresh(site), deep=deep)).bucket == site.replica.bucket
    assert repair(find_repair(fresh(site)), fresh(site), clock=utc_now) == ()
    (rest,) = find_repair(fresh(site)).mendings
    assert (rest.wanted.key, rest.target) == (keys.hold("h"), site.primary.bucket)


def test_two_wrong_marks_are_refused_with_what_to_do(site: Site, intruder: Intruder) -> None:
    intruder.change(site.primary, fnrmat=1)
    intruder.hide(site.replica)
    with pytest.raises(MarkNotRepairable) as refused:
        find_repair(fresh(site))
    firm = site.firm.id
    assert refused.value.exit_code == 3
    assert str(refused.value) == (
        f"firm.json of firm {firm} cannot be repaired: neither vault has one that proves itself: "
        f"{site.primary.bucket}: its text is not what belongs there: there is no such thing as its 'fnrmat'; "
        f"{site.replica.bucket}: it lies under a delete marker\n"
        "KEPT: every object of both vaults; nothing was written\n"
        "HINT: list its older versions in each vault, `aws s3api list-object-versions --bucket BUCKET --prefix "
        "firm.json`: where one is right, delete what lies above it, delete markers too, by version id, then run "
        f"`muniment repair {firm}` again; meanwhile the restore kit, `restore-kit/restore.py … --kms-key ARN`, "
        "restores from whichever version proves itself."
    )


def test_marks_that_contradict_each_other_are_refused(site: Site, intruder: Intruder) -> None:
    """Made anew under the firm's own keys, as only somebody who has them can."""
    mark = read_mark(site.replica).model_copy(update={"mac_key": wrapped(site.replica, new_mac_key())})
    body, code = written(site.replica, mark)
    intruder.write(site.replica, body, code)
    with pytest.raises(MarkNotRepairable, match="each vault's proves itself, and they name different clusters or MAC"):
        find_repair(fresh(site))


def test_what_was_written_since_the_plan_is_not_written_over(site: Site, intruder: Intruder) -> None:
    for wrong in (intruder.hide, lambda vault: intruder.change(vault, fnrmat=1)):
        wrong(site.primary)
        plan = find_repair(fresh(site))
        intruder.write(site.primary, b"{}", {})
        assert repair(plan, fresh(site), clock=utc_now) == (
            Failure(keys.FIRM, f"object firm.json already exists in {site.primary.bucket}"),
        )
        assert site.primary.get(keys.FIRM) == b"{}"
        assert repair(find_repair(fresh(site)), fresh(site), clock=utc_now) == ()


@pytest.mark.parametrize("bears", ["another firm's mark", "no mark"])
def test_a_strangers_bucket_gets_no_mark(
    site: Site, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, intruder: Intruder, bears: str
) -> None:
    """A wrong bucket in the firm's file: with credentials that could."""
    theirs, ours = as_root(cloud, site_factory(cluster)), as_root(cloud, site)
    theirs.primary.put_register(keys.hold("h"), HOLD, locked_until=None)
    why = f"it names {theirs.firm.id!r}, not {site.firm.id}"
    if bears == "no mark":
        intruder.remove(theirs.primary)
        why = "it is missing"
    before = [(found.key, found.version_id) for found in theirs.primary.list_versions("")]
    with pytest.raises(WrongVault) as refused:
        find_repair((with_store(ours.primary, bucket=theirs.primary.bucket), replace(ours.replica)))
    assert refused.value.what == (
        f"bucket {theirs.primary.bucket} is the vault of somebody else, for all that it shows (firm.json: {why}), "
        f"not of {site.firm.id}"
    )
    assert [(found.key, found.version_id) for found in theirs.primary.list_versions("")] == before


def test_a_vault_of_which_nothing_is_left_is_no_mark_to_repair(site: Site, intruder: Intruder) -> None:
    intruder.remove(site.replica, "")
    with pytest.raises(VaultNotSafe, match="it is gone, and the other vault holds recovery points"):
        find_repair(fresh(site))


def test_a_firm_from_before_there_were_keys_proves_no_version(site: Site, intruder: Intruder) -> None:
    for vault in site.vaults:
        mark = read_mark(vault).model_copy(update={"mac_key": None})
        intruder.remove(vault)
        intruder.write(vault, mark.to_json(), {})
    assert find_mark_repair(fresh(site)) is None
    intruder.hide(site.primary)
    with pytest.raises(MarkNotRepairable, match="under a delete marker; the firm has no MAC key, so that nothing"):
        find_repair(fresh(site))


def test_whichever_byte_was_changed_the_mark_is_wrong_and_no_key_is_blamed(site: Site, intruder: Intruder) -> None:
    body, metadata = site.primary.read(keys.FIRM)
    for at in range(0, len(body), 23):
        changed = bytearray(body)
        changed[at] ^= 1
        intruder.write(site.primary, bytes(changed), metadata)
        assert isinstance(look(replace(site.primary), "primary"), Unsound), (at, bytes(changed[at - 8 : at + 8]))


def test_the_first_error_leads_to_the_repair(site: Site, intruder: Intruder) -> None:
    firm, bucket = site.firm.id, site.primary.bucket
    intruder.change(site.primary, fnrmat=1)
    with pytest.raises(ObjectDamaged) as damaged:
        prove_vault(site.primary)
    assert str(damaged.value) == (
        f"object firm.json in {bucket} is damaged: its text is not what belongs there: there is no such thing as its "
        "'fnrmat'\n"
        "KEPT: every other object; nothing was deleted or overwritten\n"
        f"HINT: `muniment repair {firm} --deep` brings back what the other vault has whole; until then a restore takes "
        f"that vault with `--from`; `muniment verify {firm} --deep` names every damaged object of both."
    )
    intruder.hide(site.primary)
    with pytest.raises(MarkMissing) as missing:
        prove_vault(site.primary)
    assert str(missing.value) == (
        f"object firm.json is missing from {bucket}\n"
        "KEPT: every other object; nothing was deleted or overwritten\n"
        f"HINT: where firm {firm} has backups, `muniment repair {firm}` brings it back, and until then a restore takes "
        f"the other vault with `--from`; a firm that has none yet gets its vaults from `muniment backup {firm}`."
    )
