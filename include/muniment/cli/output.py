"""Results on stdout: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from muniment.domain.record import Record

# Wide enough that a table in a file or a pipe is never folded.
_PIPE_WIDTH = 240


def say_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def as_plain(document: "Record") -> dict[str, Any]:
    """A register as the vault holds it: docs/vault-format.md and docs/drills.md name the fields."""
    plain: dict[str, Any] = json.loads(document.to_json())
    return plain


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A column whose name ends in ``>`` is set flush right, as numbers are."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


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
