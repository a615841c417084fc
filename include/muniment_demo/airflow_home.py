"""What Airflow's parts find in their home (AIRFLOW_HOME) when they start: passwords, keys, and what to import first."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from muniment.domain.secret import Secret
from muniment_demo.airflow_env import PASSWORDS

# boto3, psycopg and the encryption SDK are 1.4 CPU-seconds of imports. LocalExecutor forks every task's process from
# the scheduler's, and the DAG processor one for every file: they have what their parent has.
# Of two modules of this name Airflow takes this one: what the other one has is imported.
_LOCAL_SETTINGS = """\
import sys

from muniment_airflow.recovery_page.home_alerts import DASHBOARD_UIALERTS

__all__ = ["DASHBOARD_UIALERTS"]
if "scheduler" in sys.argv:
    import muniment.runbooks.nightly.chain
elif "dag-processor" in sys.argv:
    import muniment.registry
"""


def write_home(home: Path, passwords: Mapping[str, Secret]) -> None:
    """Before the first of the parts starts. Fixed passwords instead of generated ones; for their owner only."""
    told = {user: password.reveal() for user, password in passwords.items()}
    _write_private(home / PASSWORDS, json.dumps(told))
    _write_private(home / "airflow.cfg", _new_keys())
    _write_private(home / "config" / "airflow_local_settings.py", _LOCAL_SETTINGS)


def _new_keys() -> str:
    """The ones that the parts share, for connections, sessions and tasks.

    Airflow would write them at its first start. Four parts start at once, and each would have keys of its own.
    """
    fernet_key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # As long as RFC 7518 (3.2) asks for HS512, Airflow's algorithm.
    secret_key, jwt_secret = secrets.token_hex(64), secrets.token_hex(64)
    return (
        f"[core]\nfernet_key = {fernet_key}\n[api]\nsecret_key = {secret_key}\n[api_auth]\njwt_secret = {jwt_secret}\n"
    )


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
