"""What Airflow takes over into its settings: it looks for this module in its ``config`` folder first, then here.

An Airflow that has one of its own there imports the name into it: docs/recovery-page.md.
"""

from muniment_airflow.recovery_page.home_alerts import DASHBOARD_UIALERTS

__all__ = ["DASHBOARD_UIALERTS"]
