"""Airflow's API server with the Recovery page over a store that is filled, and Chromium in front of it.

Nothing else of Airflow runs: the DAGs of two firms are in its metadata, and nothing of them is ever started.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext

from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.watch.store import WatchStore
from muniment.domain.secret import Secret
from muniment_demo.airflow_env import USERS, airflow_env, watch_store
from muniment_demo.airflow_home import write_home
from muniment_demo.airflow_process import LocalAirflow
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files, firm_values
from tests.support import dag_rights
from tests.support.recovery_store import AT_RISK, SAFE, fill

PASSWORD = Secret("only-for-this-test")
ONE_FIRM, VIEWER = "engineer", "viewer"
"""Users: who reads the DAGs of ``SAFE`` alone, and who reads all."""
BASE = "/airflow"
"""Path of ``[api] base_url``."""
_START_TIMEOUT_S = 300

# One file for all of them: each that Airflow parses costs it a second.
_DAGS = """\
from muniment.domain.firm.dag_names import SHARDS
from muniment_airflow.firm_dags import firm_dags

globals().update({dag.dag_id: dag for shard in range(SHARDS) for dag in firm_dags(shard)})
"""


@dataclass(frozen=True)
class RecoveryPages:
    """``url`` has no slash at its end; ``opened_at`` is when the store was filled."""

    folder: Path
    url: str
    airflow: LocalAirflow
    opened_at: datetime

    @property
    def store(self) -> Path:
        return watch_store(self.folder)

    @property
    def origin(self) -> str:
        return self.url.removesuffix(BASE)

    @cached_property
    def tokens(self) -> dict[str, str]:
        return {user: self._token(user) for user in USERS}

    def _token(self, user: str) -> str:
        login = {"username": user, "password": PASSWORD.reveal()}
        answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=120, trust_env=False).raise_for_status()
        return str(answer.json()["access_token"])

    def get(self, path: str, user: str | None = "admin", method: str = "GET") -> httpx.Response:
        """``path`` begins with a slash, behind the base URL. Redirects are not followed."""
        cookies = {"_token": self.tokens[user]} if user else {}
        with httpx.Client(trust_env=False, timeout=120, cookies=cookies) as client:
            return client.request(method, f"{self.url}{path}")

    def framed(self, path: str = "") -> str:
        """The address inside of Airflow's frame of a page of ours; ``path`` begins without a slash."""
        return f"{self.url}/plugin/recovery{BASE}/recovery/{path}"

    @contextmanager
    def signed_in(self, browser: Browser, user: str = "admin", **more: object) -> Iterator[BrowserContext]:
        """``more``: as ``Browser.new_context`` has it."""
        context = browser.new_context(**more)  # type: ignore[arg-type]
        context.add_cookies([{"name": "_token", "value": self.tokens[user], "url": self.url}])
        try:
            yield context
        finally:
            context.close()


@contextmanager
def recovery_pages(folder: Path, metadata: Path) -> Iterator[RecoveryPages]:
    """``metadata``: an SQLite database with Airflow's tables, which is copied."""
    folder.mkdir(parents=True)
    shutil.copy(metadata, folder / "airflow.db")
    now = datetime.now(UTC)
    port = free_port()
    url = f"http://127.0.0.1:{port}{BASE}"
    environment = _environment(folder, port, url)
    _register(folder / "registry")
    watch_store(folder).parent.mkdir(parents=True)
    fill(WatchStore.open(str(watch_store(folder))), now)
    write_home(folder, dict.fromkeys(USERS, PASSWORD))
    airflow = LocalAirflow(folder, environment, lambda pid: None)
    (folder / "dags").mkdir()
    (folder / "dags" / "firms.py").write_text(_DAGS)
    _keep_dags(airflow, environment)
    airflow.start(only="api-server")
    try:
        pages = RecoveryPages(folder, url, airflow, now)
        _await(pages)
        yield pages
    finally:
        airflow.stop()


def _environment(folder: Path, port: int, url: str) -> dict[str, str]:
    rights = {ONE_FIRM: [f"{SAFE}__{kind}" for kind in ("backup", "restore", "restore_test", "adopt")]}
    return {
        **airflow_env(
            home=folder,
            project_root=ROOT,
            port=port,
            metadata_conn=f"sqlite:///{folder}/airflow.db",
            registry_root=folder / "registry",
        ),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__AUTH_MANAGER": dag_rights.PLACE,
        dag_rights.VARIABLE: json.dumps(rights),
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT}",
    }


def _register(root: Path) -> None:
    files = Files(root)
    (root / "firms" / "acme.yaml").unlink()
    for number, firm in enumerate((SAFE, AT_RISK), 1):
        files.write(f"firms/{firm}.yaml", firm_values(firm, number))


def _keep_dags(airflow: LocalAirflow, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "reserialize"],
        cwd=airflow.home,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=_START_TIMEOUT_S,
    )


def _await(pages: RecoveryPages) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        pages.airflow.require_running()
        try:
            if httpx.get(f"{pages.url}/api/v2/version", timeout=60, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise TimeoutError(pages.airflow.tail("api-server"))
