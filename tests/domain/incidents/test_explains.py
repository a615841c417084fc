"""The table of causes and what they bring with them."""

from typing import get_args

from muniment.domain.incidents.explains import EXPLAINS, ORDER, explained_by
from muniment.domain.incidents.trouble import Cause, Scope

CAUSES = frozenset(get_args(Cause.__value__))


def test_what_explains_comes_before_what_it_explains() -> None:
    for cause, effects in EXPLAINS.items():
        assert cause in CAUSES
        assert effects <= CAUSES
        assert all(ORDER[cause] < ORDER[effect] for effect in effects)


def test_what_nothing_makes_good_again_is_explained_by_nothing_lesser() -> None:
    """And a full pg_wal stops the firm's work, whatever has filled it."""
    explained = frozenset().union(*EXPLAINS.values())
    assert explained & {"another-database", "key-pending-deletion", "wal-space", "documents-vanishing"} == set()
    assert {cause for cause, effects in EXPLAINS.items() if "wal-hole" in effects} == {"another-database"}
    assert {cause for cause, effects in EXPLAINS.items() if "lsn-went-back" in effects} == {"another-database"}


def test_commits_at_risk_are_explained_by_nothing_of_airflow() -> None:
    of_airflow = {"airflow-unseen", "scheduler-still", "dag-paused", "queue-unserved", "pool-missing", "watch-late"}
    assert all("wal-at-risk" not in EXPLAINS[cause] for cause in of_airflow)


def test_a_failed_task_explains_what_its_own_dag_owes() -> None:
    of_backup = explained_by("task-failed", Scope(kind="dag", name="acme__backup"))
    assert "point-missing" in of_backup
    assert "drill-missing" not in of_backup
    assert explained_by("task-failed", Scope(kind="dag", name="acme__restore_test")) == {"drill-missing"}
    assert explained_by("task-failed", Scope(kind="dag", name="acme__restore")) == frozenset()
    assert explained_by("task-failed", Scope(kind="firm", name="acme")) == frozenset()


def test_a_paused_dag_explains_what_its_own_dag_owes() -> None:
    """And all of a firm's all of it."""
    drills = explained_by("dag-paused", Scope(kind="dag", name="acme__restore_test"))
    assert drills == {"drill-missing"}
    assert "point-missing" in explained_by("dag-paused", Scope(kind="dag", name="acme__backup"))
    assert {"point-missing", "drill-missing"} <= explained_by("dag-paused", Scope(kind="firm", name="acme"))
