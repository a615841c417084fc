"""A firm's file may be there before its cluster, its connections and its vaults are.

Airflow starts a new DAG's last missed run at once. Until the firm's first check has passed, what a schedule starts and
what cannot be done yet is skipped, with the reason in its log; what a person triggers fails as it always does. A firm
that has recovery points is none of these, though this Airflow may be: one that was set up anew knows of no check.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from muniment import errors
from muniment.domain.vault import keys
from muniment_airflow.firms import registered_firm

if TYPE_CHECKING:
    from airflow.sdk import Context

# What is not there yet. Another firm's cluster or vault is no matter of waiting, and neither is what a drill has found.
_NOT_YET = (
    errors.AccessDenied,
    errors.CheckFailed,
    errors.CredentialsUnusable,
    errors.InvalidConfiguration,
    errors.KeyUnusable,
    errors.NothingToRestore,
    errors.ObjectMissing,
    errors.RightMissing,
    errors.ServerUnavailable,
    errors.SessionRefused,
    errors.StoreUnavailable,
    errors.UnmarkedVault,
)


@contextmanager
def skipped_while_onboarding(firm_id: str, context: "Context", ends_with: str) -> Iterator[None]:
    """``ends_with``: the task of ``<firm>__backup`` whose first success ends it."""
    try:
        yield
    except _NOT_YET as error:
        if not _is_scheduled(context) or _has_succeeded(context, f"{firm_id}__backup", ends_with):
            raise
        if _has_points(firm_id):
            raise
        message = (
            f"firm {firm_id} is onboarding: no {ends_with} of {firm_id}__backup has succeeded yet, so this is skipped"
            f" and nobody is told; trigger {firm_id}__backup, or run `muniment check {firm_id}`, once all is there."
            f"\n{error}"
        )
        raise AirflowSkipException(message) from error


def _is_scheduled(context: "Context") -> bool:
    return getattr(context["dag_run"], "run_type", None) == "scheduled"


def _has_points(firm_id: str) -> bool:
    """As far as either vault tells, with little patience and without the firm's cluster."""
    from botocore.exceptions import BotoCoreError, ClientError

    from muniment.adapters.site.logins import HASTY_CONFIG
    from muniment.adapters.site.site import SIDES, build_vault
    from muniment_airflow.hooks import aws_clients

    for side in SIDES:
        with suppress(errors.MunimentError, BotoCoreError, ClientError):
            firm = registered_firm(firm_id)
            vault = build_vault(firm, side, aws_clients(firm.aws_connection, HASTY_CONFIG))
            if next(vault.list(keys.POINTS), None) is not None:
                return True
    return False


def _has_succeeded(context: "Context", dag_id: str, task_id: str) -> bool:
    return bool(context["ti"].get_ti_count(dag_id=dag_id, task_ids=[task_id], states=["success"]))
