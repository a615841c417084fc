"""Every command on a real firm: its own PostgreSQL, two vaults, WAL through archive_command, from another folder."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.firm.firm import DocumentBucket
from muniment.domain.vault import keys
from muniment_demo.cloud import Cloud
from tests.cli.conftest import Ended, in_a_shell, in_this_process, write_registry
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, site_env
from tests.support.command_page import keys_in, keys_listed
from tests.support.sources import Desk
from tests.support.wal import archive_with, eventually, muniment_script, sql, switch_wal

pytestmark = pytest.mark.timeout(720)
POINT_FIELDS = {
    "format", "id", "firm", "run", "taken_at", "registered_at", "system_identifier", "chain", "kind", "size_bytes",
    "stored_bytes", "wal", "windows", "effective_rpo_s", "documents", "document_count", "document_bytes", "config",
    "control_totals", "verified_primary_at", "verified_replica_at",
}  # fmt: skip


@dataclass(frozen=True)
class Live:
    """A firm with one recovery point, taken by ``muniment backup``."""

    site: Site
    cluster: LocalCluster
    env: dict[str, str]
    backup: Ended
    root_s3: Any

    def muniment(self, *arguments: str | Path) -> Ended:
        return in_this_process(*arguments, env=self.env)

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        ended = self.muniment(*arguments, "--json")
        assert ended.code == 0, ended.err
        answer: dict[str, Any] = json.loads(ended.out)
        return answer

    @property
    def firm(self) -> str:
        return self.site.firm.id

    @property
    def point(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.backup.out)["point"]
        return found


@pytest.fixture(scope="module")
def live(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Live:
    cluster = module_cluster_factory(programs17)
    sql(
        cluster, "CREATE TABLE public.matters AS SELECT n AS id, 'matter ' || n AS title FROM generate_series(1, 500) n"
    )
    totals = ControlTotalsPolicy(tables=("public.matters",), sums={"ids": "public.matters.id"})
    site = site_factory(cluster, control_totals=totals)
    Desk(cloud, site).put_many(3)
    folder = tmp_path_factory.mktemp("live")
    for above in (folder, folder.parent, folder.parent.parent):  # PostgreSQL's own user has to reach the script
        above.chmod(above.stat().st_mode | 0o055)
    archive_with(cluster, f"{muniment_script(site, folder)} wal push %p")
    env = {"MUNIMENT_REGISTRY": str(write_registry(site.firm, folder / "cli")), **site_env(site)}
    backup = in_a_shell("backup", site.firm.id, "--json", env=env)
    assert backup.code == 0, backup.err
    return Live(site, cluster, env, backup, cloud.client("s3", site.primary.region))


def test_backup_answers_with_the_registered_point(live: Live) -> None:
    point = live.point
    assert set(point) >= POINT_FIELDS
    assert (point["firm"], point["kind"], point["document_count"]) == (live.firm, "full", 3)
    assert point["control_totals"]["counts"] == {"public.matters": 500}
    assert point["control_totals"]["sums"] == {"ids": "125250"}
    assert point["run"].startswith("muniment backup by ")


def test_backup_tells_on_stderr_how_far_it_is(live: Live) -> None:
    said = live.backup.err
    assert f"go on with --point {live.point['id']}" in said
    assert "base backup" in said


def test_backup_again_with_its_point_finds_it(live: Live) -> None:
    assert live.json("backup", live.firm, "--point", live.point["id"])["point"] == live.point


def test_points_in_both_vaults(live: Live) -> None:
    for side, vault in (("primary", live.site.primary), ("replica", live.site.replica)):
        answer = live.json("points", live.firm, "--from", side)
        vaults = [{"vault": each.bucket, "unseen": None, "lacking": []} for each in live.site.vaults]
        points = [{**live.point, "replaced": False}]
        assert answer == {"firm": live.firm, "vault": vault.bucket, "points": points, "vaults": vaults}


def test_points_of_one_vault_are_told_where_the_other_cannot_be_seen(live: Live, tmp_path: Path) -> None:
    place = live.site.firm.vaults.replica.model_copy(update={"bucket": "nobody-s"})
    vaults = live.site.firm.vaults.model_copy(update={"replica": place})
    registry = write_registry(live.site.firm.model_copy(update={"vaults": vaults}), tmp_path)
    ended = in_this_process("points", live.firm, env={**live.env, "MUNIMENT_REGISTRY": str(registry)})
    assert ended.code == 0
    assert "not seen" in ended.out
    assert "nobody-s was not seen: " in ended.out


def test_points_as_a_table(live: Live) -> None:
    ended = live.muniment("points", live.firm)
    assert ended.code == 0
    assert live.point["id"] in ended.out
    assert "whole" in ended.out
    assert ended.out.endswith(f"1 recovery points in {live.site.primary.bucket}\n")


def test_a_ready_firm(live: Live) -> None:
    ended = live.muniment("check", live.firm)
    assert ended.code == 0, ended.out
    assert ended.out.endswith(f"firm {live.firm} is ready for a backup\n")
    answer = live.json("check", live.firm)
    assert answer["ready"] is True
    assert {finding["severity"] for finding in answer["findings"]} <= {"warning"}


def test_a_firm_that_is_not_ready_ends_with_4(live: Live, tmp_path: Path) -> None:
    broken = live.site.firm.model_copy(update={"documents": (DocumentBucket(bucket="nobody-s", region="us-east-1"),)})
    env = {**live.env, "MUNIMENT_REGISTRY": str(write_registry(broken, tmp_path))}
    ended = in_this_process("check", live.firm, "--json", env=env)
    assert ended.code == 4
    answer = json.loads(ended.out)
    assert answer["ready"] is False
    assert any("nobody-s" in finding["what"] for finding in answer["findings"])


def test_verify_reads_every_byte_of_both_vaults(live: Live) -> None:
    answer = live.json("verify", live.firm, "--deep")
    assert (answer["firm"], answer["deep"], answer["whole"]) == (live.firm, True, True)
    assert [vault["vault"] for vault in answer["vaults"]] == [vault.bucket for vault in live.site.vaults]
    for vault in answer["vaults"]:
        assert set(vault) == {
            "vault",
            "objects",
            "bytes_read",
            "faults",
            "not_proven",
            "not_in_second_region",
            "half_registered",
            "server_versions",
        }
        assert vault["bytes_read"] > 0
        assert vault["faults"] == vault["not_proven"] == vault["not_in_second_region"] == []
        assert vault["server_versions"] == [170009]


def test_verify_of_one_vault_needs_neither_the_cluster_nor_the_other_region(live: Live) -> None:
    env = {name: value for name, value in live.env.items() if not name.endswith("_POSTGRES")}
    ended = in_a_shell("verify", live.firm, "--in", "replica", env=env)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].startswith(f"{live.site.replica.bucket}: ")


def test_copy_finds_everything_there(live: Live) -> None:
    answer = live.json("copy", live.firm)
    assert (answer["firm"], answer["point"]) == (live.firm, live.point["id"])
    assert answer["proof"]["objects_copied"] == 0
    assert answer["proof"]["objects_already_there"] > 5


def test_expire_plans_and_deletes_nothing(live: Live) -> None:
    before = [found.key for found in live.site.primary.list("")]
    answer = live.json("expire", live.firm, "--dry-run")
    assert (answer["firm"], answer["point"], answer["done"]) == (live.firm, live.point["id"], False)
    assert [vault["going"] for vault in answer["vaults"]] == [[], []]
    first, *vaults = live.muniment("expire", live.firm, "--dry-run").out.splitlines()
    assert first.startswith(f"firm {live.firm}, after recovery point {live.point['id']}, ")
    assert [line.split("; kept")[0] for line in vaults] == [f"vault {v.bucket}: nothing goes" for v in live.site.vaults]
    assert f"kept  point     {live.point['id']}" in live.muniment("expire", live.firm, "--dry-run", "--kept").out
    assert [found.key for found in live.site.primary.list("")] == before


def test_expire_asks_before_it_deletes(live: Live) -> None:
    ended = in_a_shell("expire", live.firm, env=live.env)
    assert ended.code == 2
    assert ended.err.endswith("nobody is here to be asked: say --yes to delete, or --dry-run to see the plan\n")
    assert live.json("expire", live.firm, "--yes")["done"] is True


def test_the_archive_and_what_would_be_lost(live: Live) -> None:
    answer = live.json("wal", "status", live.firm)
    assert answer["firm"] == live.firm
    assert len(answer["windows"]) == 1
    assert answer["effective_rpo_s"] is not None
    ended = live.muniment("wal", "status", live.firm)
    assert ended.code == 0
    for line in ("live log", "restorable to", "effective RPO", "not yet in the replica", "last failure"):
        assert line in ended.out


def test_new_wal_goes_to_the_other_region(live: Live) -> None:
    name = switch_wal(live.cluster)[0]
    key = keys.wal(int(live.cluster.system_identifier()), name)
    eventually(lambda: live.site.primary.head(key))
    assert live.json("wal", "replicate", live.firm)["copied"] >= 1
    assert live.site.replica.head(key) is not None
    assert (
        live.muniment("wal", "replicate", live.firm).out == f"0 WAL files copied to the replica vault of {live.firm}\n"
    )


def test_wal_commands_take_their_places_from_options_too(live: Live, run_dir: Path) -> None:
    name = live.point["wal"]["first_segment"]
    places = ("--registry", live.env["MUNIMENT_REGISTRY"])
    env = {**live.env, "MUNIMENT_REGISTRY": "/nowhere", "MUNIMENT_SPOOL": str(run_dir / "spool")}
    fetched = run_dir / name
    ended = in_a_shell(*places, "wal", "fetch", name, fetched, "--firm", live.firm, env=env)
    assert ended.code == 0, ended.err
    assert fetched.stat().st_size == 16 * 2**20
    ended = in_a_shell(*places, "wal", "push", fetched, "--firm", live.firm, env=env)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_restore_lays_a_data_directory_out_and_never_over_another(
    live: Live, run_dir: Path, programs17: PostgresPrograms, side: str
) -> None:
    into = run_dir / f"restored-{side}" / "data"
    answer = live.json("restore", live.firm, "--to", live.point["id"], "--into", into, "--from", side)
    plan = answer.pop("plan")
    assert answer == {
        "firm": live.firm,
        "point": live.point["id"],
        "data_directory": str(into),
        "tablespaces": {},
        "postgresql": 17,
        "substitutions": [],
    }
    assert (plan["side"], plan["target"], plan["into"]) == (side, live.point["id"], str(into))
    assert (into / "recovery.signal").exists()
    refused = live.muniment("restore", live.firm, "--into", into, "--json")
    assert refused.code == 4
    assert json.loads(refused.out)["error"]["kind"] == "TargetNotEmpty"


def test_a_plan_is_shown_and_nothing_is_done(live: Live, run_dir: Path) -> None:
    into = run_dir / "only-planned"
    told = live.muniment("restore", live.firm, "--to", live.point["id"], "--plan", "--into", into)
    assert told.code == 0, told.err
    lines = {line[:15].strip(): line[15:] for line in told.out.splitlines() if line[0] != " "}
    assert lines["restore"] == f"{live.firm} to {live.point['id']}"
    assert lines["from"] == f"{live.site.primary.bucket} in us-east-1, the primary vault"
    assert lines["documents"].startswith("3 (")
    assert lines["takes about"] == "not known: no drill of this firm has passed yet"
    answer = live.json("restore", live.firm, "--to", "latest", "--plan")
    answer["plan"]["settings"] = {}
    assert set(keys_in(answer)) <= keys_listed("restore")
    assert answer["plan"]["documents"]["count"] == 3
    assert answer["plan"]["into"] == str(Path.cwd() / f"{live.firm}-restored")
    assert not into.exists()


def test_a_target_that_cannot_be_reached_ends_with_4_and_names_what_can(live: Live) -> None:
    refused = live.muniment("restore", live.firm, "--to", "2020-01-01T00:00:00Z", "--plan", "--json")
    assert refused.code == 4
    told = json.loads(refused.out)["error"]
    assert told["kind"] == "TargetUnreachable"
    assert told["what"].startswith(f"firm {live.firm} cannot be restored to 2020-01-01 00:00:00.000000+00:00 from ")
    assert "nearest after: " in told["what"]
    assert "recovery windows:\n  " in told["what"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--to", "2026-11-20T08:00"), "has no time zone: write 2026-11-20T08:00Z"),
        (("--to", "yesterday", "--plan"), "'yesterday' is no target: latest, immediate"),
        ((), "name a folder with --into, stage it with --stage, or look at the plan alone with --plan"),
    ],
)
def test_restore_is_used_wrongly(live: Live, arguments: tuple[str, ...], what: str) -> None:
    refused = live.muniment("restore", live.firm, *arguments)
    assert refused.code == 2
    assert what in " ".join(refused.err.replace("│", "").split())


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("firms check", ("firms", "check")),
        ("check", ("check", "FIRM")),
        ("verify", ("verify", "FIRM")),
        ("copy", ("copy", "FIRM")),
        ("expire", ("expire", "FIRM", "--dry-run")),
        ("wal replicate", ("wal", "replicate", "FIRM")),
    ],
)
def test_every_key_of_an_answer_is_listed(live: Live, command: str, arguments: tuple[str, ...]) -> None:
    answer = live.json(*(live.firm if word == "FIRM" else word for word in arguments))
    if command == "expire":
        for vault in answer["vaults"]:
            vault["kept"] = {}  # its keys are kinds of objects
    assert set(keys_in(answer)) <= keys_listed(command)


def test_damage_ends_with_3_and_names_the_object(live: Live) -> None:
    """Last of all: it spoils the primary vault's newest configuration."""
    key = keys.config(live.point["config"])
    live.root_s3.put_object(Bucket=live.site.primary.bucket, Key=key, Body=b"not what was stored")
    ended = in_a_shell("verify", live.firm, "--deep", "--json", env=live.env)
    assert ended.code == 3
    answer = json.loads(ended.out)
    assert answer["whole"] is False
    assert [fault["key"] for fault in answer["vaults"][0]["faults"]] == [key]
    table = live.muniment("verify", live.firm, "--deep", "--in", "primary")
    assert table.code == 3
    assert key in table.out
    assert live.muniment("verify", live.firm, "--deep", "--in", "replica").code == 0


def test_a_cluster_that_does_not_answer_is_temporary(live: Live) -> None:
    env = dict(live.env)
    name = next(name for name in env if name.endswith("_POSTGRES"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env[name] = json.dumps({**json.loads(env[name]), "port": free.getsockname()[1]})
        ended = in_a_shell("check", live.firm, "--json", env=env)
    assert ended.code == 75
    assert json.loads(ended.out)["error"]["kind"] == "ServerUnavailable"
