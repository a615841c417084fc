"""What the commands for parts of a database have in common: their options, the two servers, plan, apply and undo."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from muniment.cli.output import say_json
from muniment.cli.restore.second_person import FILE, apply_option, approval_option, asked_for
from muniment.cli.session import Session, firm_argument, json_option, side_option

if TYPE_CHECKING:
    from muniment.adapters.postgres.server import PostgresServer
    from muniment.adapters.site.site import Side
    from muniment.domain.firm.firm import Firm
    from muniment.domain.record import Record
    from muniment.runbooks.acts.second_person import Subject

_STAGING_ID = re.compile(r"\d{8}T\d{9}Z")

type Decorated = Callable[..., Any]
type Decorator = Callable[[Any], Any]


class Plan(Protocol):
    """What a person approves, as a record and as lines."""

    @property
    def sha256(self) -> str: ...

    def to_json(self) -> bytes: ...

    def lines(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Servers:
    """``at``: the instant that the staged one was recovered to, where its record tells."""

    firm: "Firm"
    staged: "PostgresServer"
    live: "PostgresServer"
    source: str
    at: datetime | None


type Answer = dict[str, Any]
"""What ``--json`` prints, and under ``lines`` what a person is told instead."""
type Ways = Mapping[str, Callable[[], Answer]]
"""What each of the options does that say to do something."""

_STAGED = click.option(
    "--staged",
    required=True,
    metavar="STAGED",
    help="A staging's id (muniment staging list), or libpq's connection string of a restored copy, without a password.",
)
# The two ways of everything that changes what is live: a plan into a file, and that file carried out.
_PLAN_AND_APPLY = (
    click.option("--plan", "plan_path", type=FILE, help="Write the plan into this new file, and what is to be signed."),
    apply_option,
    approval_option,
)
UNDO = (
    click.option("--undo", "undo_path", type=FILE, help="Take back what a restore wrote: the file that it kept."),
    click.option("--keep", "keep_path", type=FILE, help="Where what is overwritten is kept. Default: beside the plan."),
)


def in_place_command(
    short_help: str,
    *options: Decorator,
    argument: Decorator | None = None,
    more: Sequence[Decorator] = (),
) -> Callable[[Decorated], click.Command]:
    """FIRM, perhaps an ``argument``, the command's own ``options``, the ways to carry it out, and ``more`` of them."""
    arguments = [firm_argument, *([argument] if argument else [])]
    around = [*arguments, _STAGED, *options, *_PLAN_AND_APPLY, *more, side_option, json_option, click.pass_obj]

    def decorate(command: Decorated) -> click.Command:
        for decorator in reversed(around):
            command = decorator(command)
        return click.command(short_help=short_help)(command)

    return decorate


def answer_by(
    firm_id: str, ways: Ways, asked: Mapping[str, Any], *, otherwise: Callable[[], Answer], as_json: bool
) -> None:
    """Does what the option says that was given, ``otherwise`` where none of ``ways`` was, and tells what came of it."""
    act = next((ways[option] for option in ways if asked[option]), otherwise)
    answer = act()
    lines = answer.pop("lines")
    if as_json:
        say_json({"firm": firm_id, **answer})
        return
    for line in lines:
        click.echo(line)


def planned(firm: "Firm", plan: Plan, wanted: "Subject", path: Path | None) -> Answer:
    """Written into ``path`` where there is one, and what a second person signs beside it."""
    answer: Answer = {"plan": json.loads(plan.to_json()), "sha256": plan.sha256, "lines": list(plan.lines())}
    if path:
        write_new(path, plan)
        request, lines = asked_for(firm, wanted, path)
        answer |= request
        answer["lines"] += lines
    return answer


def open_servers(session: Session, firm_id: str, side: "Side", staged: str) -> Servers:
    """Both, after the live one has been found to be the firm's own, as its vault has it."""
    from muniment.adapters.postgres.server import PostgresServer
    from muniment.domain.secret import Secret
    from muniment.runbooks.identity import prove_cluster, prove_vault

    site = session.site(firm_id)
    mark = prove_vault(site.vault(side))
    prove_cluster(site, mark)
    conninfo, source, at = _staged(staged)
    copy = PostgresServer(firm_id, Secret(conninfo), site.firm.cluster.database, may_be=frozenset(mark.clusters))
    return Servers(site.firm, copy, site.postgres, source, at)


def _staged(staged: str) -> tuple[str, str, datetime | None]:
    from muniment.adapters.postgres.conninfo import parse_conninfo
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging.lifetime import find_staging

    if _STAGING_ID.fullmatch(staged):
        record = find_staging(scratch_root(), staged).record()
        assert record is not None
        at = record.documents.at if record.documents else record.reached_at
        return record.connection.conninfo, f"staging {staged}", at
    try:
        told = parse_conninfo(staged)
    except ValueError:
        message = f"--staged {staged!r} is neither a staging's id nor a connection string"
        raise click.UsageError(message) from None
    if told.get("password"):
        message = "--staged: arguments are everybody's to see: name a passfile instead of a password"
        raise click.UsageError(message)
    return staged, f"the cluster at {told.get('host', 'localhost')}:{told.get('port', 5432)}", None


def asked_by() -> str:
    from muniment.adapters.host.login import login_name

    return login_name()


def require_one_way(asked: Mapping[str, Any], *ways: str, misuses: Iterable[str] = ()) -> None:
    """Of a command's ways to do something at most one; only what carries out is approved. ``misuses``: its own.

    Raises ``click.UsageError`` with all of them, one a line.
    """
    if found := [*_misuses(asked, ways), *misuses]:
        raise click.UsageError("\n".join(found))


def _misuses(asked: Mapping[str, Any], ways: Sequence[str]) -> Iterator[str]:
    chosen = [way for way in ways if asked.get(way)]
    if len(chosen) > 1:
        yield f"one at a time: {', '.join('--' + way.removesuffix('_path') for way in chosen)}"
    if asked["approval_path"] and not any(asked.get(way) for way in ("apply_path", "undo_path")):
        yield "--approval is of something that is carried out"


def read_plan[D: "Record"](kind: type[D], path: Path) -> D:
    from pydantic import ValidationError

    try:
        return kind.from_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        message = f"{path} is no such plan: {str(error).splitlines()[0]}"
        raise click.UsageError(message) from None


def write_new(path: Path, document: "Plan | Record") -> None:
    """On the disk for good when this returns, and nobody else's to read."""
    from muniment.adapters.host.durable_files import create_file

    create_file(path, document.to_json())
