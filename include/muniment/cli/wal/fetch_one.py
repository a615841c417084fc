"""The rest of ``wal fetch``, for a file that nobody has fetched ahead."""

import sys
from pathlib import Path

from muniment.adapters.host.data_directory import system_identifier_of
from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.site.logins import find_login
from muniment.adapters.site.site import Side, build_vault, opposite
from muniment.cli.wal.fetch import NOT_IN_THE_ARCHIVE, STOP_RECOVERY
from muniment.errors import MunimentError
from muniment.registry import load_firm
from muniment.runbooks.wal.fetch_wal import WalFetcher, open_fetcher


def fetch_one(firm_id: str, side: str, name: str, target: Path) -> int:
    """The exit code: 0, or 1 where the archive is proven to end before ``name``, or one that stops recovery."""
    try:
        fetcher = fetcher_of(firm_id, side)
        content = fetcher.read(name)
    except MunimentError as error:
        print(f"muniment wal fetch {name}: {error}", file=sys.stderr)
        return STOP_RECOVERY
    if content is None:
        return NOT_IN_THE_ARCHIVE
    replace_file(target, content, durable=False)
    if reason := fetcher.substituted(name):
        print(f"muniment wal fetch {name}: {reason}", file=sys.stderr)
    return 0


def fetcher_of(firm_id: str, side: str) -> WalFetcher:
    firm = load_firm(None, firm_id)
    login = find_login(firm.aws_connection)
    preferred: Side = "replica" if side == "replica" else "primary"
    return open_fetcher(
        build_vault(firm, preferred, login.clients(), login.clients(hasty=True)),
        build_vault(firm, opposite(preferred), login.clients(hasty=True)),
        data_directory_belongs_to=system_identifier_of(Path.cwd()),
    )
