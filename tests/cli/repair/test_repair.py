"""``muniment repair``: its plan, its question, its exit codes."""

import json
from pathlib import Path

import pytest

from muniment.adapters.site.site import Site
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.ports import utc_now
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.vault.second_copy import second_copy
from muniment_demo.cloud import Cloud
from tests.cli.conftest import Command
from tests.cli.conftest import write_registry as registry_of
from tests.fixtures.sites import site_env
from tests.support.nights import Nights, wal_proof

pytestmark = pytest.mark.timeout(360)


@pytest.fixture
def site(site17: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in site_env(site17).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(registry_of(site17.firm, tmp_path / "registry")))
    return site17


@pytest.fixture
def backup(site: Site) -> Backup:
    nights = Nights(site, site.postgres.system_identifier(), next_segment=5000)
    backup = nights.take(utc_now(), documents=("will.pdf",))
    ids = {"backup_id": backup.id, "snapshot_id": backup.point, "config_id": backup.point}
    proof = second_copy(site, **ids, clock=utc_now)
    wal = wal_proof(backup, utc_now())
    register_recovery_point(
        site, point_id=backup.point, run="test", backup_id=backup.id, wal=wal, copy=proof, clock=utc_now
    )
    return backup


def delete(cloud: Cloud, site: Site, side: str, key: str) -> None:
    vault = site.primary if side == "primary" else site.replica
    for found in list(vault.list_versions(key)):
        cloud.client("s3").delete_object(
            Bucket=vault.bucket, Key=key, VersionId=found.version_id, BypassGovernanceRetention=True
        )


def test_the_plan_then_the_repair_then_nothing_to_do(
    muniment: Command, site: Site, backup: Backup, cloud: Cloud
) -> None:
    firm, chunk = site.firm.id, backup.archives[0].chunks[0]
    delete(cloud, site, "primary", chunk.key)
    delete(cloud, site, "replica", keys.point(backup.point))
    lacking = [each["lacking"] for each in json.loads(muniment("points", firm, "--json").out)["vaults"]]
    lacks = [[chunk.key], [keys.point(backup.point)]]
    assert lacking == [[{"point": backup.point, "lacks": each}] for each in lacks]

    plan = muniment("repair", firm, "--plan")
    assert plan.code == 0
    first, second, total, end = plan.out.splitlines()
    primary, replica = site.primary.bucket, site.replica.bucket
    assert first == f"bring  {chunk.key} ({chunk.stored_bytes} B) from {replica} into {primary}: it is missing"
    assert second.startswith(f"bring  {keys.point(backup.point)} (")
    assert second.endswith(f" from {primary} into {replica}: it is missing")
    assert total.startswith(f"firm {firm}: 2 objects to bring (")
    assert end == "nothing was written"

    asked = muniment("repair", firm)
    assert (asked.code, "say --yes to write" in asked.err) == (2, True)
    assert muniment("repair", firm, "--yes").out.splitlines()[-1] == "brought 2 objects"
    lacking = [each["lacking"] for each in json.loads(muniment("points", firm, "--json").out)["vaults"]]
    assert lacking == [[], []]
    answer = json.loads(muniment("repair", firm, "--yes", "--json").out)
    assert answer == {"firm": firm, "bring": [], "lost": [], "done": False, "failed": []}


def test_what_both_vaults_lost_is_named_and_ends_with_3(
    muniment: Command, site: Site, backup: Backup, cloud: Cloud
) -> None:
    chunk = backup.archives[0].chunks[0].key
    for side in ("primary", "replica"):
        delete(cloud, site, side, chunk)
    ended = muniment("repair", site.firm.id, "--plan")
    assert ended.code == 3
    lost = f"{site.primary.bucket}: it is missing; {site.replica.bucket}: it is missing"
    assert ended.out.splitlines()[0] == f"LOST   {chunk}: {lost}"


def test_a_changed_mark_is_the_whole_plan_and_no_register_is_called_damaged(
    muniment: Command, site: Site, backup: Backup, cloud: Cloud
) -> None:
    firm, vault, s3 = site.firm.id, site.replica, cloud.client("s3")
    stored = vault.read(keys.FIRM)
    version = vault.head(keys.FIRM)
    delete(cloud, site, "primary", keys.point(backup.point))
    s3.put_object(
        Bucket=vault.bucket, Key=keys.FIRM, Body=stored[0].replace(b"format", b"fnrmat"), Metadata=dict(stored[1])
    )
    assert version is not None
    why = "its text is not what belongs there: there is no such thing as its 'fnrmat'"
    how = f"its own version {version.version_id} of {version.modified_at:%Y-%m-%d %H:%M:%S} UTC is right"
    plan = muniment("repair", firm, "--deep", "--plan")
    assert (plan.code, plan.out.splitlines()) == (
        0,
        [
            f"bring  firm.json into {vault.bucket}: {why}; {how}",
            f"firm {firm}: firm.json goes first and alone, nothing else was compared yet",
            "nothing was written",
        ],
    )
    bring = {
        "key": "firm.json",
        "from": vault.bucket,
        "into": vault.bucket,
        "bytes": len(stored[0]),
        "why": f"{why}; {how}",
    }
    answer = json.loads(muniment("repair", firm, "--plan", "--json").out)
    assert answer == {"firm": firm, "bring": [bring], "lost": [], "done": False, "failed": []}

    done = muniment("repair", firm, "--deep", "--yes")
    assert done.code == 0
    assert done.out.splitlines()[2:] == [
        f"firm.json of {vault.bucket} is right again; run `muniment repair {firm}` again for the rest"
    ]
    assert vault.read(keys.FIRM) == stored
    (first, *_) = muniment("repair", firm, "--yes").out.splitlines()
    assert first.startswith(f"bring  {keys.point(backup.point)} (")
    assert json.loads(muniment("repair", firm, "--json").out)["bring"] == []


def test_a_hidden_mark_stops_every_command_with_the_way_out(
    muniment: Command, site: Site, backup: Backup, cloud: Cloud
) -> None:
    firm, bucket = site.firm.id, site.primary.bucket
    cloud.client("s3").delete_object(Bucket=bucket, Key=keys.FIRM)
    commands = ("points", "check", "check --replace-lost-vault")
    way_out = {command: muniment(*command.split(), firm) for command in commands}
    assert {command: ended.code for command, ended in way_out.items()} == {
        "points": 3,
        "check": 4,
        "check --replace-lost-vault": 4,
    }
    assert {command for command, ended in way_out.items() if f"`muniment repair {firm}`" not in ended.err} == set()
    assert (
        muniment("repair", firm, "--yes")
        .out.splitlines()[0]
        .startswith(f"bring  firm.json into {bucket}: it lies under a delete marker; its own version ")
    )
    assert muniment("points", firm).code == 0


def test_two_wrong_marks_end_with_3_and_what_to_do(muniment: Command, site: Site, cloud: Cloud) -> None:
    for vault in site.vaults:
        cloud.client("s3").delete_object(Bucket=vault.bucket, Key=keys.FIRM)
    ended = muniment("repair", site.firm.id, "--yes")
    assert ended.code == 3
    assert "neither vault has one that proves itself" in ended.err
    assert "aws s3api list-object-versions" in ended.err
