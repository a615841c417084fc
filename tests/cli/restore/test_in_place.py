"""``muniment matter``, ``tables`` and ``database`` against real servers, a real vault and real documents."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.host.login import login_name
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.domain.firm.application import DocumentReference, DrillsPolicy, MattersPolicy
from muniment.domain.firm.firm import Cluster, RestoreRules
from muniment.domain.rows.matter_plan import MatterPlan
from muniment_demo.cloud import ROOT as CLOUD_ROOT
from muniment_demo.cloud import Cloud
from tests.cli.conftest import Ended, in_this_process, write_registry
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, login_env, site_env, with_firm
from tests.support.command_page import keys_in, keys_listed
from tests.support.lost_matters import GONE, LIVED
from tests.support.matters import BALANCES, DATABASE, LEAD, MATTERS, Pair, World, make_pair
from tests.support.sources import Desk, sync
from tests.support.ssh_keys import Person

ME, SECOND = Person(login_name()), Person(LEAD)
"""Whoever runs the tests is an approver too, and asks for everything."""


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs17)


class Office:
    """A firm with two servers, a vault and documents, and an engineer at its command line."""

    def __init__(self, pair: Pair, cloud: Cloud, make_site: SiteFactory, folder: Path) -> None:
        self.world: World = pair.database()
        site = make_site(
            pair.live,
            matters=MattersPolicy.model_validate(MATTERS),
            drills=DrillsPolicy(balances=BALANCES),
            document_references=(DocumentReference(table="office.papers", column="storage_key"),),
        )
        cluster = Cluster(connection=site.firm.cluster.connection, database=DATABASE)
        self.site = with_firm(site, cluster=cluster, restore=RestoreRules(approvers=(ME.setting, SECOND.setting)))
        self.desk = Desk(cloud, self.site)
        self.registry = write_registry(self.site.firm, folder / "registry")
        root = Login(
            id=site.firm.aws_connection,
            user=CLOUD_ROOT.access_key_id,
            password=CLOUD_ROOT.secret_access_key,
            extra={"endpoint_url": cloud.endpoint_url},
        )
        self.env = {**site_env(site), **login_env("aws", root)}
        self.staged = pair.staged.conninfo(DATABASE)

    def __call__(self, command: str, *arguments: str | Path, staged: str | None = None) -> Ended:
        first, *rest = [command, self.site.firm.id, *map(str, arguments)]
        where = ["--staged", staged or self.staged]
        return in_this_process("--registry", self.registry, first, *rest, *where, env=self.env)

    def then(self, command: str, name: str, way: str, path: Path | str) -> str:
        """What is to be typed when ``path`` is signed."""
        begun = ["muniment", "--registry", self.registry, command, self.site.firm.id, name, "--staged", self.staged]
        return f"then run `{shlex.join(map(str, [*begun, way, path, '--approval', f'{path}.request.sig']))}`."

    def acts(self) -> list[dict[str, Any]]:
        told = in_this_process("--registry", self.registry, "acts", self.site.firm.id, "--json", env=self.env)
        assert told.code == 0, told.err
        found: list[dict[str, Any]] = json.loads(told.out)["acts"]
        return found


def signed(plan: Path | str, by: Person = SECOND) -> tuple[str, Path]:
    """The options that carry ``plan`` out."""
    return "--approval", by.sign_file(Path(f"{plan}.request"))


@pytest.fixture
def office(pair: Pair, cloud: Cloud, site_factory: SiteFactory, tmp_path: Path) -> Office:
    return Office(pair, cloud, site_factory, tmp_path)


def test_a_matter_is_shown_planned_refused_to_its_own_engineer_approved_and_undone(
    office: Office, tmp_path: Path
) -> None:
    office.desk.put("a.pdf", b"as filed")
    night = sync(office.site)
    office.desk.delete("a.pdf")
    office.world.on_live(GONE)
    there = office.world.everything(office.world.pair.live)
    at, plan = ("--at", night.id), tmp_path / "plan.json"

    shown = office("matter", "M-1", *at)
    assert shown.code == 0, shown.err
    assert "office.clients 1 was deleted since, and rows that come back name it: comes back" in shown.out
    assert "documents: 1 at " in shown.out
    assert "nothing was written" in shown.out

    planned = office("matter", "M-1", *at, "--plan", plan, "--json")
    assert planned.code == 0, planned.err
    assert set(keys_in(_without_names(json.loads(planned.out)))) <= keys_listed("matter")
    assert plan.stat().st_mode & 0o777 == 0o600

    waiting = office("matter", "M-1", "--apply", plan)
    assert waiting.code == 4
    assert f"matter M-1 of firm {office.site.firm.id} waits for a second person, until " in waiting.err
    assert f"let one of lead read the plan and sign: `muniment approve {plan}.request` (or `ssh-keygen" in waiting.err
    assert office.then("matter", "M-1", "--apply", plan) in waiting.err
    alone = office("matter", "M-1", "--apply", plan, *signed(plan, ME))
    assert alone.code == 4
    assert f"{ME.name} asked for it: somebody else has to approve" in alone.err
    assert office.world.everything(office.world.pair.live) == there
    assert office.acts() == []

    done = office("matter", "M-1", "--apply", plan, *signed(plan), "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert set(answer) <= keys_listed("matter")
    assert (answer["documents_restored"], answer["deleted"]) == (1, 0)
    assert office.desk.s3.get_object(Bucket=office.desk.buckets[0], Key="a.pdf")["Body"].read() == b"as filed"

    asked = office("matter", "M-1", "--undo", answer["kept"])
    assert (asked.code, "waits for a second person" in asked.err) == (4, True)
    assert office.then("matter", "M-1", "--undo", answer["kept"]) in asked.err
    other = office("matter", "M-1", "--undo", answer["kept"], *signed(plan))
    assert (other.code, "lead approved another act (matter: matter M-1)" in other.err) == (4, True)
    undone = office("matter", "M-1", "--undo", answer["kept"], *signed(answer["kept"]))
    assert undone.code == 0, undone.err
    assert undone.out.startswith("restore ")
    assert office.world.everything(office.world.pair.live) == there

    restored, back = office.acts()
    assert set(keys_in({**restored, "did": {}})) <= keys_listed("acts")
    assert (restored["act"], restored["what"], restored["end"]) == ("matter", "matter M-1", "done")
    assert (restored["asked_by"], restored["approval"]["by"], restored["signature_holds"]) == (ME.name, LEAD, True)
    assert restored["plan_sha256"] == json.loads(planned.out)["sha256"]
    assert restored["by"].startswith(f"muniment matter by {ME.name} on ")
    assert (restored["did"]["documents"], restored["did"]["deleted"]) == (1, 0)
    assert (back["act"], back["end"]) == ("undo", "done")
    assert [len(acts(vault)) for vault in office.site.vaults] == [2, 2]


def _without_names(answer: dict[str, dict[str, object]]) -> dict[str, object]:
    """Tables and keys of rows are names of the firm's own; the documents' plan is told where that command is."""
    return {**answer, "plan": {**answer["plan"], "live_rows": {}, "documents": None}}


def test_values_are_shown_to_whoever_asks_and_are_in_no_plan(office: Office, tmp_path: Path) -> None:
    office.world.on_live(LIVED)
    plan = tmp_path / "plan.json"
    shown = office("matter", "M-1", "--values", "--plan", plan)
    assert shown.code == 0, shown.err
    assert "  body: 'caf\u00e9\\ttab\\\\N' → 'rewritten'" in shown.out
    assert "  path: — → 'new'" in shown.out
    assert "rewritten" not in plan.read_text()
    values = json.loads(office("matter", "M-1", "--values", "--json").out)["values"]
    changed = next(row for row in values if row["table"] == "office.notes" and row["key"] == ["1", "1"])
    assert set(changed) <= keys_listed("matter")
    assert changed["live"] == {"body": "rewritten", "facts": "{}"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--apply", "p", "--plan", "q"),
            "Error: one at a time: --plan, --apply\n",
        ),
        (("--approval", "p.request.sig"), "--approval is of something that is carried out"),
        (("--apply", "none.json"), "none.json is no such plan"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_done(office: Office, arguments: tuple[str, ...], said: str) -> None:
    ended = office("matter", "M-1", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_everything_that_is_wrong_about_a_swap_is_told_at_once(office: Office) -> None:
    ended = office("database", DATABASE, "--plan", "p", "--apply", "q")
    assert ended.code == 2
    assert ended.err.endswith(
        "Error: one at a time: --plan, --apply\n"
        "--plan and --restored go together: which restored database takes its place?\n"
    )


def test_what_an_approved_swap_is_not_told_again(office: Office) -> None:
    ended = office("database", DATABASE, "--apply", "p", "--restored", "q")
    assert ended.code == 2
    assert ended.err.endswith("Error: the plan says which restored database takes its place: leave --restored out\n")


def test_a_staged_cluster_is_named_by_its_id_or_a_connection_string_without_a_password(office: Office) -> None:
    assert office("matter", "M-1", staged="20260101T000000000Z").code != 0
    told = office("matter", "M-1", staged="host=db password=secret")
    assert (told.code, "name a passfile" in told.err) == (2, True)
    assert office("matter", "M-1", staged="what?").code == 2
    live = office("matter", "M-1", staged=office.world.pair.live.conninfo(DATABASE))
    assert (live.code, "leads to cluster the live one" in live.err) == (4, True)


def test_a_plan_of_another_matter_is_not_carried_out(office: Office, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert office("matter", "M-1", "--plan", plan).code == 0
    assert MatterPlan.from_json(plan.read_bytes()).requested_by == ME.name
    ended = office("matter", "M-2", "--apply", plan, *signed(plan))
    assert (ended.code, "is a plan of matter M-1" in ended.err) == (2, True)


def test_tables_beside_and_in_place(office: Office, tmp_path: Path) -> None:
    office.world.on_live(LIVED)
    pair = ("--table", "office.notes", "--table", "office.attachments")
    beside = office("tables", *pair, "--json")
    assert beside.code == 0, beside.err
    answer = json.loads(beside.out)
    assert set(answer) <= keys_listed("tables")
    assert answer["tables"]["office.notes"]["rows"] == 4
    restored = answer["tables"]["office.notes"]["restored"]
    assert office.world.on_live(f"SELECT count(*) FROM {restored}") == [(4,)]

    plan = tmp_path / "plan.json"
    planned = office("tables", *pair, "--plan", plan)
    assert "office.notes: 4 rows now, 4 rows then; the rows of now are kept beside" in planned.out
    done = office("tables", "--apply", plan, *signed(plan), "--json")
    assert done.code == 0, done.err
    assert [(each["act"], each["what"]) for each in office.acts()] == [
        ("tables beside", "office.notes, office.attachments"),
        ("tables", "tables office.attachments, office.notes"),
    ]
    before = json.loads(done.out)["before"]["office"]
    assert office.world.on_live(f"SELECT count(*) FROM {before}.notes WHERE body = 'rewritten'") == [(1,)]
    for schema in (before, restored.split(".")[0]):
        office.world.on_live(f"DROP SCHEMA {schema} CASCADE")


def test_a_database_beside_and_in_place(office: Office, tmp_path: Path) -> None:
    office.world.on_live(GONE)
    beside = office("database", DATABASE, "--json")
    assert beside.code == 0, beside.err
    answer = json.loads(beside.out)
    assert set(answer) <= keys_listed("database")
    plan = tmp_path / "plan.json"
    assert office("database", DATABASE, "--plan", plan).code == 2
    planned = office("database", DATABASE, "--restored", answer["restored"], "--plan", plan)
    assert planned.code == 0, planned.err
    assert office.then("database", DATABASE, "--apply", plan) in planned.out
    other = office("database", "another", "--apply", plan, *signed(plan))
    assert (other.code, f"is a plan of database {DATABASE} of" in other.err) == (2, True)
    done = office("database", DATABASE, "--apply", plan, *signed(plan))
    assert done.code == 0, done.err
    assert [(each["act"], each["end"]) for each in office.acts()] == [("database beside", "done"), ("database", "done")]
    assert office.world.on_live("SELECT count(*) FROM office.matters") == [(3,)]
    with psycopg.connect(office.world.pair.live.conninfo("template1"), autocommit=True) as connection:
        before = next(word for word in done.out.split() if "_before_" in word)
        connection.execute(f"DROP DATABASE {before}".encode())
