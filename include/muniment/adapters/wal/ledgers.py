"""The ledgers of verified WAL: what was found right, night by night, and what its records tell.

A busy firm's ledger has thousands of entries and there are hundreds of them. Their keys say which WAL each is about, so
only those are read that somebody needs, and few are in memory at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from muniment.adapters.concurrency import at_once
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.domain.wal.facts import LedgerSpan, SegmentFacts, VerifiedObject, VerifiedWal
from muniment.domain.wal.names import SystemIdentifier, is_segment

READ_AT_ONCE = 2
"""Each is a megabyte or two of JSON, and several times that when it is parsed."""

FACTS_KEPT = 10_000
"""Of how many segments what was read stays at hand."""


@dataclass(frozen=True)
class WalLedgers:
    """One cluster's, in one vault, as they are listed when they are asked for first."""

    vault: Vault
    system_identifier: SystemIdentifier

    @cached_property
    def spans(self) -> dict[str, LedgerSpan]:
        """By key, oldest first."""
        listed = self.vault.list(keys.verified_wal_prefix(self.system_identifier))
        found = ((item.key, LedgerSpan.parse(item.key)) for item in listed)
        return {key: span for key, span in found if span is not None}

    def read(self, key: str) -> VerifiedWal:
        return read_register(self.vault, VerifiedWal, key)

    def verified(self, names: Iterable[str]) -> Iterator[VerifiedObject]:
        """What any run has checked, of every ledger that may know of one of these files."""
        names = list(names)
        positions = [name[8:24] for name in names if is_segment(name[:24])]
        wanted = LedgerSpan.around(self.system_identifier, names, "0" * 16)
        wanted_keys = [key for key, span in self.spans.items() if not positions or span.overlaps(wanted)]
        for ledger in at_once(self.read, wanted_keys, READ_AT_ONCE):
            yield from ledger.files


@dataclass(frozen=True, eq=False)
class KnownFacts(Mapping[str, SegmentFacts]):
    """By segment name, what the newest ledger says of each; read when it is asked for, and forgotten again."""

    ledgers: WalLedgers
    _at_hand: dict[str, dict[str, SegmentFacts]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> SegmentFacts:
        for key in self._about(name):
            found = self._facts_in(key).get(name)
            if found is not None:
                return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        seen: set[str] = set()
        for key in self.ledgers.spans:
            fresh = self._facts_in(key).keys() - seen
            seen |= fresh
            yield from fresh

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _about(self, name: str) -> list[str]:
        """Newest first."""
        system, spans = self.ledgers.system_identifier, self.ledgers.spans
        return [key for key in reversed(spans) if spans[key].covers(system, name[8:24])]

    def _facts_in(self, key: str) -> dict[str, SegmentFacts]:
        if key not in self._at_hand:
            self._at_hand[key] = {facts.name: facts for facts in self.ledgers.read(key).facts}
            self._forget()
        self._at_hand[key] = self._at_hand.pop(key)  # the last one used comes last
        return self._at_hand[key]

    def _forget(self) -> None:
        while len(self._at_hand) > READ_AT_ONCE and sum(map(len, self._at_hand.values())) > FACTS_KEPT:
            del self._at_hand[next(iter(self._at_hand))]
