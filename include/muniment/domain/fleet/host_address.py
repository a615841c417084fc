"""Where the Recovery page is opened from elsewhere: inside of Airflow's own frame, as a person would find it there.

Airflow 3.3 keeps what its frame shows in its own address: behind ``/plugin/<route>`` the whole path of the page within,
so a base URL that has a path has it twice.
"""

from urllib.parse import quote, urlsplit

NAV = "recovery"
"""The route's name: the page's entry in the navigation."""


def recovery_page(page_url: str, *parts: str) -> str:
    """``page_url``: where people open Airflow, ``https://airflow.example.com/base``. ``parts``: of a page, as
    ``Frame.page`` takes them; without any the fleet."""
    base = page_url.rstrip("/")
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return f"{base}/plugin/{NAV}{urlsplit(base).path}/recovery{path or '/'}"
