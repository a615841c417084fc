"""``muniment wal …``: the WAL archive.

``push`` and ``fetch`` are PostgreSQL's: entry.py runs them without click, because each segment starts a process. What
is here teaches, and serves whoever writes options before the command.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli.output import lasting, say_json, say_table, size, when
from muniment.cli.session import SIDES, Session, firm_argument, json_option, shown_progress
from muniment.ports import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muniment.runbooks.wal.status import WalStatus

firm_option = click.option("--firm", envvar="MUNIMENT_FIRM", required=True, help="Whose WAL it is; MUNIMENT_FIRM.")


@click.group()
def wal() -> None:
    """The WAL archive: what lies between two nights."""


@wal.command(short_help="Store one WAL file: archive_command.")
@click.argument("path", type=click.Path(path_type=Path))
@firm_option
@click.pass_obj
def push(session: Session, path: Path, firm: str) -> int:
    """Store one WAL file; for PostgreSQL's archive_command.

    Ends with 0 only when S3 has acknowledged the checksummed bytes in the primary vault. The same file twice is fine;
    other bytes under the same name are refused. When the archiver is behind, the other files that are ready go in the
    same breath. Where the policy's wal_archive.push_to says both, the replica vault is written right after the primary.

    \b
    postgresql.conf:
        archive_mode = on
        archive_command = 'MUNIMENT_REGISTRY=/etc/muniment MUNIMENT_SETTINGS=/etc/muniment/airflow_settings.yaml
            /opt/muniment/bin/muniment wal push --firm quill-brandt %p'     (docs/database-host/)
    """
    from muniment.cli.wal import push as wal_push

    _for_postgresql(session)
    return wal_push.main([str(path), "--firm", firm])


@wal.command(short_help="Fetch one WAL file: restore_command.")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@firm_option
@click.option("--from", "side", type=click.Choice(SIDES), default="primary", show_default=True)
@click.pass_obj
def fetch(session: Session, name: str, path: Path, firm: str, side: str) -> int:
    """Fetch the WAL file NAME into PATH; for PostgreSQL's restore_command.

    Ends with 1 only when the archive holds no such file: PostgreSQL then ends recovery and opens. Whatever else goes
    wrong ends with 200, which stops recovery instead, so that nothing is opened too early.

    \b
    postgresql.conf of a restored cluster (`muniment restore` writes it):
        restore_command = 'muniment wal fetch %f %p --firm quill-brandt'
    """
    from muniment.cli.wal import fetch as wal_fetch

    _for_postgresql(session)
    return wal_fetch.main([name, str(path), "--firm", firm, "--from", side])


def _for_postgresql(session: Session) -> None:
    """These two read their places from the environment, as they do under PostgreSQL."""
    if session.root:
        os.environ["MUNIMENT_REGISTRY"] = str(session.root.absolute())
    if session.settings:
        os.environ["MUNIMENT_SETTINGS"] = str(session.settings.absolute())


@wal.command(short_help="How far is the archive behind?")
@firm_argument
@json_option
@click.pass_obj
def status(session: Session, firm_id: str, *, as_json: bool) -> None:
    """How far is FIRM's archive behind, and what would be lost right now?

    Shows the recovery windows with the holes between them, the archiver's last success and failure, and the effective
    RPO: how old the newest instant is that could be restored. Changes nothing. While the server is down it tells what
    the vault knows.
    """
    from muniment.runbooks.wal.status import wal_status

    found = wal_status(session.site(firm_id), clock=utc_now)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    _show(found)


def _show(found: "WalStatus") -> None:
    if found.windows:
        windows = [(w.backup, f"{w.timeline}", when(w.start_at), when(w.end_at), str(w.end_lsn)) for w in found.windows]
        say_table(("from backup", "timeline>", "restorable from", "until", "as far as"), windows)
    for hole in found.holes:
        click.echo(f"HOLE  nothing can be restored between {when(hole.start_at)} and {when(hole.end_at)}")
    say_table(("", ""), list(_rows(found)))
    if found.unseen:
        click.echo(f"from the vault alone: {found.unseen}")


def _rows(found: "WalStatus") -> "Iterator[tuple[str, str]]":
    if found.unseen is None:
        yield "live log", f"{found.live_lsn} on timeline {found.timeline}"
    yield "restorable to", f"{found.archived_lsn or 'nothing can be restored: take a backup'}"
    yield "behind", "—" if found.behind_bytes is None else size(found.behind_bytes)
    yield "effective RPO", "—" if found.effective_rpo_s is None else lasting(found.effective_rpo_s)
    yield "not yet in the replica", _lag(found.missing_in_replica)
    if found.unseen is None:
        failed = f"{found.last_failed} at {when(found.last_failed_at)} ({found.failed_count:,} in all)"
        yield "waiting for the archiver", f"{found.ready:,} files"
        yield "last archived", f"{found.last_archived or 'nothing'} at {when(found.last_archived_at)}"
        yield "last failure", failed if found.last_failed else "none"


def _lag(missing: int | None) -> str:
    return "the second region does not answer" if missing is None else f"{missing:,} files"


@wal.command(short_help="Bring new WAL to the other region.")
@firm_argument
@json_option
@click.pass_obj
def replicate(session: Session, firm_id: str, *, as_json: bool) -> None:
    """Bring FIRM's new WAL to the other region.

    Server-side, of all that is lacking there; `fleet__watch` brings what is new every five minutes. Needs no connection
    to the cluster.
    """
    from muniment.runbooks.wal.replicate_wal import replicate_wal

    with shown_progress() as progress:
        copied = replicate_wal(session.site(firm_id), clock=utc_now, progress=progress)
    if as_json:
        say_json({"firm": firm_id, "copied": copied})
        return
    click.echo(f"{copied:,} WAL files copied to the replica vault of {firm_id}")
