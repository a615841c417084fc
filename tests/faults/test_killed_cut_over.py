"""SIGKILL at every step of a cut-over and of the way back: one cluster serves, whole, and the next run knows which."""

import multiprocessing
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import psycopg
import pytest

from muniment.adapters.cut_over.journal import journals
from muniment.adapters.host import processes
from muniment.adapters.host.data_directory import system_identifier_of
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.domain.restore.cut_over import Step
from muniment.runbooks.cut_over.cut_over import Order, cut_over, roll_back
from tests.faults.cut_over_worker import Death, When, work
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import Portable, Staged, move_elsewhere, staged_firm

pytestmark = pytest.mark.timeout(1200)

STEPS: tuple[Step, ...] = get_args(Step.__value__)
_FIRST_BACK = STEPS.index("stop the new")
FORWARD, BACK = STEPS[:_FIRST_BACK], STEPS[_FIRST_BACK:]
# A rename has no middle; a copy and a program that was started have one.
WITH_A_MIDDLE = {"stop staging", "bring beside", "remove the staging role", "stop live", "start", "stop the new"}


def moments(step: Step) -> tuple[When, ...]:
    return ("before", "during", "after") if step in WITH_A_MIDDLE else ("before", "after")


@pytest.fixture(scope="module")
def forks() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.cut_over_worker"])
    return context


@pytest.fixture
def world(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> Staged:
    """Its pg_wal lies elsewhere."""
    found = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    found.live.stop()
    move_elsewhere(found.live, "pg_wal")
    found.live.start()
    return found


def kill_everywhere(
    world: Staged,
    order: Order,
    direction: str,
    steps: Sequence[Step],
    told: Path,
    forks: multiprocessing.context.ForkServerContext,
) -> None:
    """One run after the other, each killed a little further on than the one before."""
    portable = Portable.of(world, order)
    for step in steps:
        for when in moments(step):
            death = Death(step, when, steps, told)
            worker = forks.Process(target=work, args=(portable, direction, death))
            worker.start()
            worker.join(120)
            if worker.exitcode == 0:
                return
            assert worker.exitcode == -9
            prove_whole(world, order.id)


def prove_whole(world: Staged, cut_over_id: str) -> None:
    """Of the two clusters each lies somewhere, whole; no data directory has two servers."""
    live = world.live.data_dir
    places = [live, world.staged.data_dir, *(live.with_name(f"{live.name}.{what}-{cut_over_id}") for what in WHERE)]
    found = [place for place in places if system_identifier_of(place) is not None]
    assert len(found) >= 2  # three where one is being copied
    for place in found:
        # What a server archives with works in the same folder, and here is no child of its own.
        working = {pid for pid in processes.working_in(place) if processes.name_of(pid) == "postgres"}
        parents = [parent for pid in working if (parent := _parent(pid)) is not None]
        assert len([parent for parent in parents if parent not in working]) <= 1
    assert world.serves in ("old", "new", "nobody")


WHERE = ("before", "incoming")


def _parent(pid: int) -> int | None:
    """``None`` for one that has ended since it was seen: a server that stops has many."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def test_killed_at_every_step_it_goes_live_all_the_same(
    world: Staged, tmp_path: Path, forks: multiprocessing.context.ForkServerContext
) -> None:
    order, told = world.order(), tmp_path / "deaths"
    kill_everywhere(world, order, "forward", FORWARD, told, forks)
    deaths = told.read_text().splitlines()
    assert {line.rsplit(" ", 1)[0] for line in deaths} == set(FORWARD)
    assert {"set aside before", "set aside after", "stop live during", "start during"} <= set(deaths)
    assert cut_over(world.stage(), order).outcome == "live"
    assert world.serves == "new"
    assert (world.live.data_dir / "pg_wal").readlink().name == f"restored-{order.id}"
    [journal] = journals(world.live.data_dir)
    assert any(step.ended_at is None for step in journal.steps)


def test_killed_at_every_step_of_the_way_back_the_old_one_serves(
    world: Staged, tmp_path: Path, forks: multiprocessing.context.ForkServerContext
) -> None:
    order, told = world.order(), tmp_path / "deaths"
    assert cut_over(world.stage(), order).outcome == "live"
    kill_everywhere(world, order, "back", BACK, told, forks)
    assert {line.rsplit(" ", 1)[0] for line in told.read_text().splitlines()} == set(BACK)
    gone = (
        roll_back(world.stage(), order.id, why="wrong night", by="test")
        if _unfinished(world)
        else journals(world.live.data_dir)[0]
    )
    assert (gone.outcome, gone.why_back) == ("gone back", "wrong night")
    assert world.serves == "old"
    assert (world.staged.data_dir / "pg_wal").is_dir()
    assert not (world.staged.data_dir / "pg_wal").is_symlink()


def _unfinished(world: Staged) -> bool:
    return journals(world.live.data_dir)[0].outcome is None


def test_copied_from_another_file_system_and_killed_in_the_copy(
    world: Staged, tmp_path: Path, forks: multiprocessing.context.ForkServerContext
) -> None:
    elsewhere = Path(f"/dev/shm/muniment-{os.getpid()}")  # the only other file system that every Linux has
    if not elsewhere.parent.is_dir():
        pytest.skip("there is no other file system")
    world.staged.stop()
    shutil.copytree(world.staged.folder, elsewhere, symlinks=True)
    try:
        moved = replace(world, staged=IsolatedCluster(elsewhere / "data", world.staged.programs))
        shutil.rmtree(world.staged.data_dir)
        order, told = moved.order(), tmp_path / "deaths"
        kill_everywhere(moved, order, "forward", FORWARD[2:4], told, forks)
        assert "bring beside during" in told.read_text().splitlines()
        assert cut_over(moved.stage(), order).outcome == "live"
        assert moved.serves == "new"
        with psycopg.connect(moved.site.postgres.conninfo.reveal()) as session:
            assert session.execute("SELECT count(*) FROM matters").fetchone() == (1,)
    finally:
        shutil.rmtree(elsewhere)
