"""``muniment tables FIRM`` and ``muniment database FIRM NAME``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import size
from muniment.cli.restore.in_place import (
    Answer,
    Servers,
    Ways,
    answer_by,
    asked_by,
    in_place_command,
    open_servers,
    planned,
    read_plan,
    require_one_way,
)
from muniment.cli.restore.second_person import approved, beside_live, subject
from muniment.cli.restore.sql_name import SqlName
from muniment.cli.session import Session
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.rows.table_plan import DatabasePlan, TablesPlan
    from muniment.runbooks.acts.second_person import Subject

_NAMED_TWICE = "the plan says which restored database takes its place: leave --restored out"
_LACKING = "--plan and --restored go together: which restored database takes its place?"


@in_place_command(
    "Tables or schemas as they were, beside the live ones or in their place.",
    click.option(
        "--table",
        "tables",
        multiple=True,
        type=SqlName("TableName"),
        metavar="SCHEMA.TABLE",
        help="As in SQL: capitals, blanks and signs between double quotes.",
    ),
    click.option(
        "--schema",
        "schemas",
        multiple=True,
        type=SqlName("Identifier"),
        metavar="SCHEMA",
        help="All of its tables. Written like --table.",
    ),
    click.option("--data-only", is_flag=True, help="Columns and rows, without keys, indexes, defaults and checks."),
)
def tables(session: Session, /, firm_id: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring tables of FIRM back out of a staged copy, into the live database under another schema's name.

    Nothing live is touched: practice.notes becomes practice_restored_<time>.notes. With --plan and --apply their rows
    take the place of the live ones instead, in one transaction, after approval; the rows of now are kept in
    practice_before_<time>. That is refused where other tables' rows name them, or where they have changed meanwhile.

    \b
    Beside:     muniment tables hudson --staged 20261121T083000123Z --table practice.notes
                … --table 'practice."TimeEntries"' --schema '"Firm Archive"'
    In place:   muniment tables hudson --staged 20261121T083000123Z --table practice.notes --plan plan.json
    Signed:     muniment approve plan.json.request
                … --apply plan.json --approval plan.json.request.sig
    """
    require_one_way(asked, "plan_path", "apply_path")
    servers = open_servers(session, firm_id, side, asked["staged"])
    ways: Ways = {
        "apply_path": lambda: _replace(session, servers, asked),
        "plan_path": lambda: _planned_tables(servers, asked),
    }
    answer_by(firm_id, ways, asked, otherwise=lambda: _beside(session, servers, asked), as_json=as_json)


def _selection(asked: dict[str, Any]) -> Any:
    from muniment.runbooks.rows.plan_tables import TableSelection

    return TableSelection(asked["tables"], asked["schemas"])


def _beside(session: Session, servers: Servers, asked: dict[str, Any]) -> Answer:
    from muniment.runbooks.rows.plan_tables import restore_tables

    which = ", ".join(map(str, (*asked["tables"], *asked["schemas"])))
    with beside_live(session, servers.firm, "tables beside", which):
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
    return {"database": found.database, "tables": told, "notes": found.notes, "lines": [*lines, *found.notes]}


def _planned_tables(servers: Servers, asked: dict[str, Any]) -> Answer:
    plan = _plan_tables(servers, asked)
    return planned(servers.firm, plan, _of_tables(plan), asked["plan_path"])


def _of_tables(plan: "TablesPlan") -> "Subject":
    return subject("tables", f"tables {', '.join(plan.tables)}", plan.sha256, plan.requested_by)


def _plan_tables(servers: Servers, asked: dict[str, Any]) -> "TablesPlan":
    from muniment.runbooks.rows.replace_tables import plan_replacement

    return plan_replacement(
        servers.firm,
        _selection(asked),
        staged=servers.staged,
        live=servers.live,
        requested_by=asked_by(),
        clock=utc_now,
        source=servers.source,
    )


def _replace(session: Session, servers: Servers, asked: dict[str, Any]) -> Answer:
    from muniment.domain.rows.table_plan import TablesPlan
    from muniment.runbooks.rows.replace_tables import replace_tables

    plan = read_plan(TablesPlan, asked["apply_path"])
    with approved(session, servers.firm, _of_tables(plan), asked["apply_path"], asked) as act:
        aside = replace_tables(servers.firm, plan, approval=act.approval, staged=servers.staged, live=servers.live)
        act.did["tables"] = len(plan.tables)
    lines = [f"{name} is as it was" for name in plan.tables]
    lines += [f"the rows of before are in schema {place}" for place in aside.values()]
    return {"database": plan.database, "replaced": list(plan.tables), "before": aside, "lines": lines}


@in_place_command(
    "One database as it was, beside the live one or in its place.",
    click.option("--restored", metavar="NAME", help="For --plan: the database that takes NAME's place."),
    argument=click.argument("database_name", metavar="NAME"),
)
def database(session: Session, /, firm_id: str, database_name: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring database NAME of FIRM back out of a staged copy, into the live cluster as NAME_restored_<time>.

    NAME, and that of --restored, is the database's name as it is, without quotes of SQL's: 'Firm Archive'.

    Nothing live is touched. With --plan and --apply it takes NAME's place then, after approval: both names change in
    one transaction, sessions are ended, and what was live is kept as NAME_before_<time>, closed to everybody.

    \b
    Beside:     muniment database hudson practice --staged 20261121T083000123Z
    In place:   … --restored practice_restored_20261121t093000000z --plan plan.json
    Signed:     muniment approve plan.json.request
                … --apply plan.json --approval plan.json.request.sig
    """
    require_one_way(asked, "plan_path", "apply_path", misuses=_misuses(asked))
    servers = open_servers(session, firm_id, side, asked["staged"])
    ways: Ways = {
        "apply_path": lambda: _swap(session, servers, database_name, asked),
        "plan_path": lambda: _planned_swap(servers, database_name, asked),
    }

    def beside() -> Answer:
        return _restore_database(session, servers, database_name)

    answer_by(firm_id, ways, asked, otherwise=beside, as_json=as_json)


def _misuses(asked: dict[str, Any]) -> Iterator[str]:
    if asked["apply_path"] and not asked["plan_path"]:
        if asked["restored"]:
            yield _NAMED_TWICE
    elif bool(asked["plan_path"]) != bool(asked["restored"]):
        yield _LACKING


def _restore_database(session: Session, servers: Servers, name: str) -> Answer:
    from muniment.runbooks.rows.restore_database import restore_database

    with beside_live(session, servers.firm, "database beside", f"database {name}"):
        found = restore_database(servers.firm, name, staged=servers.staged, live=servers.live, clock=utc_now)
    line = f"database {found.of} of {servers.source} is in {found.name} ({size(found.size_bytes)})"
    told = {"database": found.of, "restored": found.name, "size_bytes": found.size_bytes, "notes": found.notes}
    return {**told, "lines": [line, *found.notes]}


def _planned_swap(servers: Servers, name: str, asked: dict[str, Any]) -> Answer:
    plan = _plan_swap(servers, name, asked)
    return planned(servers.firm, plan, _of_database(plan), asked["plan_path"])


def _of_database(plan: "DatabasePlan") -> "Subject":
    return subject("database", f"database {plan.database}", plan.sha256, plan.requested_by)


def _plan_swap(servers: Servers, name: str, asked: dict[str, Any]) -> "DatabasePlan":
    from muniment.runbooks.rows.restore_database import plan_swap

    return plan_swap(servers.firm, asked["restored"], name, live=servers.live, requested_by=asked_by(), clock=utc_now)


def _swap(session: Session, servers: Servers, name: str, asked: dict[str, Any]) -> Answer:
    from muniment.domain.rows.table_plan import DatabasePlan
    from muniment.runbooks.rows.restore_database import swap_database

    plan = read_plan(DatabasePlan, asked["apply_path"])
    if (plan.firm, plan.database) != (servers.firm.id, name):
        message = f"{asked['apply_path']} is a plan of database {plan.database} of {plan.firm}"
        raise click.UsageError(message)
    with approved(session, servers.firm, _of_database(plan), asked["apply_path"], asked) as act:
        swap_database(servers.firm, plan, approval=act.approval, live=servers.live)
    line = f"{plan.restored} is {plan.database} now; what was live is kept as {plan.before}"
    return {"database": plan.database, "before": plan.before, "lines": [line]}
