"""What one look lists of a firm's vaults: asked once, whoever of its readers wants it."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from muniment.adapters.drill.records import record_names
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.errors import ObjectMissing, StoreRefused, Transient


@dataclass
class Listing:
    """Of one vault. Each raises what a ``Vault`` raises, and is asked for again after that."""

    vault: Vault

    @cached_property
    def points(self) -> tuple[ObjectVersion, ...]:
        return tuple(self.vault.list(keys.POINTS))

    @property
    def point_ids(self) -> list[str]:
        """Ids begin with their instants: the oldest comes first."""
        return sorted(item.key.removeprefix(keys.POINTS).removesuffix(".json") for item in self.points)

    @cached_property
    def drills(self) -> list[str]:
        """As ``record_names``."""
        return record_names(self.vault)

    def names(self, prefix: str, *, after: str = "") -> list[str]:
        """What is behind ``prefix`` in each key, in order."""
        return [item.key.removeprefix(prefix) for item in self.vault.list(prefix, after=after)]


@dataclass
class Listings:
    """Of both vaults of one firm, in one look."""

    site: Site

    @cached_property
    def primary(self) -> Listing:
        return Listing(self.site.hasty_vault("primary"))

    @cached_property
    def replica(self) -> Listing:
        return Listing(self.site.hasty_vault("replica"))

    @cached_property
    def in_replica(self) -> frozenset[str] | None:
        """Points' ids; ``None`` where the replica vault cannot be asked now."""
        with suppress(Transient, StoreRefused, ObjectMissing):
            return frozenset(self.replica.point_ids)
        return None

    def of(self, side: Side) -> Listing:
        return self.primary if side == "primary" else self.replica
