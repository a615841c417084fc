"""``muniment tables FIRM`` and ``muniment database FIRM NAME``."""

import json
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import say_json, size
from muniment.cli.restore.in_place import (
    Servers,
    approval_of,
    asked_by,
    open_servers,
    plan_options,
    read_plan,
    require_one_way,
    staged_option,
    write_new,
)
from muniment.cli.session import Session, firm_argument, json_option, side_option
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.rows.table_plan import DatabasePlan, TablesPlan


@click.command(short_help="Tables or schemas as they were, beside the live ones or in their place.")
@firm_argument
@staged_option
@click.option("--table", "tables", multiple=True, metavar="SCHEMA.TABLE")
@click.option("--schema", "schemas", multiple=True, metavar="SCHEMA", help="All of its tables.")
@click.option("--data-only", is_flag=True, help="Columns and rows, without keys, indexes, defaults and checks.")
@plan_options
@side_option
@json_option
@click.pass_obj
def tables(session: Session, /, firm_id: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring tables of FIRM back out of a staged copy, into the live database under another schema's name.

    Nothing live is touched: practice.notes becomes practice_restored_<time>.notes. With --plan and --apply their rows
    take the place of the live ones instead, in one transaction, after approval; the rows of now are kept in
    practice_before_<time>. That is refused where other tables' rows name them, or where they have changed meanwhile.

    \b
    Beside:     muniment tables hudson --staged 20261121T083000123Z --table practice.notes
    In place:   muniment tables hudson --staged 20261121T083000123Z --table practice.notes --plan plan.json
                … --apply plan.json --approved-by lead
    """
    require_one_way(asked, "plan_path", "apply_path")
    servers = open_servers(session, firm_id, side, asked["staged"])
    if asked["apply_path"]:
        answer = _replace(servers, asked)
    elif asked["plan_path"]:
        plan = _plan_tables(servers, asked)
        write_new(asked["plan_path"], plan)
        answer = {"plan": json.loads(plan.to_json()), "sha256": plan.sha256, "lines": list(plan.lines())}
    else:
        answer = _beside(servers, asked)
    lines = answer.pop("lines")
    if as_json:
        say_json({"firm": firm_id, **answer})
        return
    for line in lines:
        click.echo(line)


def _selection(asked: dict[str, Any]) -> Any:
    from muniment.runbooks.rows.plan_tables import TableSelection

    return TableSelection(asked["tables"], asked["schemas"])


def _beside(servers: Servers, asked: dict[str, Any]) -> dict[str, Any]:
    from muniment.runbooks.rows.plan_tables import restore_tables

    found = restore_tables(
        servers.firm,
        _selection(asked),
        staged=servers.staged,
        live=servers.live,
        clock=utc_now,
        with_structure=not asked["data_only"],
    )
    told = {name: {"restored": place, "rows": rows} for name, (place, rows) in found.tables.items()}
    lines = [f"{name} is in {place}: {rows} rows" for name, (place, rows) in found.tables.items()]
    return {"database": found.database, "tables": told, "lines": lines}


def _plan_tables(servers: Servers, asked: dict[str, Any]) -> "TablesPlan":
    from muniment.runbooks.rows.replace_tables import plan_replacement

    return plan_replacement(
        servers.firm,
        _selection(asked),
        staged=servers.staged,
        live=servers.live,
        requested_by=asked_by(asked["by"]),
        clock=utc_now,
        source=servers.source,
    )


def _replace(servers: Servers, asked: dict[str, Any]) -> dict[str, Any]:
    from muniment.domain.rows.table_plan import TablesPlan
    from muniment.runbooks.rows.replace_tables import replace_tables

    plan = read_plan(TablesPlan, asked["apply_path"])
    approval = approval_of(plan.sha256, asked["approved_by"])
    aside = replace_tables(servers.firm, plan, approval=approval, staged=servers.staged, live=servers.live)
    lines = [f"{name} is as it was" for name in plan.tables]
    lines += [f"the rows of before are in schema {place}" for place in aside.values()]
    return {"database": plan.database, "replaced": list(plan.tables), "before": aside, "lines": lines}


@click.command(short_help="One database as it was, beside the live one or in its place.")
@firm_argument
@click.argument("database_name", metavar="NAME")
@staged_option
@click.option("--restored", metavar="NAME", help="For --plan: the database that takes NAME's place.")
@plan_options
@side_option
@json_option
@click.pass_obj
def database(session: Session, /, firm_id: str, database_name: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring database NAME of FIRM back out of a staged copy, into the live cluster as NAME_restored_<time>.

    Nothing live is touched. With --plan and --apply it takes NAME's place then, after approval: both names change in
    one transaction, sessions are ended, and what was live is kept as NAME_before_<time>, closed to everybody.

    \b
    Beside:     muniment database hudson practice --staged 20261121T083000123Z
    In place:   … --restored practice_restored_20261121t093000000z --plan plan.json
                … --apply plan.json --approved-by lead
    """
    require_one_way(asked, "plan_path", "apply_path")
    if bool(asked["plan_path"]) != bool(asked["restored"]):
        message = "--plan and --restored go together: which restored database takes its place?"
        raise click.UsageError(message)
    servers = open_servers(session, firm_id, side, asked["staged"])
    if asked["apply_path"]:
        answer = _swap(servers, asked)
    elif asked["plan_path"]:
        plan = _plan_swap(servers, database_name, asked)
        write_new(asked["plan_path"], plan)
        answer = {"plan": json.loads(plan.to_json()), "sha256": plan.sha256, "lines": list(plan.lines())}
    else:
        answer = _restore_database(servers, database_name)
    lines = answer.pop("lines")
    if as_json:
        say_json({"firm": firm_id, **answer})
        return
    for line in lines:
        click.echo(line)


def _restore_database(servers: Servers, name: str) -> dict[str, Any]:
    from muniment.runbooks.rows.restore_database import restore_database

    found = restore_database(servers.firm, name, staged=servers.staged, live=servers.live, clock=utc_now)
    line = f"database {found.of} of {servers.source} is in {found.name} ({size(found.size_bytes)})"
    return {"database": found.of, "restored": found.name, "size_bytes": found.size_bytes, "lines": [line]}


def _plan_swap(servers: Servers, name: str, asked: dict[str, Any]) -> "DatabasePlan":
    from muniment.runbooks.rows.restore_database import plan_swap

    by = asked_by(asked["by"])
    return plan_swap(servers.firm, asked["restored"], name, live=servers.live, requested_by=by, clock=utc_now)


def _swap(servers: Servers, asked: dict[str, Any]) -> dict[str, Any]:
    from muniment.domain.rows.table_plan import DatabasePlan
    from muniment.runbooks.rows.restore_database import swap_database

    plan = read_plan(DatabasePlan, asked["apply_path"])
    swap_database(servers.firm, plan, approval=approval_of(plan.sha256, asked["approved_by"]), live=servers.live)
    line = f"{plan.restored} is {plan.database} now; what was live is kept as {plan.before}"
    return {"database": plan.database, "before": plan.before, "lines": [line]}
