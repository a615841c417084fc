"""Right firm first: every runbook proves whose cluster and whose vaults it talks to before it does anything else."""

from muniment.adapters.aws.key_probe import describe_key
from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import read_mark
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import MunimentError, ReplacedCluster, StoreUnavailable, WrongCluster, WrongVault


def prove_identity(site: Site) -> FirmMark:
    """The primary vault's mark, after cluster, primary and replica have all been found to be this firm's.

    Raises ``WrongCluster`` or ``WrongVault``; ``ObjectMissing`` where check_firm has never run.
    """
    mark = prove_vaults(site)
    prove_cluster(site, mark)
    return mark


def prove_primary(site: Site) -> FirmMark:
    """For what neither reads nor writes the replica: it goes on while that vault's region is away."""
    mark = prove_vault(site.primary)
    prove_cluster(site, mark)
    return mark


def prove_vaults(site: Site) -> FirmMark:
    """The primary vault's mark, for what needs no cluster: both are this firm's and speak of one cluster.

    A replica that was away when the primary's cluster was adopted hears of it next (``bring_adoption``).
    """
    mark = prove_vault(site.primary)
    prove_replica(site.replica, mark)
    return mark


def prove_replica(vault: Vault, mark: FirmMark) -> FirmMark:
    """The replica's own mark; it and ``mark``, the primary's, speak of one cluster."""
    replica = prove_vault(vault)
    if replica.system_identifier != mark.system_identifier and not replica.precedes(mark):
        raise WrongVault(bucket=vault.bucket, expected=_named(mark), actual=_named(replica))
    return replica


def prove_vault(vault: Vault) -> FirmMark:
    mark = read_mark(vault)
    if mark.firm != vault.firm:
        raise WrongVault(bucket=vault.bucket, expected=vault.firm, actual=mark.firm)
    return mark


def prove_cluster(site: Site, mark: FirmMark) -> None:
    """``mark``: firm.json's; the registry may pin the identifier as well."""
    actual = site.postgres.system_identifier()
    if actual != mark.system_identifier:
        raise wrong_cluster(mark, site.firm.cluster.connection, actual)
    prove_pinned(site, actual)


def prove_pinned(site: Site, actual: int) -> None:
    """``actual``: what the connection leads to. Raises ``WrongCluster`` where the registry names another one."""
    pinned = site.firm.cluster.system_identifier
    if pinned not in (None, actual):
        raise WrongCluster(firm=site.firm.id, connection=site.firm.cluster.connection, actual=actual, expected=pinned)


def wrong_cluster(mark: FirmMark, connection: str, actual: int) -> WrongCluster:
    """What to say of another cluster than the mark's: an old one of the firm's own runs by mistake, mostly."""
    facts = {"firm": mark.firm, "connection": connection, "actual": actual, "expected": mark.system_identifier}
    until = mark.replaced_at(actual)
    return ReplacedCluster(**facts, until=f"{until:%Y-%m-%d %H:%M} UTC") if until else WrongCluster(**facts)


def replica_away(site: Site) -> StoreUnavailable | None:
    """Why nothing can be had of the replica's region now; ``None`` where S3 and KMS answer there, whatever they say.

    Asked with little patience: a region that is gone must not cost each step of a night the minutes of all retries.
    A vault that refuses, or is another firm's, is not away: whoever works with it finds that out and stops.
    """
    try:
        site.hasty_store("replica").head(keys.FIRM)
        describe_key(site.hasty("kms", site.replica.region), site.replica.kms_key)
    except StoreUnavailable as away:
        return away
    except MunimentError:
        return None
    return None


def require_replica(site: Site) -> None:
    """Raises ``StoreUnavailable`` where the replica's region is away, before anybody waits for it with patience."""
    if (away := replica_away(site)) is not None:
        raise away


def _named(mark: FirmMark) -> str:
    return f"{mark.firm} (cluster {mark.system_identifier})"
