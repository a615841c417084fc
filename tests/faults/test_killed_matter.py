"""A restore of one matter that is killed with SIGKILL, at any of its moments, or whose server vanishes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.rows.matter_plan import BeforeImages
from muniment.errors import LockNotAvailable, ServerUnavailable
from muniment.runbooks.rows.restore_matter import restore_matter
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.support.lost_matters import GONE, planned, restored
from tests.support.matters import Pair, World, approval, firm, make_pair

PROGRAM = """
import sys, time
from pathlib import Path
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.rows.matter_plan import MatterPlan
from muniment.domain.secret import Secret
from muniment.runbooks.rows.restore_matter import restore_matter
from tests.support.matters import DATABASE, approval, firm
plan = MatterPlan.from_json(Path(sys.argv[1]).read_bytes())
live, staged = (PostgresServer("acme", Secret(each), DATABASE) for each in sys.argv[2:4])
def keep(images):
    Path(sys.argv[4]).write_bytes(images.to_json())
    time.sleep(600)
restore_matter(firm(), plan, approval=approval(plan), staged=staged, live=live, keep=keep)
"""


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs17)


@pytest.fixture
def world(pair: Pair) -> World:
    world = pair.database()
    world.on_live(GONE)
    return world


def begun(world: World, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A process that has written every row and not committed."""
    plan, kept = folder / "plan.json", folder / "before.json"
    plan.write_bytes(planned(world).to_json())
    servers = [cluster.conninfo(world.name) for cluster in (world.pair.live, world.pair.staged)]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, plan, *servers, kept], cwd=ROOT)
    while not kept.exists() or not kept.read_bytes().endswith(b"}"):
        assert process.poll() is None, "it ended before it had written anything"
        time.sleep(0.02)
    return process, kept


def test_killed_before_its_commit_it_leaves_the_live_database_as_it_was(world: World, tmp_path: Path) -> None:
    there = world.everything(world.pair.live)
    process, kept = begun(world, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with psycopg.connect(world.pair.live.conninfo(world.name), autocommit=True) as connection:
        # Its backend notices a moment later that nobody is there any more.
        while connection.execute(
            "SELECT FROM pg_stat_activity WHERE application_name = 'muniment' AND datname = current_database()"
        ).fetchone():
            time.sleep(0.02)
    assert world.everything(world.pair.live) == there
    assert len(BeforeImages.from_json(kept.read_bytes()).rows) > 10
    restored(world, planned(world))  # and no lock is left behind
    assert planned(world).rows == ()


def test_a_server_that_vanishes_at_the_commit_takes_the_whole_transaction_with_it(world: World) -> None:
    there = world.everything(world.pair.live)
    plan = planned(world)

    def crash(_: BeforeImages) -> None:
        world.pair.live.kill()

    with pytest.raises(ServerUnavailable):
        restore_matter(firm(), plan, approval=approval(plan), staged=world.staged, live=world.live, keep=crash)
    world.pair.live.start()
    assert world.everything(world.pair.live) == there


def test_a_row_that_somebody_else_holds_is_not_waited_for_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.adapters.rows.writer.LOCK_TIMEOUT", "50ms")
    plan = planned(world, "M-2")
    with psycopg.connect(world.pair.live.conninfo(world.name)) as other:
        other.execute("UPDATE office.matters SET stage = 'closed' WHERE number = 'M-2'")
        with pytest.raises(LockNotAvailable, match="lock timeout"):
            restored(world, plan)


def test_a_row_that_comes_while_it_is_restored_waits_or_is_seen(world: World) -> None:
    """Nobody can make a row hang on the matter between the comparison and the commit."""
    plan = planned(world, "M-2")
    waited = []

    def while_it_runs(_: BeforeImages) -> None:
        with psycopg.connect(world.pair.live.conninfo(world.name)) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("INSERT INTO office.notes (matter_id, no, written_at) VALUES (2, 5, now())")
            waited.append(True)

    restore_matter(firm(), plan, approval=approval(plan), staged=world.staged, live=world.live, keep=while_it_runs)
    assert waited == [True]
