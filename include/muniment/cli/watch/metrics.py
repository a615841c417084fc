"""``muniment watch metrics``: what the watch shows to Prometheus, once."""

from pathlib import Path

import click

from muniment.cli.session import Session
from muniment.ports import utc_now


@click.command(short_help="What the watch shows to Prometheus.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it to this file, which is whole at any instant. Default: stdout.",
)
@click.pass_obj
def metrics(session: Session, output: Path | None) -> None:
    """Print what the last pass of the watch has rendered: Prometheus' text format, which is OpenMetrics too.

    Where the watch stands still, only what lasts is printed: instants and promises, and no value as if it were current.
    So it is run by what does not stand still with it, cron or a systemd timer. docs/monitoring.md has every metric.

    \b
    For node_exporter's textfile collector, every minute:
        muniment watch metrics --output /var/lib/prometheus/node-exporter/muniment.prom
    """
    from muniment.adapters.watch.openmetrics import last_shown, what_lasts
    from muniment.errors import MunimentError

    try:
        text = last_shown(session.watch_store(), utc_now())
    except MunimentError:
        if output is not None and output.exists():  # what it says is read on as if it were current
            _put(output, what_lasts(output.read_bytes()))
        raise
    if output is None:
        click.echo(text, nl=False)
    else:
        _put(output, text)


def _put(output: Path, text: bytes) -> None:
    from muniment.adapters.host.durable_files import replace_file

    try:
        replace_file(output, text, durable=False)
    except OSError as error:
        message = f"{output} cannot be written: {error.strerror}"
        raise click.UsageError(message) from None
