"""Everything that a runbook may touch for one firm, and nothing of any other firm."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.envelope import kms_envelope, kms_keyring
from muniment.adapters.vault.stand_in import VaultStandIn
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import Firm, Policy, VaultPlace
from muniment.domain.secret import Secret

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


class Clients(Protocol):
    """A firm's own credentials, and boto3's clients with them."""

    def __call__(self, service: str, region: str) -> Any:
        """A client; the same one for the same question. Thread-safe."""

    def credentials(self) -> "ReadOnlyCredentials":
        """As they are now: an assumed role's end within the hour."""


type Side = Literal["primary", "replica"]
SIDES: tuple[Side, Side] = ("primary", "replica")


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

    def other(self, side: Side) -> Vault:
        return self.vault(opposite(side))

    @contextmanager
    def exclusively(self) -> Iterator["Site"]:
        """The firm's lock, held. What is yielded registers and deletes only while the lock is proven to be ours:
        ``RunLockLost`` otherwise. Raises ``AnotherRunIsActive``."""
        with self.postgres.exclusively() as lock:
            primary, replica = (vault.proving(lock.prove) for vault in self.vaults)
            yield replace(self, primary=primary, replica=replica)

    def hasty_store(self, side: Side) -> S3Store:
        """A vault's store, asked with little patience."""
        return _store(self.firm, side, self.hasty)

    def hasty_vault(self, side: Side) -> Vault:
        """A vault with such a store."""
        return self.vault(side).over(self.hasty_store(side))

    def hasty_vaults(self) -> Iterator[Vault]:
        """Both, the primary one first."""
        sides: tuple[Side, Side] = ("primary", "replica")
        return map(self.hasty_vault, sides)


def opposite(side: Side) -> Side:
    return "replica" if side == "primary" else "primary"


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
    kms = [_key(place_of(firm, side), clients), _key(place_of(firm, opposite(side)), hasty or clients)]
    vault = Vault(firm.id, _store(firm, side, clients), kms_envelope(kms))
    stand_in = VaultStandIn(vault, *(partial(kms_keyring, *key) for key in kms))
    return replace(vault, envelope=kms_envelope(kms, stand_in))


def _store(firm: Firm, side: Side, clients: Clients) -> S3Store:
    place = place_of(firm, side)
    s3, lock_mode = clients("s3", place.region), firm.policy.object_lock.mode
    return S3Store(place.bucket, place.region, s3, place.kms_key, lock_mode)


def place_of(firm: Firm, side: Side) -> VaultPlace:
    return firm.vaults.primary if side == "primary" else firm.vaults.replica


def _key(place: VaultPlace, clients: Clients) -> tuple[str, "_KmsClient"]:
    return place.kms_key, _KmsClient(clients, place.region)


@dataclass(frozen=True, slots=True)
class _KmsClient:
    """A client that is made when it is first used: most looks at a vault need no KMS."""

    clients: Clients
    region: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.clients("kms", self.region), name)
