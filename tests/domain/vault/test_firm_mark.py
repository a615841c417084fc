"""Which clusters are the firm's, and which of two vaults has not heard of the last one yet."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from muniment.domain.vault.firm_mark import FirmMark, FormerCluster

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def mark(current: int, *former: int) -> FirmMark:
    known = tuple(
        FormerCluster(system_identifier=each, until=AT + timedelta(days=number), adoption=f"a{number}")
        for number, each in enumerate(former)
    )
    return FirmMark(firm="acme", system_identifier=current, role="primary", created_at=AT, former=known)


def test_the_one_that_serves_comes_first_and_each_is_named_once() -> None:
    assert mark(3, 1, 2).clusters == (3, 2, 1)
    taken_back = mark(1, 1, 2)
    assert taken_back.clusters == (1, 2)
    assert taken_back.replaced_at(1) is None
    assert taken_back.replaced_at(2) == AT + timedelta(days=1)
    assert taken_back.replaced_at(7) is None


@dataclass(frozen=True)
class Taken:
    system_identifier: int
    at: int


def test_the_present_is_of_the_cluster_that_serves_whatever_is_newer() -> None:
    points = [Taken(1, 1), Taken(1, 2), Taken(2, 3)]
    assert mark(1, 1, 2).present(points) == (Taken(1, 1), Taken(1, 2))
    assert mark(2, 1).present(points) == (Taken(2, 3),)
    assert mark(3, 1, 2).present(points) == (Taken(2, 3),)
    assert mark(3).present(points) == ()


def test_a_vault_that_was_away_is_behind_and_a_stranger_is_not() -> None:
    for adopted in (mark(2, 1), mark(3, 1, 2), mark(1, 1, 2)):
        assert mark(1).precedes(adopted)
        assert not adopted.precedes(mark(1))
    assert mark(2, 1).precedes(mark(3, 1, 2))
    assert not mark(1).precedes(mark(1))
    assert not mark(7).precedes(mark(2, 1))
    assert not mark(2, 7).precedes(mark(3, 1, 2))
