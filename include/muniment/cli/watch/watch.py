"""``muniment watch …``: the look at all firms, every five minutes."""

import click

from muniment.cli.watch.metrics import metrics
from muniment.cli.watch.probe import probe
from muniment.cli.watch.run_pass import run_pass
from muniment.cli.watch.serve import serve
from muniment.cli.watch.show import show
from muniment.cli.watch.suspend import resume, suspend


@click.group()
def watch() -> None:
    """The watch: what it sees of all firms, and whether it is awake."""


watch.add_command(show)
watch.add_command(run_pass)
watch.add_command(metrics)
watch.add_command(serve)
watch.add_command(probe)
watch.add_command(suspend)
watch.add_command(resume)
