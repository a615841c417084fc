"""Results on stdout: tables for people, JSON for programs."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from muniment.domain.record import Record

# Wide enough that a table in a file or a pipe is never folded.
_PIPE_WIDTH = 240
# Tables of up to so many columns hold sentences, which fold well.
_SENTENCES = 3
_UNFOLDED = 100_000
_NO_BREAK = "\N{NO-BREAK SPACE}"


def say_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def as_plain(document: "Record") -> dict[str, Any]:
    """A register as the vault holds it: docs/vault-format.md and docs/drills.md name the fields."""
    plain: dict[str, Any] = json.loads(document.to_json())
    return plain


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A column whose name ends in ``>`` is set flush right, as numbers are.

    Where the terminal is too narrow for it, a block a row instead: an id that was cut off cannot be copied.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = list(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    for row in found:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=sys.stdout, width=paper_width())
    wanted = console.measure(table, options=console.options.update(width=_UNFOLDED)).maximum
    if len(columns) > _SENTENCES and wanted > console.width:
        _say_blocks(columns, found, console.width)
    else:
        console.print(table)


def paper_width() -> int:
    """Columns of the terminal; of a file or a pipe, enough that no table is ever folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def _say_blocks(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> None:
    """Each row's first value on a line of its own, then the others by name; none is broken where it has room."""
    names = [column.removesuffix(">") for column in columns[1:]]
    for first, *others in rows:
        values = (f"{name} {value}".replace(" ", _NO_BREAK) for name, value in zip(names, others, strict=True))
        lines = wrap(" · ".join(values), width - 2, break_long_words=False, break_on_hyphens=False)
        click.echo("\n".join((first, *(f"  {line}".replace(_NO_BREAK, " ") for line in lines))))


def size(size_bytes: float) -> str:
    """``1.1 GiB``."""
    from muniment.domain.units import human_size

    return human_size(size_bytes)


def lasting(seconds: float) -> str:
    """``4 min 05 s``."""
    from muniment.domain.units import human_duration

    return human_duration(seconds)


def when(instant: datetime | None) -> str:
    """``2026-11-20 08:30:00 UTC``."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "—"
