"""How a local Airflow is told where everything is: environment variables only, so nothing is written into the tree."""

from pathlib import Path

USERS = {"admin": "admin", "lead": "op", "engineer": "user", "viewer": "viewer"}
"""SimpleAuthManager's users and their roles."""

PASSWORDS = "passwords.json"

# `airflow standalone` would start the same four, and serve the logs folder on every address of the machine besides:
# with LocalExecutor the API server reads the log files itself.
COMPONENTS: tuple[tuple[str, ...], ...] = (
    ("scheduler", "--skip-serve-logs"),
    ("dag-processor",),
    ("api-server",),
    ("triggerer", "--skip-serve-logs"),
)


def airflow_env(
    *,
    home: Path,
    project_root: Path,
    port: int,
    metadata_conn: str,
    registry_root: Path,
    parallelism: int = 4,
    keeps_schedules: bool = True,
) -> dict[str, str]:
    """To be laid over ``os.environ`` for every Airflow process. ``registry_root`` holds ``firms/`` and ``policies/``.

    ``keeps_schedules=False``: nothing runs but what is triggered.

    ``airflow_home.write_home`` comes first: a part that finds no airflow.cfg writes one with keys of its own.
    """
    url = f"http://127.0.0.1:{port}"
    return {
        **_places(home, project_root, registry_root),
        **_pace(parallelism),
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(keeps_schedules),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_conn,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / PASSWORDS),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _places(home: Path, project_root: Path, registry_root: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project_root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project_root / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "PYTHONPATH": str(project_root / "include"),
        "MUNIMENT_REGISTRY": str(registry_root),
        "MUNIMENT_WATCH_STORE": str(watch_store(home)),
    }


def watch_store(home: Path) -> Path:
    """What the watch saw, and its incidents."""
    return home / "watch" / "watch.sqlite"


def _pace(parallelism: int) -> dict[str, str]:
    """For one small machine: quick to react, and not for ever parsing files that did not change."""
    return {
        "AIRFLOW__CORE__PARALLELISM": str(parallelism),
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # On a busy machine the API server takes longer than the 5 seconds after which a task loses its try, and a file
        # is not read in the 30 or 50 after which it has no DAGs.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
    }
