"""``muniment watch serve``: what the watch shows, over HTTP."""

import click

from muniment.cli.session import Session, ended_in_order
from muniment.ports import utc_now

PORT = 9964


@click.command(short_help="Serve /metrics and /healthz.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.pass_obj
def serve(session: Session, host: str, port: int) -> None:
    """Serve what the last pass of the watch has rendered, until it is stopped.

    \b
    /metrics    for Prometheus: OpenMetrics, or the older text format for who does not ask for it; gzip for who does.
                Where the watch stands still: instants and promises, and no value as if it were current.
    /healthz    200, or 503 with what `muniment watch probe` calls late, a line each: at most ten seconds old.

    Whoever reaches it reads every firm's name; there is no password. Let it listen on 127.0.0.1, or behind a proxy.
    """
    from muniment.adapters.watch.openmetrics import last_shown
    from muniment.adapters.watch.scrape_server import scrape_server
    from muniment.cli.watch.probe import probed

    store = session.watch_store()
    try:
        server = scrape_server(
            host,
            port,
            metrics=lambda: last_shown(store, utc_now()),
            late=lambda: [each.what for each in probed(session, lambda: store).late],
        )
    except OSError as error:
        message = f"nothing can listen on {host}, port {port}: {error.strerror}"
        raise click.UsageError(message) from None
    click.echo(f"{server.url}/metrics")
    with server, ended_in_order():
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
