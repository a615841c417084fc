"""``muniment watch …``: the look at all firms, every five minutes."""

import click

from muniment.cli.watch.metrics import metrics
from muniment.cli.watch.serve import serve


@click.group()
def watch() -> None:
    """The watch: what it sees of all firms, and whether it is awake."""


watch.add_command(metrics)
watch.add_command(serve)
