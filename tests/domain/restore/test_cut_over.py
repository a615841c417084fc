"""What comes next, from what lies on the disk: by table, and for every moment at which a run may be killed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from muniment.domain.approval import Approval, Waiver
from muniment.domain.restore.cut_over import (
    CutOver,
    Safety,
    Seen,
    Step,
    StepDone,
    next_step,
    tablespace_place,
)
from muniment.domain.vault.registers import ControlTotals
from muniment.domain.wal.names import Lsn

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
JOURNAL = CutOver(
    id="20261121T100000000Z",
    firm="acme",
    plan_sha256="ab" * 32,
    asked_by="engineer",
    approval=Approval(by="lead", at=AT, plan_sha256="ab" * 32),
    safety=Safety(waiver=Waiver(by="engineer", reason="none")),
    system_identifier=7,
    staged="/srv/staging/data",
    live="/srv/live",
    had_live=True,
    was_running=True,
    timeline=2,
    begun_at=AT,
)
START = Seen(staged=True, staging_runs=True, incoming=False, aside=False, live=True, live_runs=True)

# What each step changes on the disk.
EFFECTS: dict[Step, dict[str, bool]] = {
    "stop staging": {"staging_runs": False},
    "bring beside": {"staged": False, "incoming": True},
    "stop live": {"live_runs": False},
    "set aside": {"live": False, "aside": True},
    "put in place": {"incoming": False, "live": True},
    "start": {"live_runs": True},
    "stop the new": {"live_runs": False},
    "take away": {"live": False, "incoming": True},
    "put back": {"aside": False, "live": True},
    "start the old": {"live_runs": True},
    "return to staging": {"incoming": False, "staged": True},
}


def done(journal: CutOver, step: Step) -> CutOver:
    told = journal.model_copy(update={"steps": (*journal.steps, StepDone(step=step, began_at=AT, ended_at=AT))})
    if step == "read control totals":
        totals = ControlTotals(lsn=Lsn(1), read_at=AT, counts={}, sums={})
        return told.model_copy(update={"totals": totals})
    return told


def walk(journal: CutOver, seen: Seen) -> tuple[list[Step], list[tuple[CutOver, Seen]]]:
    """The steps to the end, and every state that a kill can leave: before a step, and after it without its note."""
    steps, states = [], []
    while step := next_step(journal, seen):
        states.append((journal, seen))
        seen = replace(seen, **EFFECTS.get(step, {}))
        states.append((journal, seen))
        journal = done(journal, step)
        steps.append(step)
        assert len(steps) < 40
    states.append((journal, seen))
    return steps, states


def back(journal: CutOver) -> CutOver:
    return journal.model_copy(update={"direction": "back"})


def test_the_whole_way_in_order() -> None:
    steps, states = walk(JOURNAL, START)
    every = get_args(Step.__value__)
    assert steps == list(every[: every.index("stop the new")])
    assert states[-1][1].serves(JOURNAL) == "new"


@pytest.mark.parametrize("had_live", [True, False])
def test_after_a_kill_at_any_moment_the_next_run_arrives_and_so_does_the_way_back(had_live: bool) -> None:
    journal = JOURNAL.model_copy(update={"had_live": had_live, "was_running": had_live})
    start = START if had_live else replace(START, live=False, live_runs=False)
    for left, seen in walk(journal, start)[1]:
        end = walk(left, seen)[1][-1][1]
        assert (end.serves(journal), end.live_runs, end.incoming) == ("new", True, False)
        for half_way, still in walk(back(left), seen)[1]:
            gone = walk(half_way, still)[1][-1][1]
            assert gone.serves(journal) == ("old" if had_live else "neither")
            assert (gone.live_runs, gone.aside, gone.incoming, gone.staged) == (had_live, False, False, True)


def test_who_serves_is_whose_server_runs() -> None:
    between = replace(START, staged=False, staging_runs=False, incoming=True, aside=True, live=False, live_runs=False)
    assert START.serving(JOURNAL) == "old"
    assert between.serving(JOURNAL) == "nobody"
    placed = replace(between, live=True, incoming=False)
    assert placed.serving(JOURNAL) == "nobody"
    assert replace(placed, live_runs=True).serving(JOURNAL) == "new"
    released = JOURNAL.model_copy(update={"outcome": "released"})
    assert replace(placed, live_runs=True, aside=False).serving(released) == "new"


def test_no_step_ever_moves_a_directory_in_which_a_server_runs() -> None:
    moving = {"set aside", "put in place", "take away", "put back"}
    for left, seen in [*walk(JOURNAL, START)[1], *walk(back(JOURNAL), replace(START, aside=True, staged=False))[1]]:
        step = next_step(left, seen)
        if step in moving and seen.live:
            assert not seen.live_runs


def test_a_cluster_that_did_not_run_is_not_started_on_the_way_back() -> None:
    down = JOURNAL.model_copy(update={"was_running": False, "direction": "back"})
    seen = Seen(staged=False, staging_runs=False, incoming=True, aside=True, live=False, live_runs=False)
    assert walk(down, seen)[0] == ["put back", "return to staging"]


@pytest.mark.parametrize(
    ("old", "place"),
    [
        ("/mnt/ssd", "/mnt/ssd/restored-X"),
        ("/mnt/ssd/restored-W", "/mnt/ssd/restored-X"),
        (None, "/srv/live-tablespaces/16401-X"),
    ],
)
def test_a_tablespace_comes_to_lie_below_the_old_ones_folder(old: str | None, place: str) -> None:
    assert tablespace_place(old, "/srv/live", 16401, "X") == place
