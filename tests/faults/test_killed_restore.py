"""A restore is killed with SIGKILL at each of its steps: its plan's next run finishes it, and fetches the rest only."""

import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.journal import held
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import TargetInUse, TargetNotEmpty
from tests.fixtures.clusters import ROOT
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS
from tests.support.restores import ROWS, Stored, chunks_asked_for, prove_whole, serving
from tests.support.stored import restore_from, rows

pytestmark = pytest.mark.timeout(540)

RESTORE, COMBINE = (
    "muniment.runbooks.restore.restore_cluster",
    "muniment.runbooks.restore.combine_chain",
)
EXTRACTION = "muniment.adapters.backup.extraction"
# (module, function, which of its calls)
STEPS = {
    "before the journal": (RESTORE, "write_journal", 1),
    "before the first byte": (RESTORE, "_put_together", 1),
    "in the middle of the files": (EXTRACTION, "Extraction.take", 12),
    "before the settings": (RESTORE, "_configure", 1),
    "before it is on disk": (RESTORE, "file_systems.sync", 1),
    "before it is complete": (RESTORE, "write_journal", 2),
    "before pg_control has its name": (RESTORE, "finish", 1),
    "before the journal is removed": (RESTORE, "remove_journal", 1),
}
OF_A_CHAIN = {
    "behind the increment's files": (COMBINE, "finish", 2),
    "before the old one goes": (COMBINE, "clear_layout", 1),
    "behind pg_combinebackup": (COMBINE, "_hand_over", 1),
    "in the middle of the renames": (COMBINE, "_take", 5),
}


def killed_at(step: tuple[str, str, int], stored: Stored, plan: RestorePlan, folder: Path, delta: bool = False) -> None:
    told = folder / "told.pickle"
    aws = LOGINS[stored.site.firm.id]["aws"]
    told.write_bytes(pickle.dumps((stored.site.firm, aws, plan, restore_from(stored.wal), delta)))
    argv = [sys.executable, "-m", "tests.faults.restorer", str(told), *map(str, step)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=360)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_same_plan_goes_on(
    stored: Stored,
    step: tuple[str, str, int],
    tmp_path: Path,
    programs17: PostgresPrograms,
    faulty_store: FaultProxy,
) -> None:
    plan = stored.plan(stored.full, tmp_path / "data")
    killed_at(step, stored, plan, tmp_path)
    has_control = (tmp_path / "data" / "global" / "pg_control").exists()
    assert has_control == (step == STEPS["before the journal is removed"]), "until then no server starts there"
    restored = stored.restore(plan, stored.through(faulty_store))
    prove_whole(restored, programs17)
    backup = stored.backup(stored.full)
    fetched, all_of_them = len(chunks_asked_for(faulty_store, backup)), sum(len(a.chunks) for a in backup.archives)
    if list(STEPS.values()).index(step) < 2:
        assert fetched == all_of_them
    elif step == STEPS["in the middle of the files"]:
        assert 0 < fetched < all_of_them
    else:
        assert fetched <= 1, "postgresql.auto.conf alone was changed"


@pytest.mark.parametrize("step", OF_A_CHAIN.values(), ids=OF_A_CHAIN)
def test_a_chain_goes_on(
    stored: Stored,
    step: tuple[str, str, int],
    tmp_path: Path,
    run_dir: Path,
    programs17: PostgresPrograms,
    faulty_store: FaultProxy,
) -> None:
    into = run_dir / f"killed-{tmp_path.name}" / "data"
    plan = stored.plan(stored.increment, into)
    killed_at(step, stored, plan, tmp_path)
    restored = stored.restore(plan, stored.through(faulty_store), programs=programs17)
    prove_whole(restored, programs17)
    assert chunks_asked_for(faulty_store, stored.backup(stored.full)) == []
    with serving(restored, programs17) as cluster:
        assert rows(cluster, "SELECT count(*) FROM matter") == [(ROWS + 10,)]


@pytest.mark.parametrize("step", ["before the old one goes", "in the middle of the renames"])
def test_over_a_cluster_a_chain_goes_on(
    stored: Stored, old: Path, step: str, tmp_path: Path, programs17: PostgresPrograms, faulty_store: FaultProxy
) -> None:
    """A link of the host's is where it was, whenever the run was killed; no server starts meanwhile."""
    wal = tmp_path / "wal"
    shutil.move(old / "pg_wal", wal)
    (old / "pg_wal").symlink_to(wal)
    plan = stored.plan(stored.increment, old)
    killed_at(OF_A_CHAIN[step], stored, plan, tmp_path, delta=True)
    assert not (old / "global" / "pg_control").exists()
    restored = stored.restore(plan, stored.through(faulty_store), programs=programs17, delta=True)
    prove_whole(restored, programs17)
    assert (old / "pg_wal").readlink() == wal
    assert chunks_asked_for(faulty_store, stored.backup(stored.full)) == []


def test_another_plan_and_a_second_process_are_refused(stored: Stored, tmp_path: Path) -> None:
    plan = stored.plan(stored.full, tmp_path / "data")
    killed_at(STEPS["in the middle of the files"], stored, plan, tmp_path)
    other = plan.model_copy(update={"target": "immediate"})
    with pytest.raises(TargetNotEmpty):
        stored.restore(other)
    with held(tmp_path / "data"), pytest.raises(TargetInUse) as refused:
        stored.restore(plan)
    assert str(refused.value) == (
        f"another process is restoring into {tmp_path / 'data'}\n"
        "KEPT: everything; this run has not touched anything\n"
        "HINT: wait until it has finished; what it was killed over, the next run continues."
    )
    stored.restore(plan)
