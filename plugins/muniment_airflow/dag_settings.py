"""What the DAGs of a firm have in common: pools, time-outs, tags, retries, and who is told when a step fails."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muniment.domain.firm.dag_names import POOL_NAMES
from muniment.domain.firm.firm import Firm
from muniment_airflow.failures import RETRIES
from muniment_airflow.notifiers import OnCallHearsTheEnd, OnCallNotifier

HEAVY_POOL, LIGHT_POOL, RESTORE_POOL = POOL_NAMES
MINUTES, HOURS, BULK = timedelta(minutes=15), timedelta(hours=2), timedelta(hours=12)


_READ: Mapping[str, str] = {
    "backup": "nightly recovery point",
    "restore": "restore",
    "restore_test": "restore drill",
    "adopt": "a new cluster under the old name",
    "drill_sign_off": "sign-off of the quarter's drill",
}


def display_name(firm: Firm, kind: str) -> str:
    """What people read in Airflow's lists: ``Hartwell & Stone: nightly recovery point``."""
    return f"{firm.name}: {_READ[kind]}"


def common_settings(firm: Firm, kind: str, pool: str) -> dict[str, Any]:
    """A new firm is backed up from its first night on: its DAGs do not wait for somebody to unpause them."""
    on_call = OnCallNotifier(firm=firm)
    region = firm.vaults.primary.region
    return {
        "dag_display_name": display_name(firm, kind),
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": False,
        "tags": [kind, f"firm:{firm.id}", f"tier:{firm.tier}", f"region:{region}"],
        "default_args": {
            **RETRIES,
            "owner": "muniment",
            "pool": pool,
            "queue": firm.queue,
            "on_failure_callback": on_call,
        },
        "on_failure_callback": on_call,
        "on_success_callback": OnCallHearsTheEnd(),
    }


def of_step(task_id: str, name: str) -> str:
    """What an earlier step returned under this name."""
    return f"{{{{ ti.xcom_pull(task_ids='{task_id}')['{name}'] }}}}"
