"""Everything that a runbook may touch for one firm, and nothing of any other firm."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.vault.envelope import kms_envelope, kms_keyring
from muniment.adapters.vault.stand_in import VaultStandIn
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import Firm, Policy, VaultPlace
from muniment.domain.secret import Secret

type Clients = Callable[[str, str], Any]
"""(service, region) → a boto3 client with the firm's own credentials."""

type Side = Literal["primary", "replica"]


@dataclass(frozen=True, slots=True)
class Site:
    """A firm's cluster, its two vaults and its AWS clients."""

    firm: Firm
    postgres: PostgresServer
    primary: Vault
    replica: Vault
    clients: Clients
    hasty: Clients
    """The same with little patience, for what may be away: the other region."""

    @property
    def policy(self) -> Policy:
        return self.firm.policy

    @property
    def vaults(self) -> tuple[Vault, Vault]:
        return self.primary, self.replica

    def vault(self, side: Side) -> Vault:
        return self.primary if side == "primary" else self.replica


def build_site(firm: Firm, conninfo: Secret, clients: Clients, hasty: Clients | None = None) -> Site:
    """Puts the adapters together. No connection is opened and nothing is read yet."""
    hasty = hasty or clients
    return Site(
        firm=firm,
        postgres=PostgresServer(firm.id, conninfo, firm.cluster.database),
        primary=build_vault(firm, "primary", clients, hasty),
        replica=build_vault(firm, "replica", clients, hasty),
        clients=clients,
        hasty=hasty,
    )


def build_vault(firm: Firm, side: Side, clients: Clients, hasty: Clients | None = None) -> Vault:
    """One vault alone: all that ``wal push`` and a restore need.

    Both keys, the own region's first: a dead region's key is then asked last, and for new objects both wrap. The other
    region's is asked by ``hasty``: the stand-in is there for it.
    """
    place, other = firm.vaults.primary, firm.vaults.replica
    if side == "replica":
        place, other = other, place
    kms = [_key(place, clients), _key(other, hasty or clients)]
    vault = Vault(
        firm=firm.id,
        bucket=place.bucket,
        region=place.region,
        kms_key=place.kms_key,
        lock_mode=firm.policy.object_lock.mode,
        s3=clients("s3", place.region),
        envelope=kms_envelope(kms),
    )
    stand_in = VaultStandIn(vault, *(kms_keyring(*key) for key in kms))
    return replace(vault, envelope=kms_envelope(kms, stand_in))


def _key(place: VaultPlace, clients: Clients) -> tuple[str, Any]:
    return place.kms_key, clients("kms", place.region)
