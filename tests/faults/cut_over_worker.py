"""Carries out a cut-over and kills itself at a step: before it, while its program runs, or before it is noted as done.

"During" a copy is when nothing of it is known to be on disk yet.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from muniment.adapters.cut_over import directory_move as swap
from muniment.adapters.host import programs
from muniment.domain.restore.cut_over import Step
from muniment.runbooks.cut_over import cut_over as runbook
from muniment.runbooks.cut_over.steps import STEPS, Changes, Stage
from tests.support.cut_overs import Portable

type When = Literal["before", "during", "after"]


@dataclass(frozen=True)
class Death:
    """At the first step that is not earlier in ``order`` than ``step``; ``told`` gets a line that says which it was."""

    step: Step
    when: When
    order: Sequence[Step]
    told: Path

    def comes(self, step: Step) -> bool:
        return step in self.order and self.order.index(step) >= self.order.index(self.step)

    def die(self, step: Step) -> NoReturn:
        with self.told.open("a") as file:
            file.write(f"{step} {self.when}\n")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def work(portable: Portable, direction: str, death: Death) -> None:
    """The body of the process."""
    for step in STEPS:
        STEPS[step] = _dying(step, STEPS[step], death)  # type: ignore[index]
    at = portable.stage()
    if direction == "forward":
        runbook.cut_over(at, portable.order)
    else:
        runbook.roll_back(at, portable.order.id, why="wrong night", by="test")


def _dying(step: Step, carry_out: Any, death: Death) -> Any:
    def carried_out(at: Stage, journal: Any) -> Changes:
        if not death.comes(step):
            return carry_out(at, journal)  # type: ignore[no-any-return]
        if step != death.step:
            # What was abandoned has ended by itself, and its step is done: else all that follow would be a moment late.
            replace(death, when="before").die(step)
        if death.when == "before":
            death.die(step)
        if death.when == "during":
            if step == "bring beside":
                swap._sync_tree = lambda root: death.die(step)
            else:
                programs.subprocess.run = _abandoned(step, death)  # type: ignore[attr-defined]
        carry_out(at, journal)
        return death.die(step)

    return carried_out


def _abandoned(step: Step, death: Death) -> Any:
    """The program goes on when we are gone."""

    def run(argv: Sequence[str], **options: Any) -> NoReturn:
        stdin = subprocess.PIPE if "input" in options else subprocess.DEVNULL
        program = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if program.stdin is not None:
            program.stdin.write(options["input"].encode())
            program.stdin.close()
        death.die(step)

    return run
