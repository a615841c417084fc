"""The `muniment` command as a whole: its groups, its options, and how it ends.

A command's module is imported when that command runs, or when its help is asked for; and what it needs (boto3, psycopg,
pydantic, rich) when it works. So `muniment --help` and completion answer at once.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from muniment.cli.session import Session
from muniment.errors import MunimentError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
TRACEBACK_VARIABLE = "MUNIMENT_TRACEBACK"

_INTERRUPTED = {
    "kind": "Interrupted",
    "what": "interrupted",
    "kept": "every recovery point that is registered; what this run had stored is not registered and harms nothing",
    "hint": "run the same command again.",
}
_USAGE = {"kept": "everything; nothing was started", "hint": "look at the command's --help."}
_UNEXPECTED = {
    "kept": "every recovery point that is registered",
    "hint": "this is a fault in muniment: run it again with MUNIMENT_TRACEBACK=1 and report what it prints.",
}


class LazyGroup(click.Group):
    """Command → ``module:name`` below muniment.cli."""

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used, not of the alphabet."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, name = self.lazy[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"muniment.cli.{module}"), name)
        return command


def _show_version(ctx: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    """Also where a project carries the package in a folder: nothing is installed then that has a version."""
    if not is_asked:
        return
    from importlib import metadata

    try:
        click.echo(f"muniment, version {metadata.version('muniment')}")
    except metadata.PackageNotFoundError:
        click.echo(f"muniment, not installed: out of {Path(__file__).parents[1]}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy={
        "firms": "backup.firms:firms",
        "check": "backup.check:check",
        "status": "backup.status:status",
        "adopt": "restore.adopt:adopt",
        "backup": "backup.backup:backup",
        "points": "backup.points:points",
        "verify": "backup.verify:verify",
        "copy": "backup.copy:copy",
        "repair": "repair.repair:repair",
        "expire": "backup.expire:expire",
        "restore": "restore.restore:restore",
        "staging": "restore.staging:staging",
        "live": "restore.live:live",
        "drill": "drill.drill:drill",
        "drills": "drill.drill:drills",
        "sign-off": "drill.sign_off:sign_off",
        "documents": "restore.documents:documents",
        "matter": "restore.matter:matter",
        "tables": "restore.tables:tables",
        "database": "restore.tables:database",
        "approve": "restore.approve:approve",
        "acts": "restore.acts:acts",
        "config": "backup.config:config",
        "wal": "wal.wal:wal",
        "incidents": "watch.incidents:incidents",
        "alerts": "watch.alerts:alerts",
        "watch": "watch.watch:watch",
        "completion": "completion:completion",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--registry",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="MUNIMENT_REGISTRY",
    help="Folder that holds firms/ and policies/. Default: the project's include/; of an installed muniment, the one in"
    " $AIRFLOW_HOME or here.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MUNIMENT_SETTINGS",
    help="File with the connections that the environment lacks. Default: airflow_settings.yaml of the project, or of"
    " $AIRFLOW_HOME, or here.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def muniment(ctx: click.Context, registry: Path | None, settings: Path | None) -> None:
    """Backup and provable recovery for law firms: every procedure of the nightly DAGs, without Airflow.

    \b
    Is the configuration right?          muniment firms check
    May tonight's backup run?            muniment check harbor-lane
    Take a recovery point now:           muniment backup harbor-lane
    What can be restored?                muniment points harbor-lane
    Is every firm as promised?           muniment status --all
    Are the stored bytes right?          muniment verify harbor-lane --deep
    Restore, the region being lost:      muniment restore harbor-lane --into /srv/restored --from replica

    Connections are Airflow's own: AIRFLOW_CONN_<ID> in the environment, or airflow_settings.yaml.
    Results go to stdout (a table, or JSON with --json), progress and errors to stderr.

    \b
    Exit codes:
      0    done
      1    failed, and trying again cannot help
      2    wrong usage, or a fault in the configuration
      3    damaged: stored bytes are missing or not what was stored
      4    refused: it would have touched the wrong thing, or deleted what must stay
      75   failed for now: the same command may succeed later
      130  interrupted with Ctrl-C
    """
    ctx.obj = Session(registry, settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; errors are already printed."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(muniment.main(arguments, prog_name="muniment", standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt) as error:  # the outermost edge: what nobody foresaw is told as well
        code = _explained(error, as_json="--json" in arguments)
    if ("wal", "fetch") in pairwise(arguments):
        from muniment.cli.wal.fetch import STOP_RECOVERY

        return STOP_RECOVERY  # PostgreSQL takes a smaller code for "there is no such file", and ends recovery
    return code


def _explained(error: BaseException, *, as_json: bool) -> int:
    """Says on stderr what went wrong, and for programs on stdout; returns the exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read our output has gone: `muniment points … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    code, told = _told(error)
    if isinstance(error, click.ClickException):
        error.show()  # with the command's usage
    else:
        if os.environ.get(TRACEBACK_VARIABLE) and not isinstance(error, MunimentError):
            traceback.print_exception(error)
        click.echo(f"{told['what']}\nKEPT: {told['kept']}\nHINT: {told['hint']}", err=True)
    if as_json:
        click.echo(json.dumps({"error": {**told, "exit_code": code}}, indent=1, ensure_ascii=False))
    return code


def _told(error: BaseException) -> tuple[int, dict[str, str]]:
    """The exit code, and what happened in its parts."""
    kind = type(error).__name__
    match error:
        case MunimentError():
            said = {"kind": kind, "what": error.what, "kept": error.what_is_kept, "hint": error.what_to_do}
            return error.exit_code, said
        case click.ClickException():
            return error.exit_code, {"kind": kind, "what": error.format_message(), **_USAGE}
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED, _INTERRUPTED
    return 1, {"kind": kind, "what": f"{kind}: {error}", **_UNEXPECTED}
