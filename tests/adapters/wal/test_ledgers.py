"""However many ledgers there are, only those are read that somebody needs, and few are at hand."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.wal import ledgers as wal_ledgers
from muniment.adapters.wal.ledgers import KnownFacts, WalLedgers
from muniment.domain.record import new_id
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.wal.facts import SegmentFacts, VerifiedObject, VerifiedWal
from muniment.domain.wal.names import WalSegment
from muniment.runbooks.wal.verify_files import unverified
from tests.support.denials import denied_from

SYSTEM, SIZE = 7555555555555555555, 2**24
START = datetime(2026, 11, 20, 8, tzinfo=UTC)
NIGHTS, SEGMENTS = 20, 10

type Files = dict[str, ObjectVersion]


def names_of(night: int) -> list[str]:
    return [WalSegment(1, number, SIZE).name for number in range(night * SEGMENTS, (night + 1) * SEGMENTS)]


def write(site: Site, night: int, names: list[str], ended: int = 1) -> None:
    at = START + timedelta(days=night)
    ledger = VerifiedWal(
        firm=site.firm.id,
        system_identifier=SYSTEM,
        verified_at=at,
        files=tuple(VerifiedObject(name=name, stored_bytes=7, modified_at=START) for name in names),
        facts=tuple(SegmentFacts(name=name, ended=ended) for name in names),
    )
    key = keys.verified_wal(SYSTEM, new_id(at), min(names)[8:], max(names)[8:])
    site.primary.put_register(key, ledger, locked_until=None)


@pytest.fixture
def site(site17: Site) -> Site:
    for night in range(NIGHTS):
        write(site17, night, names_of(night))
    return site17


def listed(nights: range) -> Files:
    return {name: ObjectVersion(name, 7, START) for night in nights for name in names_of(night)}


def test_a_plan_reads_the_ledgers_of_the_segments_that_it_looks_into(site: Site) -> None:
    known = KnownFacts(WalLedgers(site.primary, SYSTEM))
    with denied_from(site, 10_000, only=frozenset({"GetObject", "ListObjectsV2"})) as seen:
        for name in names_of(7):
            assert known[name].ended == 1
        assert "000000010000000900000009" not in known
    assert seen == ["ListObjectsV2", "GetObject"]


def test_a_later_ledgers_word_counts(site: Site) -> None:
    write(site, NIGHTS, names_of(7)[-1:], ended=3)
    known = KnownFacts(WalLedgers(site.primary, SYSTEM))
    assert [known[name].ended for name in names_of(7)] == [1] * (SEGMENTS - 1) + [3]
    assert len(known) == NIGHTS * SEGMENTS


def test_what_was_read_is_forgotten_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_ledgers, "FACTS_KEPT", 4 * SEGMENTS)
    known = KnownFacts(WalLedgers(site.primary, SYSTEM))
    at_hand = []
    with denied_from(site, 10_000, only=frozenset({"GetObject"})) as seen:
        for night in range(NIGHTS):
            for name in names_of(night):
                assert known[name].ended == 1
                at_hand.append(sum(map(len, known._at_hand.values())))
    assert max(at_hand) == 4 * SEGMENTS
    assert len(seen) == NIGHTS


def test_a_night_reads_no_ledger_of_wal_that_is_gone(site: Site) -> None:
    files = listed(range(15, NIGHTS))
    new = WalSegment(1, NIGHTS * SEGMENTS, SIZE).name
    changed = names_of(16)[2]
    files |= {new: ObjectVersion(new, 7, START), changed: ObjectVersion(changed, 7, START + timedelta(days=1))}
    with denied_from(site, 10_000, only=frozenset({"GetObject"})) as seen:
        assert unverified(site.primary, SYSTEM, files).keys() == {new, changed}
    assert len(seen) == 5
