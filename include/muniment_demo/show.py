"""What a person sees of the demonstration: phases, the night as it goes, the recovery points, the comparison."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from muniment.domain import chain_steps as named
from muniment.domain.firm.firm import Firm
from muniment.domain.units import human_duration, human_size
from muniment.domain.vault.registers import Point
from muniment_demo.airflow_api import TaskState
from muniment_demo.night import Comparison
from muniment_demo.on_call import Told

# Task → its column's name, short enough for eighty characters a line.
CHAIN = {
    named.CHECK_FIRM: "check",
    named.BASE_BACKUP: "base",
    named.VERIFY_WAL_CHECKPOINT: "wal",
    named.SYNC_DOCUMENTS: "documents",
    named.BACK_UP_CONFIG: "config",
    named.COPY_TO_REPLICA: "copy",
    named.REGISTER_RECOVERY_POINT: "register",
    named.EXPIRE: "expire",
}
# Where nobody looks through a terminal's window: a log, or CI's.
_PAPER_WIDTH = 120
# The names of the vaults fit beside their regions.
_WIDE = 110
_MARKS = {
    "success": ("✓", "green"),
    "running": ("▶", "cyan"),
    "failed": ("✗", "bold red"),
    "upstream_failed": ("✗", "red"),
    "up_for_retry": ("↻", "yellow"),
    "queued": ("·", "dim"),
    "scheduled": ("·", "dim"),
}


def make_console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _PAPER_WIDTH)
    return console


@dataclass(slots=True)
class Show:
    """Writes to one console. On a terminal the night is a table that changes; elsewhere, a line a change."""

    console: Console = field(default_factory=make_console)

    def title(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """One line when it has succeeded; what failed is said by whoever catches it."""
        began = time.monotonic()
        yield
        self.console.print(f"  [green]✓[/green] {name} [dim]{human_duration(time.monotonic() - began)}[/dim]")

    @contextmanager
    def night(self, firms: Mapping[str, Firm]) -> Iterator["NightBoard"]:
        board = NightBoard(self.console, {f"{firm_id}__backup": firm_id for firm_id in firms})
        with Live(console=self.console, auto_refresh=False) as live:
            board.live = live if self.console.is_terminal else None
            yield board
        if board.live is None:
            self.console.print(board.table())

    def points(self, points: Mapping[str, Point], firms: Mapping[str, Firm], seconds: Mapping[str, float]) -> None:
        wide = self.console.width >= _WIDE
        table = Table(title="Recovery points", title_style="bold", title_justify="left", header_style="bold")
        table.box, table.pad_edge, table.padding = SIMPLE_HEAD, False, (0, int(wide), 0, 0)
        table.add_column("firm\ntier")
        table.add_column("kind\nin")
        table.add_column("size\nstored", justify="right")
        table.add_column("documents", justify="right")
        table.add_column("stored in", overflow="fold")
        table.add_column("window\nuntil")
        table.add_column("verified")
        for firm_id, point in points.items():
            table.add_row(*_point_cells(firms[firm_id], point, seconds.get(firm_id), wide=wide))
            table.add_section()
        self.console.print(table)

    def log(self, lines: Sequence[str]) -> None:
        self.console.print()
        for line in lines:
            self.console.print(Text(f"  {line}", "dim"))

    def told(self, arrived: Sequence[Told]) -> None:
        table = Table("at", "by", "subject", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        for each in arrived:
            table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}Z", each.by, Text(each.subject))
        self.console.print(table if arrived else "  nobody was told anything yet")

    def comparison(self, firm: Firm, point: Point, compared: Sequence[Comparison]) -> None:
        title = f"{firm.name}: registered at {point.control_totals.lsn}, and restored"
        table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
        table.add_column("control total")
        table.add_column("recovery point", justify="right")
        table.add_column("restored", justify="right")
        table.add_column("")
        for one in compared:
            mark = Text("✓", "green") if one.matches else Text("✗ differs", "bold red")
            table.add_row(one.name, one.registered, one.restored, mark)
        self.console.print(table)


@dataclass(slots=True)
class NightBoard:
    """Firms down, the chain's tasks across."""

    console: Console
    firms: Mapping[str, str]
    """DAG id → firm id."""
    live: Live | None = None
    _states: dict[tuple[str, str], TaskState] = field(default_factory=dict)
    _began: dict[tuple[str, str], float] = field(default_factory=dict)

    def update(self, tasks: Sequence[TaskState]) -> None:
        for task in tasks:
            place = (task.dag_id, task.task_id)
            before = self._states.get(place)
            self._states[place] = task
            if task.state == "running":
                self._began.setdefault(place, time.monotonic())
            if self.live is None and (before is None or before.state != task.state):
                self._tell(task)
        if self.live is not None:
            self.live.update(self.table(), refresh=True)

    def table(self) -> Table:
        table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("firm", no_wrap=True)
        for column in CHAIN.values():
            table.add_column(column, min_width=7, no_wrap=True)
        for dag_id, firm_id in self.firms.items():
            table.add_row(firm_id, *(self._cell(dag_id, task_id) for task_id in CHAIN))
        return table

    def _cell(self, dag_id: str, task_id: str) -> Text:
        task = self._states.get((dag_id, task_id))
        if task is None or task.state is None:
            return Text("")
        mark, style = _MARKS.get(task.state, (task.state, "yellow"))
        seconds = task.seconds
        if task.state == "running":
            seconds = time.monotonic() - self._began[dag_id, task_id]
        return Text(f"{mark} {seconds:.0f} s" if seconds else mark, style)

    def _tell(self, task: TaskState) -> None:
        if task.state in {"running", "success", "failed", "up_for_retry"}:
            took = f" {human_duration(task.seconds)}" if task.seconds and task.state != "running" else ""
            self.console.print(f"  {self.firms[task.dag_id]}: {task.task_id} {task.state}{took}")


def _point_cells(firm: Firm, point: Point, seconds: float | None, *, wide: bool) -> Iterator[str | Text]:
    yield f"{firm.id}\n{firm.tier}"
    yield f"{point.kind}\n{human_duration(seconds) if seconds is not None else ''}"
    yield f"{human_size(point.size_bytes)}\n{human_size(point.stored_bytes)}"
    yield f"{point.document_count}\n{human_size(point.document_bytes)}"
    yield "\n".join(
        f"{place.region} {place.bucket}" if wide else place.region
        for place in (firm.vaults.primary, firm.vaults.replica)
    )
    window = point.windows[-1]
    yield f"{_clock(window.start_at)}\n{_clock(window.end_at)}"
    replica = f"✓ {_clock(point.verified_replica_at)}" if point.verified_replica_at else "not yet"
    yield Text(f"✓ {_clock(point.verified_primary_at)}\n{replica}", "green" if point.verified_replica_at else "yellow")


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M:%S}Z" if at else "now"
