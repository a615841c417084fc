"""What a drill has done so far: kept outside of what may fail."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from muniment.domain.drill.evidence import DrillTarget, RestoreFigures
from muniment.domain.evidence import Check, TimedStep
from muniment.ports import Progress


@dataclass
class Record:
    """Seconds count from its making, as the drill begins."""

    progress: Progress
    began: float = field(default_factory=time.monotonic)
    target: DrillTarget | None = None
    plan: tuple[str, ...] = ()
    steps: list[TimedStep] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    not_proven: tuple[str, ...] = ()
    figures: RestoreFigures | None = None
    recover_s: float | None = None
    data_lost_s: float | None = None
    proving_s: float = 0.0
    """Spent on proofs before the server answered: no restore in earnest would wait for them."""

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begins_s, finished = self.elapsed_s, False
        try:
            yield
            finished = True
        finally:
            seconds = self.elapsed_s - begins_s
            self.steps.append(TimedStep(name=name, begins_s=begins_s, seconds=seconds, finished=finished))
            self.progress.note(f"{name}: {seconds:.1f} s")

    @property
    def last_step_s(self) -> float:
        return self.steps[-1].seconds

    def found(self, checks: Iterable[Check]) -> None:
        """Each with the time since the one before it."""
        before = self.elapsed_s
        for check in checks:
            self.checks.append(check.model_copy(update={"seconds": self.elapsed_s - before}))
            before = self.elapsed_s

    def answered(self) -> None:
        self.recover_s = self.elapsed_s - self.proving_s
