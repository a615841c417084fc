"""What Airflow loads of Muniment beside the DAGs. Every task's process imports this too: it stays light."""

from airflow.plugins_manager import AirflowPlugin

from muniment_airflow import pools, run_notes
from muniment_airflow.recovery_page import mount


class MunimentPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is Any to mypy
    name = "muniment"
    listeners = (pools, run_notes)
    fastapi_apps = mount.fastapi_apps()
    external_views = mount.external_views()
