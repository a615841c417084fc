"""Orders that follow from foreign keys."""

import pytest

from muniment.domain.rows.foreign_keys import (
    Catalogue,
    Column,
    ForeignKey,
    NoOrder,
    Row,
    RowId,
    Table,
    digest,
    table_order,
    write_order,
)
from muniment.domain.rows.writes import RowWrites, phases


def table(name: str, *references: str, required: bool = False) -> Table:
    columns = [Column("id", "bigint", is_nullable=False)]
    columns += [Column(each, "bigint", is_nullable=not required) for each in references]
    return Table(name, "s", name, tuple(columns), ("id",))


def key(child: str, parent: str, *, deferrable: bool = False, link: bool = False) -> ForeignKey:
    return ForeignKey(f"{child}_{parent}", child, (parent,), parent, ("id",), is_deferrable=deferrable, is_link=link)


def catalogue(tables: list[Table], *keys: ForeignKey) -> Catalogue:
    return Catalogue({each.name: each for each in tables}, keys)


def rows(**found: dict[str, str | None]) -> dict[RowId, Row]:
    """``a_1={"b": "1"}``: row 1 of table a names row 1 of table b."""
    return {
        (name.split("_")[0], (name.split("_")[1],)): {"id": name.split("_")[1], **row} for name, row in found.items()
    }


CHAIN = catalogue([table("a", "b"), table("b", "c"), table("c")], key("a", "b"), key("b", "c"))


def test_parents_come_before_children_however_the_tables_are_called() -> None:
    found = write_order(CHAIN, rows(a_1={"b": "1"}, b_1={"c": "1"}, c_1={}))
    assert (found.tables, found.later) == (("c", "b", "a"), ())
    assert table_order(CHAIN, ["a", "b", "c"]) == ("c", "b", "a")


def test_rows_that_name_rows_elsewhere_are_in_nobodys_way() -> None:
    """A ring among the tables is none among these rows."""
    ring = catalogue([table("a", "b", required=True), table("b", "a", required=True)], key("a", "b"), key("b", "a"))
    found = write_order(ring, rows(a_1={"b": "1"}, b_1={"a": "7"}))
    assert found.tables == ("b", "a")
    with pytest.raises(NoOrder):
        table_order(ring, ["a", "b"])


def test_a_ring_is_broken_where_a_column_may_be_empty_for_a_moment() -> None:
    tables = [table("a", "b", required=True), table("b", "c"), table("c", "a", required=True)]
    ring = catalogue(tables, key("a", "b"), key("b", "c"), key("c", "a"))
    found = write_order(ring, rows(a_1={"b": "1"}, b_1={"c": "1"}, c_1={"a": "1"}))
    assert found.tables == ("b", "a", "c")
    assert found.columns_later(tables[1]) == ("c",)
    assert found.columns_later(tables[0]) == ()


def test_a_deferrable_key_needs_no_order_and_a_required_ring_has_none() -> None:
    tables = [table("a", "b", required=True), table("b", "a", required=True)]
    found = rows(a_1={"b": "1"}, b_1={"a": "1"})
    assert write_order(catalogue(tables, key("a", "b"), key("b", "a", deferrable=True)), found).later == ()
    with pytest.raises(NoOrder) as none:
        write_order(catalogue(tables, key("a", "b"), key("b", "a")), found)
    assert set(none.value.ring) == {"a", "b"}
    assert write_order(catalogue(tables, key("a", "b"), key("b", "a", link=True)), found).tables == ("b", "a")


def test_match_full_is_all_columns_or_none() -> None:
    child = Table(
        "a", "s", "a", (Column("id", "int", is_nullable=False), Column("x", "int"), Column("y", "int", False)), ("id",)
    )
    parent = Table(
        "b", "s", "b", (Column("x", "int", False), Column("y", "int", False), Column("a", "int", False)), ("x", "y")
    )
    back = ForeignKey("b_a", "b", ("a",), "a", ("id",))
    found: dict[RowId, Row] = {
        ("a", ("1",)): {"id": "1", "x": "1", "y": "1"},
        ("b", ("1", "1")): {"x": "1", "y": "1", "a": "1"},
    }
    for full in (False, True):
        there = ForeignKey("a_b", "a", ("x", "y"), "b", ("x", "y"), is_match_full=full)
        both = catalogue([child, parent], there, back)
        if full:
            with pytest.raises(NoOrder):
                write_order(both, found)
        else:
            assert write_order(both, found).columns_later(child) == ("x",)


def test_a_null_names_nothing() -> None:
    composite = ForeignKey("k", "a", ("x", "y"), "b", ("x", "y"))
    assert composite.values({"x": "1", "y": None}) is None
    assert composite.values({"x": "1", "y": "2"}) == ("1", "2")


def test_rows_that_a_changed_row_names_are_deleted_behind_it_and_all_others_first() -> None:
    before = rows(a_1={"b": "1"}, b_1={"c": "1"}, c_1={}, c_2={}, b_9={"c": "2"})
    after = rows(a_1={"b": None}, c_3={})
    found = phases(CHAIN, RowWrites(before, after))
    assert set(found.late_deletes.rows["b"]) == {("b", ("1",))}
    assert set(found.late_deletes.rows["c"]) == {("c", ("1",))}
    assert set(found.early_deletes.rows["b"]) == {("b", ("9",))}
    assert found.early_deletes.order.tables == ("c", "b")
    assert set(found.inserts.rows["c"]) == {("c", ("3",))}
    assert set(found.updates) == {("a", ("1",))}


def test_a_digest_tells_values_apart_and_not_their_order() -> None:
    row: Row = {"a": "1", "b": None}
    assert digest(row, ["a", "b"]) == digest({"b": None, "a": "1"}, ["b", "a"])
    assert len({digest({"a": "1", "b": value}, ["a", "b"]) for value in (None, "", "null", "1")}) == 4
