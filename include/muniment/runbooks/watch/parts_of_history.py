"""The parts of a firm's history: of each, which registers are there, which are wanted, and what they then tell.

``is_all``: the listing is of the vault that decides what there is; else what was known stays beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muniment.adapters.host.processes import still_runs
from muniment.adapters.vault.vault import Vault
from muniment.domain.acts.act import Act, BegunAct, EndedAct
from muniment.domain.drill.evidence import BegunDrill, Drill
from muniment.domain.drill.rules import did_not_finish
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.fleet.history import ActSeen, DrillSeen, NightSeen, RestoreSeen, StockSeen
from muniment.domain.fleet.of_registers import act_seen, begun_seen, drill_seen, night_seen, restore_seen, signed
from muniment.domain.restore.record import RestoreRecord
from muniment.domain.retention.stock import Stock
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.watch.vault import VaultSide
from muniment.runbooks.watch.new_registers import Read, Wanted

NIGHTS, DRILLS, RESTORES, ACTS = 100, 100, 100, 200
"""That are kept, the newest ones."""
WENT = 30
"""Nights of which it is kept what went, and why: it is four fifths of a stock."""


class Part(Protocol):
    def wanted(self) -> Iterator[Wanted]:
        """Registers that are new, or may tell something new."""


def newest(listed: Iterable[str], known: Iterable[str], at_most: int, *, is_all: bool) -> list[str]:
    """Ids begin with their instants."""
    return sorted({*listed} if is_all else {*listed, *known})[-at_most:]


@dataclass(frozen=True, slots=True)
class Nights:
    """``in_replica``: ids of the points that it has registered; ``None`` where it cannot be asked."""

    vault: Vault
    known: Mapping[str, NightSeen]
    ids: Sequence[str]
    in_replica: frozenset[str] | None

    def wanted(self) -> Iterator[Wanted]:
        return (Wanted(self.vault, keys.point(each)) for each in self.ids if each not in self.known)

    def seen(self, read: Read) -> Iterator[NightSeen]:
        for each in self.ids:
            if night := self.known.get(each):
                yield night.model_copy(update={"in_replica": self._is_there(each, was=night.in_replica)})
            elif point := read.register(Point, self.vault, keys.point(each)):
                yield night_seen(point, in_replica=self._is_there(each, was=point.verified_replica_at is not None))

    def _is_there(self, point_id: str, *, was: bool) -> bool:
        return was if self.in_replica is None else point_id in self.in_replica


@dataclass(frozen=True, slots=True)
class Drills:
    vault: Vault
    known: Mapping[str, DrillSeen]
    names: frozenset[str]
    """As ``record_names`` has them."""
    now: datetime
    is_all: bool

    @property
    def ids(self) -> list[str]:
        begun = (name.removesuffix(keys.BEGUN) for name in self.names if name.endswith(keys.BEGUN))
        return newest([*begun, *(n for n in self.names if "." not in n)], self.known, DRILLS, is_all=self.is_all)

    def wanted(self) -> Iterator[Wanted]:
        for each in self.ids:
            known = self.known.get(each)
            if each in self.names:
                if known is None or known.finished_at is None:
                    yield Wanted(self.vault, keys.drill(each))
            elif f"{each}{keys.BEGUN}" in self.names and not (known and known.did_not_finish):
                yield Wanted(self.vault, keys.begun_drill(each))
            if f"{each}{keys.SIGN_OFF}" in self.names and not (known and known.signed_off_by):
                yield Wanted(self.vault, keys.sign_off(each))

    def seen(self, read: Read) -> Iterator[DrillSeen]:
        for each in self.ids:
            if (drill := self._one(read, each)) is not None:
                sign_off = read.register(SignOff, self.vault, keys.sign_off(each))
                yield signed(drill, sign_off) if sign_off else drill

    def _one(self, read: Read, drill_id: str) -> DrillSeen | None:
        if (drill := read.register(Drill, self.vault, keys.drill(drill_id))) is not None:
            return drill_seen(drill)
        if (begun := read.register(BegunDrill, self.vault, keys.begun_drill(drill_id))) is not None:
            runs = still_runs(begun.process)
            return begun_seen(begun, did_not_finish=did_not_finish(begun.started_at, runs=runs, now=self.now))
        return self.known.get(drill_id)


@dataclass(frozen=True, slots=True)
class Restores:
    vault: Vault
    known: Mapping[str, RestoreSeen]
    names: frozenset[str]
    is_all: bool

    @property
    def ids(self) -> list[str]:
        records = (name.removesuffix(".json") for name in self.names if name.endswith(".json"))
        return newest((each for each in records if "." not in each), self.known, RESTORES, is_all=self.is_all)

    def wanted(self) -> Iterator[Wanted]:
        return (Wanted(self.vault, keys.restore(each)) for each in self.ids if each not in self.known)

    def seen(self, read: Read) -> Iterator[RestoreSeen]:
        for each in self.ids:
            back = f"{each}{keys.ROLLED_BACK}" in self.names
            if known := self.known.get(each):
                yield known.model_copy(update={"was_rolled_back": back or known.was_rolled_back})
            elif record := read.register(RestoreRecord, self.vault, keys.restore(each)):
                yield restore_seen(record, was_rolled_back=back)


@dataclass(frozen=True, slots=True)
class Acts:
    vault: Vault
    known: Mapping[str, ActSeen]
    names: frozenset[str]
    now: datetime
    is_all: bool

    @property
    def ids(self) -> list[str]:
        """An end without a beginning is none that we wrote."""
        begun = (name.removesuffix(keys.BEGUN_JSON) for name in self.names if name.endswith(keys.BEGUN_JSON))
        return newest(begun, self.known, ACTS, is_all=self.is_all)

    def wanted(self) -> Iterator[Wanted]:
        for each in self.ids:
            ended = self.known[each].ended if each in self.known else "not finished yet"
            has_end = self._has_end(each)
            if ended in ("done", "failed") or (ended == "did not finish" and not has_end):
                continue
            yield Wanted(self.vault, keys.begun_act(each))
            if has_end:
                yield Wanted(self.vault, keys.act(each))

    def seen(self, read: Read) -> Iterator[ActSeen]:
        for each in self.ids:
            if (act := self._one(read, each)) is not None:
                yield act

    def _one(self, read: Read, act_id: str) -> ActSeen | None:
        """An end that is there and was not read leaves it as it was: it is none that did not finish."""
        begun = read.register(BegunAct, self.vault, keys.begun_act(act_id))
        ended = read.register(EndedAct, self.vault, keys.act(act_id))
        if begun is None or (ended is None and self._has_end(act_id)):
            return self.known.get(act_id)
        act = Act(begun, ended)
        return act_seen(act, act.end(runs=still_runs(begun.process), now=self.now))

    def _has_end(self, act_id: str) -> bool:
        return f"{act_id}.json" in self.names


@dataclass(frozen=True, slots=True)
class Stocks:
    """Of one vault. ``ids`` is ``None`` where it cannot be asked."""

    vault: Vault
    side: VaultSide
    known: Mapping[str, StockSeen]
    ids: Sequence[str] | None

    def wanted(self) -> Iterator[Wanted]:
        return (Wanted(self.vault, keys.stock(each)) for each in self.ids or () if each not in self.known)

    def seen(self, read: Read) -> Iterator[StockSeen]:
        found = list(self._found(read))
        for nights_ago, each in zip(reversed(range(len(found))), found, strict=True):
            told = {} if nights_ago < WENT else {"went": ()}
            short = each.stock.model_copy(update={**told, "next_goes": ()})
            yield each.model_copy(update={"stock": short}) if nights_ago else each

    def _found(self, read: Read) -> Iterator[StockSeen]:
        for each in sorted(self.known) if self.ids is None else self.ids:
            if known := self.known.get(each):
                yield known
            elif stock := read.register(Stock, self.vault, keys.stock(each)):
                yield StockSeen(side=self.side, stock=stock)
