"""What the DAGs, files and pools of Airflow are called: what ``plugins/`` makes, and what the watch looks for."""

from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import shard_of

SHARDS = 8
"""DAG files: Airflow parses them beside each other."""

POOL_NAMES = ("muniment_heavy", "muniment_light", "muniment_restore")

FLEET_WATCH = "fleet__watch"

FIRM_KINDS = ("backup", "restore_test", "restore", "adopt", "drill_sign_off")
"""``<firm>__<kind>``."""

DAG_TAGS = (*FIRM_KINDS, "watch")
"""Each of our DAGs has its kind's: by these they are told from others that live in the same Airflow."""


def firm_dag_ids(firm: Firm) -> tuple[str, ...]:
    """All that Airflow should have of a firm whose file is sound."""
    kinds = ("backup", "restore_test", "restore", "adopt", *(["drill_sign_off"] if firm.drill_reviewers else []))
    return tuple(f"{firm.id}__{kind}" for kind in kinds)


def dag_file(firm_id: str) -> str:
    """Below the DAGs folder."""
    return f"firms_{shard_of(firm_id, SHARDS)}.py"


def firm_of_dag(dag_id: str) -> str | None:
    """``None``: by its name it is no firm's."""
    firm, divided, kind = dag_id.rpartition("__")
    return firm if divided and kind in FIRM_KINDS else None
