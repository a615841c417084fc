"""A new cluster was made, and adopted, where a restored one had gone live: the former one's cut-over is over."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.cut_over.journal import write_journal
from muniment.adapters.cut_over.live_host import lying_at
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.records import StagingFolder
from muniment.domain.restore.staging import folder_name
from muniment.errors import AnotherClusterIsLive, StagingWentLive
from muniment.ports import Silent, utc_now
from muniment.runbooks.cut_over.cut_over import cut_over
from muniment.runbooks.cut_over.take_live import finish, release_old, take_back, who_serves
from muniment.runbooks.cut_over.whose_cluster import look
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.staging.lifetime import clear_expired, destroy, find_any_staging, half_made
from muniment.runbooks.vault.bring_adoption import write_mark
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import Staged, plan_of, staged_firm

pytestmark = pytest.mark.timeout(720)


def test_nothing_is_put_over_an_adopted_cluster(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    site, live = world.site, world.live.data_dir
    done = cut_over(world.stage(), world.order())
    staging = _staging_of(world, tmp_path / "scratch")
    write_journal(done.model_copy(update={"staged": str(staging.data_dir)}))
    with pytest.raises(StagingWentLive) as kept:
        destroy(staging)
    assert str(kept.value) == (
        f"the staging in {staging.path} went live, or was about to: cut-over {done.id} of firm {site.firm.id} is not"
        f" over\nKEPT: everything in {staging.path}\n"
        f"HINT: end the cut-over first: `muniment live release {site.firm.id} --id {done.id}`, or "
        f"`muniment live roll-back {site.firm.id} --id {done.id} --why …`."
    )

    world.live.stop()
    other = cluster_factory(programs17, start=False)
    live.rename(live.with_name("former"))
    other.data_dir.rename(live)
    new = lying_at(live)
    assert look(site).line() == f"cluster {new} lies there: NOT the firm's, which is {done.system_identifier}"
    adopted = prove_vault(site.primary).model_copy(update={"system_identifier": new})
    write_mark(site.primary, prove_vault(site.primary), adopted)
    assert look(site).line() == f"cluster {new} lies there: the firm's"
    assert who_serves(site) == "nobody"

    told: dict[str, Any] = {"by": "test", "clock": utc_now, "progress": Silent()}
    for act in (
        partial(take_back, why="x", allowed=None, **told),
        partial(release_old, allowed=None, **told),
        partial(finish, **told),
    ):
        with pytest.raises(AnotherClusterIsLive) as refused:
            act(site, done.id)
    assert str(refused.value) == (
        f"cut-over {done.id} of firm {site.firm.id} is of a former cluster: cluster {new} lies in {live}, which the "
        f"firm has adopted since\nKEPT: everything: nothing was stopped, moved or deleted\n"
        f"HINT: leave {live} as it is. A copy of the former cluster: `muniment restore {site.firm.id} --to T --stage`; "
        f"what was set aside may lie in {done.aside}, yours to move or delete by hand. See "
        f"`muniment live status {site.firm.id}`."
    )
    assert refused.value.exit_code == 4
    assert lying_at(live) == new
    assert done.aside.exists()
    destroy(staging)  # nobody can go back to it any more


def _staging_of(world: Staged, root: Path) -> StagingFolder:
    staging = StagingFolder(root / folder_name(world.site.firm.id, utc_now()))
    staging.path.mkdir(parents=True)
    plan = plan_of(world.site.firm).model_copy(update={"into": str(staging.data_dir)})
    staging.plan_path.write_bytes(plan.to_json())
    return staging


def test_what_a_roll_back_returned_to_a_folder_that_had_gone_is_listed_and_destroyed(tmp_path: Path) -> None:
    staging = StagingFolder(tmp_path / "staging-alder-20261120T083000123Z")
    control = staging.data_dir / "global" / "pg_control"
    control.parent.mkdir(parents=True)
    control.write_bytes(bytes(64))
    (staging.path / "in-use").touch()
    for damage in (None, b"", b'{"id": 1}'):
        if damage is not None:
            staging.plan_path.write_bytes(damage)
            staging.record_path.write_bytes(damage)
        (each,) = half_made(tmp_path)
        assert (each.id, each.target) == ("20261120T083000123Z", "—")
    assert clear_expired(tmp_path, now=utc_now()) == []
    destroy(find_any_staging(tmp_path, each.id))
    assert list(tmp_path.iterdir()) == []
