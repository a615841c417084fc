"""How one firm is looked at: its cluster and both vaults, with the watch's own rights and little patience."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from muniment.adapters.postgres.watch_look import look_at_server
from muniment.adapters.restore.records import rolled_back
from muniment.adapters.site.site import SIDES, Side, Site, place_of
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.watch.assembly import Unanswered
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen
from muniment.errors import InvalidConfiguration, MunimentError
from muniment.ports import Clock
from muniment.runbooks.watch.gather_evidence import gather_evidence
from muniment.runbooks.watch.gather_history import gather_history
from muniment.runbooks.watch.listings import Listings
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment.runbooks.watch.vault_remains import vault_remains

SERVER_TIMEOUT_S = 5.0


class Looks(Protocol):
    """One firm's. What blocks is called from a thread of its own."""

    @property
    def firm(self) -> Firm: ...

    @property
    def host(self) -> str | None:
        """Where the cluster listens."""

    async def server(self) -> ServerSeen | Unanswered: ...

    def get_ready(self) -> None:
        """Makes what looks at the vaults need, without a request: a busy machine's own time is none of a region's."""

    def vault(self, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool) -> VaultSeen:
        """Never raises."""

    def evidence(self) -> Evidence | Unanswered | None:
        """``None`` where nothing can be asked, and a vault says so already."""

    def history(self, before: FirmHistory | None, answered: Sequence[Side]) -> FirmHistory | None:
        """``answered``: the vaults that have, in this look. ``None`` where nothing new is known."""

    def abandoned(self) -> tuple[int, ...]:
        """Timelines that a roll-back on record has left; none where the records cannot be read."""

    def remains(self) -> bool:
        """Whether one of its vaults is there, or may be."""


@dataclass(frozen=True, slots=True)
class SiteLooks:
    """``site``: of ``firm.as_watched``. For one look: what it has listed is not listed again."""

    site: Site
    clock: Clock
    listings: Listings = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "listings", Listings(self.site))  # frozen, and made by no argument

    @property
    def firm(self) -> Firm:
        return self.site.firm

    @property
    def host(self) -> str | None:
        return self.site.postgres.host

    async def server(self) -> ServerSeen | Unanswered:
        try:
            return await look_at_server(self.site.postgres, timeout_s=SERVER_TIMEOUT_S, clock=self.clock)
        except MunimentError as error:
            return Unanswered(error.what, type(error).__name__)

    def get_ready(self) -> None:
        for vault in self.site.vaults:
            for service in ("s3", "kms"):
                self.site.hasty(service, vault.region)

    def vault(self, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool) -> VaultSeen:
        return look_at_vault(self.site, side, before, server, whole=whole, clock=self.clock)

    def evidence(self) -> Evidence | Unanswered:
        try:
            return gather_evidence(self.site, clock=self.clock, listings=self.listings)
        except MunimentError as error:
            return Unanswered(error.what, type(error).__name__)

    def history(self, before: FirmHistory | None, answered: Sequence[Side]) -> FirmHistory | None:
        try:
            return gather_history(self.site, before, clock=self.clock, listings=self.listings, answered=answered)
        except MunimentError:
            return None  # the vault that does not answer says so itself

    def abandoned(self) -> tuple[int, ...]:
        try:
            primary, _ = self.site.hasty_vaults()
            return tuple(back.abandoned for back in rolled_back(primary))
        except MunimentError:
            return ()

    def remains(self) -> bool:
        return any(vault_remains(self.site, side) is not False for side in SIDES)


@dataclass(frozen=True, slots=True)
class NoLooks:
    """A firm whose connections are not there: nothing can be asked, and that is what is told."""

    firm: Firm
    missing: MunimentError
    host: str | None = None

    async def server(self) -> ServerSeen | Unanswered:
        return Unanswered(self.missing.what, type(self.missing).__name__)

    def get_ready(self) -> None: ...

    def vault(self, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool) -> VaultSeen:
        return unseen(self.firm, side, before, self.missing.what, type(self.missing).__name__)

    def evidence(self) -> Evidence | None:
        return None

    def history(self, before: FirmHistory | None, answered: Sequence[Side]) -> FirmHistory | None:
        return None

    def abandoned(self) -> tuple[int, ...]:
        return ()

    def remains(self) -> bool:
        return True


def looks_of(firm: Firm, site_of: Callable[[Firm], Site], *, clock: Clock) -> Looks:
    """``site_of`` raises ``InvalidConfiguration`` where a connection is missing."""
    try:
        return SiteLooks(site_of(firm.as_watched), clock)
    except InvalidConfiguration as missing:
        return NoLooks(firm, missing)


def unseen(firm: Firm, side: Side, before: VaultSeen | None, why: str, kind: str) -> VaultSeen:
    """What was known stays, with its age."""
    place = place_of(firm, side)
    known = before or VaultSeen(side=side, bucket=place.bucket, region=place.region, key=place.kms_key, seen_at=None)
    return known.model_copy(update={"unseen": why, "unseen_kind": kind})


@dataclass(slots=True)
class QuietRegions:
    """A region that has answered none of so many firms is asked for few others in this pass: each would wait out its
    time, and a thousand of them the whole pass. One in so many is asked all the same: it may be their own fault."""

    unanswered: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)

    ENOUGH = 8

    def note(self, seen: VaultSeen) -> None:
        if seen.unseen_kind == "StoreUnavailable":
            self.unanswered[seen.region] += 1
        else:
            self.answered.add(seen.region)

    def is_quiet(self, region: str) -> bool:
        if region in self.answered or self.unanswered[region] < self.ENOUGH:
            return False
        self.skipped[region] += 1
        return self.skipped[region] % self.ENOUGH != 0

    def instead(self, side: Side, firm: Firm, before: VaultSeen | None) -> VaultSeen:
        """What is told of a vault that was not asked."""
        place = place_of(firm, side)
        why = f"{place.region} answered none of {self.unanswered[place.region]} firms in this pass; not asked"
        return unseen(firm, side, before, why, "StoreUnavailable")
