"""The guard with Airflow's own auth manager behind it, in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow.api_fastapi.app import create_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser


@pytest.fixture
def signed_in(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, str]]]:
    """Cookies of a viewer."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "only-for-this-test" * 4)
    purge_cached_app()
    manager = create_auth_manager()

    def cookies() -> dict[str, str]:
        return {"_token": manager.generate_jwt(SimpleAuthManagerUser(username="viewer", role="VIEWER"))}

    yield cookies
    purge_cached_app()
