"""What an address asks of the list of firms."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.query import COLUMNS, SHAPES, FleetQuery
from muniment.domain.fleet.standing import Standing
from muniment.errors import InvalidRequest
from tests.support.fleet_rows import NOW, firm_row

_text = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
_values = st.lists(_text, max_size=3)
_given = st.builds(
    lambda sort, turned, tiers, regions, states, q: [
        ("sort", f"{'-' * turned}{sort}"),
        *(("tier", tier) for tier in tiers),
        *(("region", region) for region in regions),
        *(("state", state) for state in states),
        ("q", q),
    ],
    st.sampled_from(COLUMNS),
    st.booleans(),
    _values,
    _values,
    st.lists(st.sampled_from(SHAPES)),
    st.just("") | _text,
)


@given(_given)
def test_its_address_asks_the_same(given_: list[tuple[str, str]]) -> None:
    query = FleetQuery.of(given_)
    address = Frame("", NOW).page(**query.address)
    assert FleetQuery.of(parse_qsl(urlsplit(address).query, keep_blank_values=True)) == query


@given(st.lists(st.tuples(st.text(max_size=8) | st.sampled_from(["q", "sort", "state"]), st.text(max_size=120))))
def test_whatever_is_given_is_a_query_or_said_to_be_wrong(given_: list[tuple[str, str]]) -> None:
    try:
        FleetQuery.of(given_)
    except InvalidRequest as error:
        assert error.what.count("\n") == error.facts["count"]


def test_every_fault_is_named_at_once_with_what_was_given_and_what_is_right() -> None:
    with pytest.raises(InvalidRequest) as caught:
        FleetQuery.of(
            [
                ("sort", "colour"),
                ("state", "red"),
                ("state", "risk"),
                ("q", "a\x00b"),
                ("tier", "x" * 101),
                ("tab", "1"),
                ("<script>", "1"),
            ]
        )
    assert caught.value.what == "\n".join(
        [
            "6 faults in what was asked for:",
            "sort: 'colour' is no column; right is one of state, firm, recover, rpo, point, drill, window, incidents,"
            " next, with - before it to turn it",
            "state: 'red' is no state; right is lost, risk, unknown, suspended, new, safe",
            "q: 'a[U+0000]b' has characters that cannot be typed; right is text in one line",
            f"tier: '{'x' * 40}…' has 101 characters; right are 100 at most",
            "'tab': there is no such parameter; there are sort, tier, region, state, q",
            "'<script>': there is no such parameter; there are sort, tier, region, state, q",
        ]
    )


def test_what_may_be_said_once_is_said_once() -> None:
    with pytest.raises(InvalidRequest, match="sort: it is given 2 times, and may be once"):
        FleetQuery.of([("sort", "rpo"), ("sort", "firm")])
    with pytest.raises(InvalidRequest, match="tier: it is given 201 times"):
        FleetQuery.of([("tier", str(number)) for number in range(201)])


def test_what_a_form_leaves_empty_is_not_given() -> None:
    assert FleetQuery.of([("q", ""), ("tier", ""), ("sort", ""), ("state", "")]) == FleetQuery()
    assert not FleetQuery().is_narrow
    assert Frame("/airflow", NOW).page(**FleetQuery().address) == "/airflow/recovery/"


@pytest.mark.parametrize(
    "q", ["SOHNE", "söhne", "so\N{COMBINING DIAERESIS}hne", "acme", "ohne ACM", "strasse", "sorensen"]
)
def test_it_finds_by_id_and_name_whatever_the_case_and_the_accents(q: str) -> None:
    row = firm_row("acme", name="Söhne & Sørensen, Straße 5")
    assert FleetQuery.of([("q", q)]).finds(row)
    assert not FleetQuery.of([("q", f"{q} nobody")]).finds(row)


def test_several_values_of_one_filter_are_either_and_two_filters_both() -> None:
    rows = [
        firm_row("a", tier="small", region="eu-west-1"),
        firm_row("b", tier="mid-size", region="eu-west-1"),
        firm_row("c", tier="demo", region="us-east-1"),
    ]
    either = FleetQuery.of([("tier", "small"), ("tier", "demo")])
    assert [row.firm for row in rows if either.finds(row)] == ["a", "c"]
    both = FleetQuery.of([("tier", "small"), ("tier", "demo"), ("region", "us-east-1")])
    assert [row.firm for row in rows if both.finds(row)] == ["c"]
    assert FleetQuery.of([("state", "lost"), ("state", "risk")]).shows(Standing("at risk"))
    assert not FleetQuery.of([("state", "lost")]).shows(Standing("safe"))
