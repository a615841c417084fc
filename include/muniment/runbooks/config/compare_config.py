"""A firm's configuration of one night beside the one of now: what was added, changed, removed. No value leaves it."""

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.config.difference import (
    ConfigDifference,
    env_file_differences,
    secret_differences,
    server_file_differences,
    table_differences,
)
from muniment.ports import Clock
from muniment.runbooks.config.back_up_config import read_config, read_sources
from muniment.runbooks.identity import prove_cluster, prove_vault
from muniment.runbooks.vault.typed_point import typed_point


def compare_config(site: Site, *, vault: Vault | None = None, config_id: str, clock: Clock) -> ConfigDifference:
    """Reads only; ``vault`` is the primary one unless another is given. What is named now and cannot be read is told
    beside the rest. Raises ``WrongVault``, ``WrongCluster``, ``NoSuchPoint``. ``config_id`` may be ``latest``."""
    vault = vault or site.primary
    mark = prove_vault(vault)
    prove_cluster(site, mark)
    if config_id == "latest":
        config_id = catalog.latest_point(vault).config
    other = next(each for each in site.vaults if each.bucket != vault.bucket)
    with typed_point(config_id, vault, other):
        then = read_config(vault, config_id)
    now = read_sources(site).without(then.unread)
    return ConfigDifference(
        firm=then.firm,
        config=then.id,
        taken_at=then.taken_at,
        compared_at=clock(),
        env_files=tuple(env_file_differences(then.env_files, now.env_files)),
        secrets=tuple(secret_differences(then.secrets, now.secrets)),
        tables=tuple(table_differences(then.tables, now.tables)),
        server_files=tuple(server_file_differences(then.server_files, now.server_files)),
        unreadable=(
            *map(str, now.unread),
            *(f"{each} (that night)" for each in then.unread),
            *now.server_files_unread,
        ),
    )
