"""``muniment restore --stage`` and ``muniment staging``: one firm, staged, listed, extended and destroyed."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.record import new_id
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.sources import Desk
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)

type Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(
    cloud: Cloud,
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
) -> Run:
    """The command, as whoever sits at the worker types it: ``run("restore", "FIRM")``."""
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    script = muniment_script(site, tmp_path, MUNIMENT_SCRATCH=str(tmp_path / "scratch"))
    archive_with(cluster, f"{script} wal push %p")
    Desk(cloud, site).put("../../etc/passwd", b"strange")
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [script, *(site.firm.id if word == "FIRM" else word for word in words)]
        return subprocess.run(argv, check=False, capture_output=True, text=True)

    return run


def said(run: Run, *words: str) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_staging_from_its_plan_to_its_end(run: Run, tmp_path: Path) -> None:
    done = run("restore", "FIRM", "--stage", "--ttl", "2h")
    assert done.returncode == 0, done.stderr
    (staged,) = said(run, "staging", "list")["stagings"]
    folder = tmp_path / "scratch" / f"staging-{staged['firm']}-{staged['id']}"
    assert f'{staged["id"]}: psql "{staged["conninfo"]}"' in done.stdout
    assert "1 documents of " in done.stdout
    assert re.search(
        r"^held +until 20.* UTC: nothing of it is deleted before then or before it", done.stdout, re.MULTILINE
    )
    assert f"`muniment staging extend {staged['id']} --ttl 24h`" in done.stdout
    assert (staged["passed"], staged["running"]) == (True, True)
    assert not any("password=" in text for text in (done.stdout, done.stderr, str(staged)))
    until = datetime.fromisoformat(staged["expires_at"]) - datetime.fromisoformat(staged["made_at"])
    assert until == timedelta(hours=2)
    with psycopg.connect(staged["conninfo"]) as session:
        assert session.execute("SHOW archive_mode").fetchone() == ("off",)
    longer = said(run, "staging", "extend", staged["id"], "--ttl", "3d")["staging"]
    assert datetime.fromisoformat(longer["expires_at"]) > utc_now() + timedelta(days=2)
    assert said(run, "staging", "destroy", staged["id"]) == {"destroyed": str(folder)}
    assert not folder.exists()
    assert said(run, "staging", "list") == {"stagings": [], "half_made": []}
    again = run("staging", "destroy", staged["id"])
    assert again.returncode == 4
    assert "is not a staging of muniment's" in again.stderr


def test_a_restore_wants_to_know_where_to(run: Run) -> None:
    done = run("restore", "FIRM")
    assert done.returncode == 2
    assert "name a folder with --into, stage it with --stage, or look at the plan alone with --plan" in done.stderr
    for words in (("restore", "FIRM", "--stage"), ("staging", "extend", "20261121T083000123Z")):
        for ttl in ("9m", "31d"):
            refused = run(*words, "--ttl", ttl)
            assert refused.returncode == 2
            assert f"'{ttl}' is not between 10 minutes and 30 days" in refused.stderr
    planned = said(run, "restore", "FIRM", "--stage", "--plan")["plan"]
    assert planned["held_until"] is None
    assert f"staging-{planned['firm']}-" in planned["into"]
    assert not Path(planned["into"]).parent.exists()
