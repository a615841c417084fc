"""An auth manager whose users read only some DAGs: SimpleAuthManager knows roles alone.

``MUNIMENT_TEST_DAG_RIGHTS`` is JSON, user → ids of DAGs; who is not in it has the rights of the role.
"""

import functools
import json
import os
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

VARIABLE = "MUNIMENT_TEST_DAG_RIGHTS"
PLACE = f"{__name__}.RightsByDag"


class RightsByDag(SimpleAuthManager):  # type: ignore[misc]  # Airflow is Any to mypy
    def is_authorized_dag(self, *, user: SimpleAuthManagerUser, **asked: Any) -> bool:
        if not super().is_authorized_dag(user=user, **asked):
            return False
        given = _rights().get(user.username)
        details = asked.get("details")
        # As the FAB auth manager: asked of no DAG, whoever reads one may go on.
        return given is None or details is None or details.id in given


@functools.cache
def _rights() -> dict[str, list[str]]:
    return dict(json.loads(os.environ.get(VARIABLE, "{}")))
