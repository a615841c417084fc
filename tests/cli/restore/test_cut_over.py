"""`muniment live` on the cluster's own host: what it says of a cut-over, and the way back."""

import json
import multiprocessing
import subprocess
from pathlib import Path

import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.records import rolled_back
from muniment.runbooks.cut_over.cut_over import cut_over
from tests.faults.cut_over_worker import Death, work
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import LEAD, Portable, staged_firm
from tests.support.ssh_keys import Person

pytestmark = pytest.mark.timeout(720)


def test_an_engineer_sees_what_went_live_and_takes_it_back(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    firm = world.site.firm.id

    def muniment(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(tmp_path / "muniment.sh"), "live", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=360, cwd=tmp_path)

    nothing = muniment("release", firm)
    assert nothing.returncode == 4
    assert "no cut-over of it is known here" in nothing.stderr
    never = f"{firm} is served from {world.live.data_dir}: there was no cut-over on this machine"
    assert never in muniment("status", firm).stdout

    order = world.order()
    aside = str(cut_over(world.stage(), order).aside)
    [told] = json.loads(muniment("status", firm, "--json").stdout)["cut_overs"]
    assert (told["id"], told["outcome"], told["aside"]) == (order.id, "live", aside)
    assert f"{firm} is served from {world.live.data_dir}: by the restored cluster" in muniment("status", firm).stdout
    early = muniment("release", firm)
    assert early.returncode == 4
    assert "no full backup of the restored cluster is registered yet" in early.stderr

    why = ("--why", "the wrong night")
    alone = muniment("roll-back", firm, *why)
    assert alone.returncode == 4
    assert f"roll-back of cut-over {order.id} of firm {firm} waits for a second person, until " in alone.stderr
    assert world.serves == "new"
    request = tmp_path / f"roll-back-{order.id}.json.request"
    assert f"live roll-back {firm} --why 'the wrong night' --approval {request.name}.sig`." in alone.stderr
    asked = request.read_bytes()
    assert muniment("roll-back", firm, *why).returncode == 4
    assert request.read_bytes() == asked  # whoever runs it again asks for the same
    stranger = Person("mallory").sign_file(request)
    assert "is nobody's of restore.approvers" in muniment("roll-back", firm, *why, "--approval", str(stranger)).stderr
    back = muniment("roll-back", firm, *why, "--approval", str(LEAD.sign_file(request)))
    assert back.returncode == 0, back.stderr
    places = f"the old cluster is in {world.live.data_dir} and answers; the restored one, in {world.staged.data_dir}"
    assert back.stdout.splitlines()[-1] == f"cut-over {order.id}: {places}"
    assert world.serves == "old"
    assert "gone back" in muniment("status", firm).stdout
    assert f"{firm} is served from {world.live.data_dir}: by its old cluster" in muniment("status", firm).stdout
    for vault in world.site.vaults:
        [record] = rolled_back(vault)
        assert (record.why, record.was_live, record.answers) == ("the wrong night", True, True)
        assert (record.abandoned, record.timeline) == (2, 1)
        assert record.run.startswith("muniment live roll-back by ")
        assert record.steps[-1].name == "return to staging"
        (act,) = acts(vault)
        assert (act.begun.act, act.begun.what) == ("roll-back", f"cut-over {order.id}")
        assert act.begun.approval is not None
        assert act.begun.approval.by == "lead"
        assert act.ended is not None
        assert act.ended.outcome == "done"


def test_the_status_says_that_nobody_serves(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    """Killed between the two renames; then somebody puts the old cluster back."""
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    firm, order = world.site.firm.id, world.order()
    death = Death("set aside", "after", ("set aside",), tmp_path / "deaths")
    worker = multiprocessing.get_context("forkserver").Process(
        target=work, args=(Portable.of(world, order), "forward", death)
    )
    worker.start()
    worker.join(240)

    def muniment(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(tmp_path / "muniment.sh"), "live", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=360)

    status = muniment("status", firm)
    assert status.stdout.splitlines()[-1] == (
        f"NOBODY SERVES {firm}: no server in {world.live.data_dir} takes connections. Finish the cut-over with"
        f" `muniment live cut-over {firm}`, or put the old cluster back with `muniment live roll-back {firm}`"
    )
    assert json.loads(muniment("status", firm, "--json").stdout)["serves"] == "nobody"
    assert muniment("roll-back", firm, "--why", "better so").returncode == 0  # nobody has to sign for that
    (act,) = acts(world.site.replica)
    assert (act.begun.act, act.begun.approval) == ("roll-back", None)
    assert world.serves == "old"
    assert json.loads(muniment("status", firm, "--json").stdout)["serves"] == "old"
    assert [record.was_live for record in rolled_back(world.site.primary)] == [False]
