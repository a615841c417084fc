"""A page's address inside of Airflow's frame, with a base URL that has a path and without one."""

import pytest

from muniment.domain.fleet.host_address import recovery_page


@pytest.mark.parametrize(
    ("page_url", "parts", "address"),
    [
        ("https://air.example.com", (), "https://air.example.com/plugin/recovery/recovery/"),
        (
            "https://air.example.com/",
            ("incident", "i1"),
            "https://air.example.com/plugin/recovery/recovery/incident/i1",
        ),
        (
            "https://example.com/airflow",
            ("incident", "a/b?"),
            "https://example.com/airflow/plugin/recovery/airflow/recovery/incident/a%2Fb%3F",
        ),
    ],
)
def test_what_a_person_opens(page_url: str, parts: tuple[str, ...], address: str) -> None:
    assert recovery_page(page_url, *parts) == address
