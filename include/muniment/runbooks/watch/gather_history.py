"""What a firm's vaults tell of its nights, drills, restores and deletions: by listings, and what is new in them.

What is known is not read again: a register never changes. It leaves the history when it leaves the vault, which a
listing of the primary vault alone can say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from muniment.adapters.site.site import SIDES, Side, Site
from muniment.adapters.vault.authenticity import read_mark
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.nights import holes_of, related, windows_of
from muniment.domain.vault import keys
from muniment.errors import MunimentError
from muniment.ports import Clock
from muniment.runbooks.watch.listings import Listing, Listings
from muniment.runbooks.watch.new_registers import read_new
from muniment.runbooks.watch.parts_of_history import NIGHTS, Acts, Drills, Nights, Part, Restores, Stocks, newest

_TOLD = 20
_AWAY = {
    "primary": "the primary vault could not be asked: what left it since is still shown, and the replica told the rest",
    "replica": "the replica vault could not be asked: which points it has, and what it holds, is as it was",
}


def gather_history(
    site: Site,
    before: FirmHistory | None,
    *,
    clock: Clock,
    listings: Listings | None = None,
    answered: Sequence[Side] = SIDES,
) -> FirmHistory:
    """Seven listings, the mark, and at most ``READS`` registers: the next looks go on.

    ``answered``: which vaults have, just now. Where the primary one has not, the replica tells what is new, and nothing
    leaves the history. Raises what a ``Vault`` raises where the one that is asked cannot be listed.
    """
    now = clock()
    gathering = _Gathering(
        before or FirmHistory(firm=site.firm.id, read_at=now), listings or Listings(site), answered, now
    )
    return gathering.history()


@dataclass(frozen=True, slots=True)
class _Gathering:
    before: FirmHistory
    listings: Listings
    answered: Sequence[Side]
    now: datetime

    @property
    def _is_all(self) -> bool:
        return "primary" in self.answered

    @property
    def _listing(self) -> Listing:
        return self.listings.of("primary" if self._is_all else "replica")

    def history(self) -> FirmHistory:
        mark, nights = read_mark(self._listing.vault), self._nights()
        drills, restores, acts = self._drills(), self._restores(), self._acts()
        stocks, unlisted = self._stocks(nights.ids)
        parts: tuple[Part, ...] = (nights, drills, restores, acts, *stocks)
        read = read_new(chain.from_iterable(part.wanted() for part in parts), self.before.unread)
        seen = related(nights.seen(read), mark)
        return FirmHistory(
            firm=self.before.firm,
            read_at=self.now,
            unread=_at_most([*self._away(), *unlisted, *read.unread]),
            nights=seen,
            drills=tuple(sorted(drills.seen(read), key=lambda each: (each.started_at, each.id))),
            restores=tuple(sorted(restores.seen(read), key=lambda each: (each.finished_at, each.id))),
            acts=tuple(sorted(acts.seen(read), key=lambda each: (each.began_at, each.id))),
            windows=windows_of(seen),
            holes=holes_of(seen),
            stocks=tuple(
                sorted(chain.from_iterable(each.seen(read) for each in stocks), key=lambda each: each.stock.at)
            ),
        )

    def _nights(self) -> Nights:
        known = {night.point: night for night in self.before.nights}
        ids = newest(self._listing.point_ids, known, NIGHTS, is_all=self._is_all)
        in_replica = self.listings.in_replica if "replica" in self.answered else None
        return Nights(self._listing.vault, known, ids, in_replica)

    def _drills(self) -> Drills:
        known = {drill.id: drill for drill in self.before.drills}
        return Drills(self._listing.vault, known, frozenset(self._listing.drills), self.now, self._is_all)

    def _restores(self) -> Restores:
        known = {restore.id: restore for restore in self.before.restores}
        names = frozenset(self._listing.names(keys.RESTORES))
        return Restores(self._listing.vault, known, names, self._is_all)

    def _acts(self) -> Acts:
        known = {act.id: act for act in self.before.acts}
        names = frozenset(self._listing.names(keys.ACTS))
        return Acts(self._listing.vault, known, names, self.now, self._is_all)

    def _stocks(self, nights: Sequence[str]) -> tuple[list[Stocks], list[str]]:
        """Of both vaults, and why one could not be listed."""
        found, unlisted = [], []
        for side in SIDES:
            vault = self.listings.of(side).vault
            known = {each.stock.id: each for each in self.before.stocks if each.side == side}
            try:
                ids = self._stock_ids(side, nights[0]) if nights else []
            except MunimentError as error:
                ids = None
                unlisted.append(f"{vault.bucket}/{keys.STOCK}: {error.what}")
            found.append(Stocks(vault, side, known, ids))
        return found, unlisted

    def _stock_ids(self, side: Side, oldest: str) -> list[str] | None:
        """Since the oldest night: a vault has those of all its years."""
        if side not in self.answered:
            return None
        names = self.listings.of(side).names(keys.STOCK, after=keys.stock(oldest))
        return [name.removesuffix(".json") for name in names][-NIGHTS:]

    def _away(self) -> Iterator[str]:
        return (_AWAY[side] for side in SIDES if side not in self.answered)


def _at_most(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _TOLD
    return (*lines[:_TOLD], f"and {more:,} more") if more > 0 else tuple(lines)
