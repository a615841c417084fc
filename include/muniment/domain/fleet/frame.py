"""Where a page is shown: the addresses that its links are made of, and the instant that it is shown at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Frame:
    """``airflow``: path of Airflow's own pages without a slash at the end, empty where it has none (``/airflow`` for a
    base URL of ``https://host/airflow``)."""

    airflow: str
    now: datetime
    stale: str | None = None
    """Why what is shown may be old, in a sentence: the store or the watch is away. Shown at the top of each page."""
    documents: str = "https://github.com/muniment/muniment/blob/main/"
    """Where ``docs/monitoring.md`` and its kin are read."""

    def page(self, *parts: str, **query: str | int | Sequence[str] | None) -> str:
        """An address of ours, ``page("firm", "hartwell")``: each part is quoted. Of several values each is said."""
        path = "".join(f"/{quote(part, safe='')}" for part in parts)
        return f"{self.airflow}/recovery{path or '/'}{_query(query)}"

    def static(self, name: str) -> str:
        return f"{self.airflow}/recovery/static/{quote(name)}"

    def dag(self, dag_id: str) -> str:
        return f"{self.airflow}/dags/{quote(dag_id, safe='')}"

    def run(self, dag_id: str, run_id: str) -> str:
        return f"{self.dag(dag_id)}/runs/{quote(run_id, safe='')}"


def in_address(at: datetime) -> str:
    """``2026-11-20T18:00:00Z``; with microseconds where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _query(query: Mapping[str, str | int | Sequence[str] | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""
