"""``muniment config FIRM --at POINT``."""

import json
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import say_json, say_table, when
from muniment.cli.session import Session, firm_argument, json_option, side_option
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.config.difference import ConfigDifference, NamesChanged, TableDifference


@click.command(short_help="What changed in the configuration since a night.")
@firm_argument
@click.option("--at", "config_id", required=True, metavar="POINT", help="A recovery point's id, or latest.")
@side_option
@json_option
@click.pass_obj
def config(session: Session, firm_id: str, config_id: str, side: Any, *, as_json: bool) -> None:
    """FIRM's configuration of one night beside the one of now: .env files, the server's own
    files, secrets and settings tables.

    Shows names and what became of them, never a value. Reads only.

    \b
    What was changed today?  muniment config harbor-lane --at 20261120T083000123Z
    """
    from muniment.runbooks.config.compare_config import compare_config

    site = session.site(firm_id)
    found = compare_config(site, vault=site.vault(side), config_id=config_id, clock=utc_now)
    if as_json:
        plain: dict[str, Any] = json.loads(found.to_json())
        say_json({**plain, "same": found.is_same})
        return
    say_table(("", "name", "since then", "what"), list(_rows(found)))
    click.echo(f"configuration of {when(found.taken_at)} against now: {'the same' if found.is_same else 'changed'}")


def _rows(found: "ConfigDifference") -> "list[tuple[str, str, str, str]]":
    files = [
        ("file", f.path, f.presence, ", ".join(filter(None, (_names(f.keys), "mode" if f.mode_changed else ""))))
        for f in found.env_files
    ]
    files += [("server's file", f.path, f.presence, _names(f.keys)) for f in found.server_files]
    secrets = [("secret", secret.name, secret.presence, "") for secret in found.secrets]
    tables = [("table", table.table, table.presence, _table(table)) for table in found.tables]
    return [*files, *secrets, *tables, *(("unreadable", fault, "", "") for fault in found.unreadable)]


def _table(table: "TableDifference") -> str:
    columns = f"columns {_names(table.columns)}" if not table.columns.is_empty else ""
    rows = _names(table.rows) if table.rows else ""
    if not rows and (table.rows_added or table.rows_removed):
        rows = f"{table.rows_added} rows more, {table.rows_removed} rows less"
    return ", ".join(filter(None, (columns, rows)))


def _names(names: "NamesChanged") -> str:
    """``+ADDED ~CHANGED -REMOVED``."""
    told = [f"+{name}" for name in names.added] + [f"~{name}" for name in names.changed]
    told += [f"-{name}" for name in names.removed] + (["other lines"] if names.others_changed else [])
    return " ".join(told)
