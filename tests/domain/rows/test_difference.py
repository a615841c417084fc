"""Rows of two instants, compared."""

from muniment.domain.rows.difference import RowSets, differences, requirements, with_requirements
from muniment.domain.rows.foreign_keys import Catalogue, Column, ForeignKey, Row, RowId, Table

COLUMNS = (Column("id", "int", is_nullable=False), Column("m", "int"), Column("text", "text"))
NOTES = Table("n", "s", "n", COLUMNS, ("id",))
MATTERS = Table("m", "s", "m", COLUMNS, ("id",))
KEYS = Catalogue({"n": NOTES, "m": MATTERS}, (ForeignKey("n_m", "n", ("m",), "m", ("id",)),))
COMMON = {"n": ("id", "m", "text"), "m": ("id", "text")}


def row(table: str, number: int, m: int | None = 1, text: str = "") -> dict[RowId, Row]:
    return {(table, (str(number),)): {"id": str(number), "m": None if m is None else str(m), "text": text}}


def sets(then: dict[RowId, Row], now: dict[RowId, Row], elsewhere: frozenset[RowId] = frozenset()) -> RowSets:
    return RowSets(then, now, frozenset(then) - elsewhere)


def test_every_kind_of_difference_sorted_as_a_person_sorts() -> None:
    then = row("n", 10) | row("n", 9, text="a") | row("n", 3, 2) | row("n", 1)
    now = row("n", 11) | row("n", 9, text="b") | row("n", 3, 1) | row("n", 1)
    found = differences(sets(then, now, frozenset({("n", ("3",))})), COMMON)
    assert [(change.row[1][0], change.change, change.columns) for change in found] == [
        ("3", "arrived", ("m",)),
        ("9", "changed", ("text",)),
        ("10", "deleted", ()),
        ("11", "added", ()),
    ]


def test_a_column_that_only_one_side_has_is_no_difference() -> None:
    then, now = row("m", 1, m=1), row("m", 1, m=2)
    assert differences(sets(then, now), COMMON) == ()


def test_a_row_that_comes_back_needs_its_parent_and_one_that_goes_needs_its_children_to_go() -> None:
    then = row("m", 1) | row("n", 1, 1)
    now = row("m", 2) | row("n", 2, 2)
    both = sets(then, now)
    needs = requirements(KEYS, both, differences(both, COMMON))
    assert with_requirements([("n", ("1",))], needs) == {("n", ("1",)), ("m", ("1",))}
    assert with_requirements([("m", ("2",))], needs) == {("m", ("2",)), ("n", ("2",))}
    assert with_requirements([("m", ("1",))], needs) == {("m", ("1",))}
