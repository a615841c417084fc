"""Progress on stderr: bars where a person looks at a terminal, a line every ten seconds anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from muniment.adapters.progress_lines import LineProgress
from muniment.domain.progress import Pace, Unit
from muniment.ports import Progress, Step


@contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield LineProgress(lambda line: print(line, file=sys.stderr, flush=True))
        return
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), PaceColumn())
    with Bars(*columns, console=console) as bars:
        yield BarProgress(bars, console)


class PaceColumn(ProgressColumn):
    """``1.2 GiB of 3.4 GiB (35 %), 120.3 MiB/s, 18.0 s left``."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        total = None if task.total is None else int(task.total)
        unit: Unit = task.fields["unit"]
        return Text(str(Pace(int(task.completed), total, unit, task.elapsed or 0.0)), style="cyan")


class BarProgress:
    """``ports.Progress`` on rich's bars, one for each step; a finished one stays as the record of what was done."""

    def __init__(self, bars: Bars, console: Console) -> None:
        self._bars = bars
        self._console = console

    @contextmanager
    def step(self, name: str, total: int | None, unit: Unit) -> Iterator[Step]:
        task = self._bars.add_task(name, total=total, unit=unit)
        yield BarStep(self._bars, task)
        self._bars.stop_task(task)

    def note(self, text: str) -> None:
        self._console.print(Text(text))


class BarStep:
    """rich locks for us: both may be called from any thread."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: int) -> None:
        self._bars.advance(self._task, amount)

    def expect(self, total: int) -> None:
        self._bars.update(self._task, total=total)
