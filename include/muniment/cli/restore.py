"""``muniment restore FIRM --into DIR``."""

from pathlib import Path
from typing import Any

import click

from include.muniment.cli.output import say_json, when
from include.muniment.cli.session import Session, firm_argument, json_option, shown_progress, side_option


@click.command(short_help="Restore a cluster into a folder.")
@firm_argument
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty or a new folder: it becomes PostgreSQL's data directory.",
)
@side_option
@click.option("--point", "point_id", metavar="ID", help="Which recovery point. Default: the newest.")
@json_option
@click.pass_obj
def restore(session: Session, firm_id: str, into: Path, side: Any, point_id: str | None, *, as_json: bool) -> None:
    """Restore FIRM's cluster into DIR: a recovery point, and all WAL behind it when the server starts.

    Needs one vault and PostgreSQL's programs: neither the firm's cluster, the other region nor Airflow. The restored
    cluster archives nowhere and cannot reach the firm's own.

    \b
    The newest point:     muniment restore okafor-steele --into /srv/restored
    The region is lost:   muniment restore okafor-steele --into /srv/restored --from replica
    Then:                 pg_ctl -D /srv/restored -o "-p 5433" start
    """
    from include.muniment.adapters import catalog
    from include.muniment.runbooks.restore_cluster import restore_cluster

    vault = session.vault(firm_id, side)
    point = catalog.find_point(vault, point_id) if point_id else None
    with shown_progress() as progress:
        restored = restore_cluster(vault, into=into, side=side, point=point, progress=progress)
    if as_json:
        say_json(
            {
                "firm": firm_id,
                "point": restored.point.id,
                "data_directory": str(restored.data_dir),
                "tablespaces": {str(oid): str(place) for oid, place in restored.tablespaces.items()},
                "postgresql": restored.major,
            }
        )
        return
    click.echo(f"recovery point {restored.point.id} of {when(restored.point.taken_at)} is in {restored.data_dir}")
    click.echo(f'next: start PostgreSQL {restored.major} there, `pg_ctl -D {restored.data_dir} -o "-p 5433" start`;')
    click.echo("it fetches all WAL behind the point, then opens for writing")
