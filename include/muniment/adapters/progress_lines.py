"""Progress as lines of text, every few seconds, also when nothing moves: for task logs, cron mail and files."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from muniment.domain.progress import Pace, Unit
from muniment.ports import Step

EVERY_S = 10.0


@dataclass
class CountedStep:
    """Counts from any thread; ``line`` is what a person reads."""

    name: str
    total: int | None
    unit: Unit
    seconds: Callable[[], float] = time.monotonic
    done: int = 0
    started: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.started = self.seconds()

    def advance(self, amount: int) -> None:
        with self._lock:
            self.done += amount

    def expect(self, total: int) -> None:
        self.total = total

    def line(self) -> str:
        return f"{self.name}: {self._pace()}"

    def summary(self) -> str:
        return f"{self.name}: {self._pace().summary}"

    def _pace(self) -> Pace:
        return Pace(self.done, self.total, self.unit, self.seconds() - self.started)


class LineProgress:
    """``ports.Progress`` over anything that takes a line."""

    def __init__(self, write: Callable[[str], None], every_s: float = EVERY_S) -> None:
        self._write = write
        self._every_s = every_s

    @contextmanager
    def step(self, name: str, total: int | None, unit: Unit) -> Iterator[Step]:
        step = CountedStep(name, total, unit)
        ended = threading.Event()
        reporter = threading.Thread(target=self._report, args=(step, ended), name=f"progress {name}", daemon=True)
        reporter.start()
        try:
            yield step
        finally:
            ended.set()
            reporter.join()
        self._write(step.summary())

    def note(self, text: str) -> None:
        self._write(text)

    def _report(self, step: CountedStep, ended: threading.Event) -> None:
        while not ended.wait(self._every_s):
            self._write(step.line())
