"""Keeps ``restore-kit/`` in both vaults current: how to get the data back with no Muniment and no Airflow.

The one place where a key is written more than once: RESTORE.md names the newest points. An object is replaced only
where its bytes change and nobody replaced it since it was looked at; its older versions go after the retention.
"""

from itertools import islice
from pathlib import Path

from muniment.adapters.postgres.cluster_needs import read_cluster_needs
from muniment.adapters.retention.deletion import delete_versions
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.overwriting import replace
from muniment.adapters.vault.vault import Vault
from muniment.domain.restore.kit_page import ClusterNeeds, KitPage, kit_key
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import NothingToRestore
from muniment.ports import Clock
from muniment.runbooks.identity import prove_identity, prove_primary, replica_away

KIT = Path(__file__).parents[2] / "restore_kit"
SCRIPT, PAGE = "restore.py", "RESTORE.md"
POINTS_SHOWN = 10


def refresh_restore_kit(site: Site, *, clock: Clock) -> tuple[str, ...]:
    """The objects that were written, as ``bucket/key``; none where all of them were current. A region that is away is
    left alone: its page still names points that it has.

    Raises ``NothingToRestore`` before the first point is registered, and what a ``Vault`` raises.
    """
    is_away = replica_away(site) is not None
    prove_primary(site) if is_away else prove_identity(site)
    with site.exclusively() as held:
        needs = read_cluster_needs(site.postgres)
        sides: tuple[Side, ...] = ("primary",) if is_away else ("primary", "replica")
        return tuple(key for side in sides for key in _refresh(held, side, needs, clock))


def _refresh(site: Site, side: Side, needs: ClusterNeeds, clock: Clock) -> list[str]:
    vault = site.vault(side)
    script = (KIT / SCRIPT).read_bytes()
    page = _page(site, side, needs, script).render((KIT / PAGE).read_text())
    wanted = {kit_key(SCRIPT): script, kit_key(PAGE): page.encode()}
    written = [f"{vault.bucket}/{key}" for key, content in wanted.items() if replace(vault, key, content)]
    _forget_old(vault, site, clock)
    return written


def _page(site: Site, side: Side, needs: ClusterNeeds, script: bytes) -> KitPage:
    vault = site.vault(side)
    points = _newest_points(vault)
    chain = catalog.chain_of(vault, catalog.find_backup(vault, points[0].backup))
    return KitPage(site.firm, side, needs, points, chain, script)


def _newest_points(vault: Vault) -> list[Point]:
    points = list(islice(catalog.latest_points_of_present(vault), POINTS_SHOWN))
    if not points:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    return points


def _forget_old(vault: Vault, site: Site, clock: Clock) -> None:
    """Kept for a while, because whoever may write here could write a script that does something else."""
    before = clock() - site.policy.retention
    found = vault.list_versions(keys.RESTORE_KIT)
    delete_versions(vault, [each for each in found if not each.is_latest and each.modified_at < before])
