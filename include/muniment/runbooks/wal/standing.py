"""How far a firm could be brought back at this moment: from either vault alone, and with what its cluster says."""

from collections.abc import Iterable
from contextlib import suppress

from muniment.adapters.postgres.archiver import ArchiverState, read_archiver
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import Firm
from muniment.domain.recovery.standing import Standing, VaultStanding
from muniment.errors import MunimentError
from muniment.ports import Clock
from muniment.runbooks.identity import prove_cluster, prove_vault
from muniment.runbooks.wal.status import protected_until


def standing(site: Site, *, clock: Clock) -> Standing:
    """Changes nothing and raises nothing of ours: what could not be asked is said in the answer."""
    state, unseen = _server(site)
    vaults = tuple(_seen(vault, state, clock) for vault in (site.primary, site.replica))
    points = _points(site)
    newest = _newest_of_present(site, vaults) or (points[-1] if points else None)
    return Standing(
        firm=site.firm.id,
        promised_s=site.policy.recovery_class.rpo.total_seconds(),
        vaults=vaults,
        points=len(points),
        newest_point=newest,
        server_unseen=unseen,
        read_at=clock(),
    )


def unknown(firm: Firm, why: str, *, clock: Clock) -> Standing:
    """Of a firm whose cluster and vaults cannot even be asked."""
    places = (firm.vaults.primary, firm.vaults.replica)
    return Standing(
        firm=firm.id,
        promised_s=firm.policy.recovery_class.rpo.total_seconds(),
        vaults=tuple(VaultStanding(vault=place.bucket, region=place.region, unseen=why) for place in places),
        points=0,
        newest_point=None,
        server_unseen=why,
        read_at=clock(),
    )


def _server(site: Site) -> tuple[ArchiverState | None, str | None]:
    try:
        prove_cluster(site, prove_vault(site.primary))
        return read_archiver(site.postgres), None
    except MunimentError as error:
        return None, error.what


def _seen(vault: Vault, state: ArchiverState | None, clock: Clock) -> VaultStanding:
    try:
        return VaultStanding(
            vault=vault.bucket, region=vault.region, recoverable_to=protected_until(vault, state, clock())
        )
    except MunimentError as error:
        return VaultStanding(vault=vault.bucket, region=vault.region, unseen=error.what)


def _points(site: Site) -> list[str]:
    """Ids in either vault; they sort by time."""
    seen = (catalog.point_ids(vault) or frozenset() for vault in (site.primary, site.replica))
    return sorted(frozenset().union(*seen))


def _newest_of_present(site: Site, seen: Iterable[VaultStanding]) -> str | None:
    """``None`` where only one cluster ever was the firm's: then the ids tell without a read."""
    for vault, one in zip(site.vaults, seen, strict=True):
        if one.unseen is None:
            with suppress(MunimentError):
                return catalog.latest_point(vault).id if prove_vault(vault).former else None
    return None
