"""The few calls of Airflow's REST API that the demonstration makes."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from muniment.domain.secret import Secret

# The API gives no more at once ([api] maximum_page_limit).
_PAGE = 100
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True, slots=True)
class TaskState:
    dag_id: str
    task_id: str
    state: str | None
    seconds: float | None
    try_number: int


class AirflowApi:
    """Signed in as one user. Every call raises `httpx.HTTPError` where the answer is not a success."""

    def __init__(self, url: str, user: str, password: Secret) -> None:
        self.url = url
        # The environment may name a proxy, which knows nothing of this machine's own ports.
        # On a busy machine the API server is slow to answer, which is no fault.
        self._http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
        self._user, self._password = user, password

    def is_healthy(self, *, without: str | None = None) -> bool:
        try:
            parts = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        except (httpx.TransportError, httpx.HTTPStatusError):
            return False
        return all((parts.get(part) or {}).get("status") == "healthy" for part in _PARTS if part != without)

    def sign_in(self) -> str:
        """The token, which a browser has as a cookie ``_token``."""
        login = {"username": self._user, "password": self._password.reveal()}
        token = str(self._http.post("/auth/token", json=login).raise_for_status().json()["access_token"])
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._http.patch(path, json=body).raise_for_status().json()

    def dag_ids(self) -> set[str]:
        dags = self._get("/api/v2/dags", limit=1000)["dags"]
        return {dag["dag_id"] for dag in dags}

    def pause(self, dag_id: str, *, is_paused: bool) -> None:
        self.patch(f"/api/v2/dags/{dag_id}", {"is_paused": is_paused})

    def trigger(self, dag_id: str) -> str:
        """The run's id."""
        run = self._post(f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": {}})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def run_seconds(self, dag_id: str, run_id: str) -> float:
        """From its start to its end."""
        return float(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["duration"])

    def tasks(self, runs: Mapping[str, str]) -> list[TaskState]:
        """Of several DAGs' runs: `{dag_id: run_id}`."""
        return [
            TaskState(one["dag_id"], one["task_id"], one["state"], one["duration"], one["try_number"])
            for one in self._task_instances(runs)
            if runs.get(one["dag_id"]) == one["dag_run_id"]
        ]

    def _task_instances(self, runs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        for offset in itertools.count(step=_PAGE):
            asked = {"dag_ids": list(runs), "dag_run_ids": sorted(set(runs.values()))}
            page = {"page_limit": _PAGE, "page_offset": offset, "order_by": "id"}
            found = self._post("/api/v2/dags/~/dagRuns/~/taskInstances/list", {**asked, **page})["task_instances"]
            yield from found
            if len(found) < _PAGE:
                return

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> str:
        place = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{max(try_number, 1)}"
        events: Sequence[Any] = self._get(place, full_content="true")["content"]
        return "\n".join(_line(event) for event in events)

    def _get(self, path: str, **query: str | int) -> Any:
        return self._http.get(path, params=query).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()


def _line(event: Any) -> str:
    if not isinstance(event, dict):
        return str(event)
    details = event.get("error_detail") or ()
    causes = "".join(f"\n{one.get('exc_type')}: {one.get('exc_value')}" for one in details)
    return f"{event.get('timestamp') or ''} {event.get('level') or ''} {event.get('event', '')}{causes}".strip()
