"""One way to write a name: as SQL does."""

import pytest

from muniment.domain.sql_names import ColumnPath, Identifier, TableName, near, spelled, split_key

HOW = 'double quotes around a part with capitals, blanks or signs, such as practice."TimeEntries"'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("practice.notes", ("practice", "notes")),
        ("Practice.TimeEntries", ("practice", "timeentries")),
        ('practice."TimeEntries"', ("practice", "TimeEntries")),
        ('"Firm Archive"."a=b"', ("Firm Archive", "a=b")),
        ('"it\'s ""x"""."a.b\\c %s"', ('it\'s "x"', "a.b\\c %s")),
        ("öffice.ÄKTEN", ("öffice", "Äkten")),
        ("public.order", ("public", "order")),
    ],
)
def test_a_name_is_read_as_sql_reads_it_and_written_so_that_it_reads_back(text: str, parts: tuple[str, str]) -> None:
    name = TableName.parse(text)
    assert (name.schema, name.table) == parts
    assert TableName.parse(str(name)) == name


def test_what_is_plain_stays_plain_and_a_keyword_does_not() -> None:
    assert str(TableName("practice", "notes")) == "practice.notes"
    assert str(TableName("user", "Notes")) == '"user"."Notes"'
    assert str(ColumnPath.parse("practice.ledger.Amount")) == "practice.ledger.amount"
    assert str(Identifier.parse('"Firm Archive"')) == '"Firm Archive"'
    assert split_key('practice."a:b":x:y') == (TableName("practice", "a:b"), "x:y")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("practice.Time Entries", f'is not a name as SQL writes it: {HOW}; do you mean practice."Time Entries"?'),
        ("notes", f"is not of the form schema.table: {HOW}; write public.notes if it is in public"),
        ("a.b.c", f"is not of the form schema.table: {HOW}"),
        ("", f"is not a name as SQL writes it: {HOW}"),
        ("a.", f"is not a name as SQL writes it: {HOW}"),
        ('a.""', f"is not a name as SQL writes it: {HOW}"),
        ('a."b', f"is not a name as SQL writes it: {HOW}"),
        ('a."b"c', f"is not a name as SQL writes it: {HOW}"),
        ("a b.c", f'is not a name as SQL writes it: {HOW}; do you mean "a b".c?'),
    ],
)
def test_what_is_misshapen_is_told_with_the_way_out(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=HOW) as refused:
        TableName.parse(text)
    assert str(refused.value) == f"{text!r} {said}"


def test_a_name_that_postgresql_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="has more than 63 bytes"):
        Identifier.parse("ä" * 32)


def test_the_name_that_was_meant_is_found_whatever_its_capitals() -> None:
    known = [TableName("practice", "TimeEntries"), TableName("practice", "notes")]
    assert near(TableName("practice", "timeentries"), known) == '; do you mean practice."TimeEntries"?'
    assert near("Practise", ["Practice", "archive"]) == "; do you mean Practice?"
    assert near(TableName("other", "x"), known) == ""
    assert spelled("a", "B") == 'a."B"'
