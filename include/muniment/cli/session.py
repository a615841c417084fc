"""What every command is given: where the registry and the connections are."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from muniment.adapters.site.site import Side, Site
    from muniment.adapters.vault.vault import Vault
    from muniment.adapters.watch.store import WatchStore
    from muniment.domain.firm.firm import Firm
    from muniment.domain.watch.settings import WatchSettings
    from muniment.ports import Progress
    from muniment.registry import Registry

SIDES: "tuple[Side, Side]" = ("primary", "replica")


@dataclass(frozen=True, slots=True)
class Session:
    """The options of ``muniment`` itself; ``None`` is each one's default."""

    root: Path | None = None
    settings: Path | None = None

    def registry(self) -> "Registry":
        from muniment.registry import load_registry

        return load_registry(self.root)

    def firm(self, firm_id: str) -> "Firm":
        from muniment.registry import load_firm

        return load_firm(self.root, firm_id)

    def site(self, firm_id: str) -> "Site":
        """A firm's cluster and vaults. Nothing is connected yet."""
        from muniment.adapters.site.logins import open_site

        return open_site(self.firm(firm_id), self.settings)

    def vault(self, firm_id: str, side: "Side", *, hasty: bool = False) -> "Vault":
        """One vault alone: neither the cluster nor the other region has to be there. ``hasty``: nor need this one."""
        from muniment.adapters.site.logins import find_login
        from muniment.adapters.site.site import build_vault

        firm = self.firm(firm_id)
        aws = find_login(firm.aws_connection, self.settings)
        return build_vault(firm, side, aws.clients(hasty=hasty), aws.clients(hasty=True))

    def watch_settings(self) -> "WatchSettings":
        from muniment.registry.watch_file import load_watch_settings

        return load_watch_settings(self.root)

    def watch_store(self, settings: "WatchSettings | None" = None) -> "WatchStore":
        """Where watch.yaml says that it is. ``settings``: that file's, where they are at hand."""
        from muniment.adapters.watch.places import store_url
        from muniment.adapters.watch.store import WatchStore

        return WatchStore.open(store_url((settings or self.watch_settings()).store, self.settings))

    def hasty_vaults(self, firm_id: str) -> "tuple[Vault, ...]":
        """Both, for who looks into them only to say more of what failed."""
        return tuple(self.vault(firm_id, side, hasty=True) for side in SIDES)


def typed_by(command: str) -> str:
    """What a record says of where it came from."""
    from muniment.adapters.host.login import login_name

    return f"{command} by {login_name()} on {socket.gethostname()}"


@contextmanager
def ended_in_order() -> "Iterator[None]":
    """SIGTERM ends what is inside as Ctrl-C does: what has to be said and cleared away still is."""

    def end(number: int, _: object) -> None:
        message = f"ended by {signal.Signals(number).name}"
        raise KeyboardInterrupt(message)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def shown_progress() -> "Iterator[Progress]":
    from muniment.cli.progress import progress_on_stderr

    with progress_on_stderr() as progress:
        yield progress


def tend_stagings() -> None:
    """A keeper may have been killed: whoever comes by does its work, and says so on stderr."""
    from muniment.ports import utc_now
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging.lifetime import tend

    for told in tend(scratch_root(), now=utc_now()):
        click.echo(told, err=True)


def _complete_firm(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from muniment.errors import NoRegistry
    from muniment.registry import firm_ids

    root = ctx.find_root().params.get("registry")
    with suppress(NoRegistry):
        return [firm_id for firm_id in firm_ids(root) if firm_id.startswith(incomplete)]
    return []


firm_argument = click.argument("firm_id", metavar="FIRM", shell_complete=_complete_firm)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs: JSON on stdout, see docs/cli.md.")
side_option = click.option(
    "--from", "side", type=click.Choice(SIDES), default="primary", show_default=True, help="Which vault."
)
