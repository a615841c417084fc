"""The firms by their ids. Names and files only, so DAG files may call it while they are parsed."""

from airflow.sdk import Asset

from muniment.domain.firm.firm import Firm
from muniment.registry import load_firm


def registered_firm(firm_id: str) -> Firm:
    """From the firm's own file, as it is now. Raises ``InvalidConfiguration``."""
    return load_firm(None, firm_id)


def recovery_point_asset(firm_id: str) -> Asset:
    """One event a registered recovery point; ``extra["point_id"]`` says which."""
    return Asset(f"muniment://{firm_id}/recovery-point")
