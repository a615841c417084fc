"""``muniment documents`` and ``muniment config`` on a real firm, as docs/iam/restore-documents.json."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import RestoreRules
from muniment.ports import utc_now
from muniment.runbooks.config.back_up_config import back_up_config
from muniment_demo.cloud import Cloud
from tests.cli.conftest import Command, Ended, in_this_process, write_registry
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, iam_policy, login_env, site_env, with_firm
from tests.support.command_page import keys_in, keys_listed
from tests.support.sources import Desk, sync
from tests.support.ssh_keys import Person

LEAD = Person("lead")

type Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def site(site_factory: SiteFactory, module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Site:
    site = site_factory(module_cluster_factory(programs17))
    return with_firm(site, restore=RestoreRules(approvers=(LEAD.setting,)))


@pytest.fixture(scope="module")
def desk(cloud: Cloud, site: Site) -> Desk:
    return Desk(cloud, site)


@pytest.fixture(scope="module")
def night(site: Site, desk: Desk) -> str:
    desk.put("m/will.pdf", b"signed")
    desk.put("m/note", b"a note")
    snapshot = sync(site)
    back_up_config(site, config_id=snapshot.id, clock=utc_now)
    return snapshot.id


@pytest.fixture(scope="module")
def run(cloud: Cloud, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
    user = cloud.create_user(f"{site.firm.id}-cli", iam_policy("restore-documents", site.firm))
    login = Login(
        site.firm.aws_connection,
        user=user.access_key_id,
        password=user.secret_access_key,
        extra={"endpoint_url": cloud.endpoint_url, "region_name": "us-east-1"},
    )
    root = write_registry(site.firm, tmp_path_factory.mktemp("documents"))
    env = {"MUNIMENT_REGISTRY": str(root), **site_env(site), **login_env("aws", login)}
    return lambda *arguments: in_this_process(*arguments, env=env)


def answer(ended: Ended) -> dict[str, Any]:
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_a_deletion_is_planned_signed_for_and_undone(
    run: Run, site: Site, desk: Desk, night: str, tmp_path: Path
) -> None:
    """The role of docs/iam writes both records, into both vaults."""
    desk.delete("m/will.pdf")
    asked = ("documents", site.firm.id, "--deleted-since", night)
    planned = run(*asked)
    assert planned.code == 0, planned.err
    assert f"{desk.buckets[0]}/m/will.pdf" in planned.out
    assert planned.out.endswith("1 deleted\na plan: nothing was written\n")
    plan = tmp_path / "plan.json"
    waiting = run(*asked, "--plan", plan)
    assert (waiting.code, "1 documents of firm" in waiting.out) == (0, True)
    shown = run("approve", f"{plan}.request")
    assert "/m/will.pdf (6 B): deleted since: is current again" in shown.out
    signature = LEAD.sign_file(Path(f"{plan}.request"))
    assert len(acts(site.primary)) == 0
    done = run("documents", site.firm.id, "--apply", plan, "--approval", signature)
    for vault in site.vaults:
        (act,) = acts(vault)
        assert (act.begun.act, act.begun.what) == ("documents", "1 documents")
        assert act.ended is not None
        assert (act.ended.outcome, act.ended.did) == ("done", {"documents": 1})
        assert vault.find(f"acts/{act.begun.id}.begun.json").locked_until is not None
    assert (done.code, done.out.splitlines()[-1]) == (0, "1 documents are current again, each as a new version")
    assert desk.s3.get_object(Bucket=desk.buckets[0], Key="m/will.pdf")["Body"].read() == b"signed"


def test_into_a_folder_without_the_live_bucket(run: Run, site: Site, night: str, tmp_path: Path) -> None:
    asked = ("documents", site.firm.id, "--prefix", "m/", "--at", night, "--without-live", "--json")
    found = answer(run(*asked, "--into", tmp_path / "out"))
    assert Path(found["manifest"]).exists()
    assert found["counts"]["unknown"] == 2
    assert set(keys_in({**found, "plan": list(found["plan"])})) - set(found["counts"]) <= keys_listed("documents")
    assert set(found["plan"]) <= keys_listed("documents")


def test_a_link(run: Run, site: Site, night: str) -> None:
    found = answer(run("documents", site.firm.id, "--key", "m/note", "--at", "latest", "--link", "1h", "--json"))
    (link,) = found["links"]
    with urllib.request.urlopen(link["url"]) as there:
        assert there.read() == b"a note"
    assert set(link) <= keys_listed("documents")


def test_a_night_that_never_was_is_refused_and_is_no_damage(run: Run, site: Site, night: str) -> None:
    ended = run("documents", site.firm.id, "--key", "m/note", "--at", "20261120T000000002Z", "--into", "x")
    assert ended.code == 4
    assert f"firm {site.firm.id} has no recovery point 20261120T000000002Z in {site.primary.bucket}, " in ended.err


def test_an_instant_that_nothing_covers_ends_with_4(run: Run, site: Site, night: str) -> None:
    ended = run("documents", site.firm.id, "--prefix", "", "--at", "2026-01-01T00:00Z")
    assert ended.code == 4
    assert f"before it none, after it {night} of " in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "latest"), "which documents?"),
        (("--key", "a"), "as they were when?"),
        (("--key", "a", "--at", "2026-11-20T10:00"), "has no time zone"),
        (("--key", "a", "--at", "yesterday"), "is neither a time"),
        (("--key", "a", "--prefix", "b", "--at", "latest"), "--key is one document"),
        (("--key", "a", "--at", "latest", "--link", "soon"), "is not a time such as 15m"),
        (("--key", "a", "--at", "latest", "--plan", "p", "--into", "x"), "one at a time: --plan, --into"),
        (("--key", "a", "--at", "latest", "--plan", "p", "--without-live"), "leave --without-live out"),
        (("--apply", "p", "--key", "a", "--at", "latest"), "leave --key, --at out"),
        (
            ("--plan", "p", "--link", "1h", "--without-live", "--approval", "p.request.sig"),
            "Error: one at a time: --plan, --link\n"
            "--approval is of something that is carried out\n"
            "which documents? Say --key, --prefix or --deleted-since\n"
            "as they were when? Say --at, a time with its zone, a point's id, or latest\n"
            "what goes into the live buckets is compared with them: leave --without-live out\n",
        ),
        (("--deleted-since", "latest", "--at", "20261120T000000001Z"), "--at can only say the same"),
    ],
)
def test_what_makes_no_sense_ends_with_2(muniment: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = muniment("documents", "acme", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_the_configuration_of_a_night(site: Site, run: Run, night: str) -> None:
    ended = run("config", site.firm.id, "--at", night)
    assert ended.code == 0, ended.err
    assert ended.out.endswith("against now: the same\n")
    found = answer(run("config", site.firm.id, "--at", night, "--json"))
    assert set(keys_in(found)) - {"format"} <= keys_listed("config")
