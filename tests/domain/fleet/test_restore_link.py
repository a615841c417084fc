from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.restore_link import PREFIX, restore_form
from muniment.domain.restore.form_target import target_of

NOW = datetime(2026, 11, 28, 6, tzinfo=UTC)
FRAME = Frame("/airflow", NOW)


def fields_of(address: str) -> dict[str, str]:
    query = parse_qs(urlsplit(address).query, strict_parsing=True)
    return {name.removeprefix(PREFIX): value for name, [value] in query.items()}


def test_the_address_is_that_of_the_tab_beside_the_form() -> None:
    address = restore_form(FRAME, "hartwell", instant=NOW, point=None, side="replica")
    assert urlsplit(address).path == "/airflow/dags/hartwell__restore/plugin/recovery-of-dag"
    assert fields_of(address)["side"] == "replica"


def test_the_form_reads_the_instant_of_the_address_to_the_microsecond() -> None:
    there = datetime(2026, 11, 28, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=-5)))
    fields = fields_of(restore_form(FRAME, "hartwell", instant=there, point="20261127T020000Z", side="primary"))
    target = target_of({"time": None, "position": None, "timeline": None, **fields}, "America/New_York")
    assert (target.kind, datetime.fromisoformat(target.value)) == ("time", there)


def test_a_point_is_named_where_there_is_no_instant() -> None:
    fields = fields_of(restore_form(FRAME, "hartwell", instant=None, point="20261127T020000Z", side="primary"))
    assert fields == {"target": "point", "position": "20261127T020000Z", "side": "primary"}


def test_without_either_it_goes_as_far_as_the_wal_reaches() -> None:
    fields = fields_of(restore_form(FRAME, "hartwell", instant=None, point=None, side="primary"))
    assert fields == {"target": "latest", "side": "primary"}
