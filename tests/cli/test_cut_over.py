"""`muniment live` on the cluster's own host: what it says of a cut-over, and the way back."""

import json
import subprocess
from pathlib import Path

import pytest

from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.runbooks.cut_over import cut_over
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.cut_overs import staged_firm
from tests.fixtures.sites import SiteFactory

pytestmark = pytest.mark.timeout(720)


def test_an_engineer_sees_what_went_live_and_takes_it_back(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    firm = world.site.firm.id

    def muniment(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(tmp_path / "muniment.sh"), "live", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=360)

    nothing = muniment("release", firm)
    assert nothing.returncode == 4
    assert "no cut-over of it is known here" in nothing.stderr

    order = world.order()
    aside = str(cut_over(world.stage(), order).aside)
    [told] = json.loads(muniment("status", firm, "--json").stdout)["cut_overs"]
    assert (told["id"], told["outcome"], told["aside"]) == (order.id, "live", aside)
    early = muniment("release", firm)
    assert early.returncode == 4
    assert "no full backup of the restored cluster is registered yet" in early.stderr

    back = muniment("roll-back", firm, "--why", "the wrong night")
    assert back.returncode == 0, back.stderr
    places = f"the old cluster is in {world.live.data_dir}; the restored one, in {world.staged.data_dir}"
    assert back.stdout.splitlines()[-1] == f"cut-over {order.id}: {places}"
    assert world.serves == "old"
    assert "gone back" in muniment("status", firm).stdout
