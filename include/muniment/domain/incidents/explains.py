"""Which trouble is only what another one brings with it: then it is not told of by itself."""

from graphlib import TopologicalSorter

from muniment.domain.incidents.trouble import Cause, Scope, ScopeKind


def _of(*causes: Cause) -> frozenset[Cause]:
    return frozenset(causes)


_NIGHTS = _of("point-missing", "copy-missing", "verification-missing", "documents-missing", "configuration-missing")
_OWED = _NIGHTS | _of("drill-missing", "sign-off-missing")
_STORED = _OWED | _of("wal-at-risk", "archiver-failing", "task-failed")
_OF_DAGS = _of("dag-missing", "dag-broken", "dag-paused")

EXPLAINS: dict[Cause, frozenset[Cause]] = {
    "another-database": _NIGHTS | _of("lsn-went-back", "wal-hole", "archiver-failing", "wal-at-risk", "task-failed"),
    "lsn-went-back": _of("wal-at-risk"),
    "vault-unseen": _STORED | _of("key-unusable", "vault-settings"),
    "key-pending-deletion": _STORED | _of("key-unusable"),
    "key-unusable": _STORED,
    "server-unseen": _NIGHTS | _of("wal-at-risk", "archiver-failing", "task-failed"),
    "archiver-failing": _NIGHTS | _of("wal-at-risk", "task-failed"),
    "airflow-unseen": _OWED | _OF_DAGS | _of("scheduler-still", "queue-unserved", "pool-missing", "watch-late"),
    "scheduler-still": _OWED | _of("queue-unserved", "watch-late"),
    "firm-file-broken": _OWED | _OF_DAGS,
    "dag-missing": _OWED,
    "dag-broken": _OWED | _of("dag-missing"),
    "dag-paused": _OWED,
    "queue-unserved": _OWED | _of("watch-late"),
    "pool-missing": _OWED | _of("queue-unserved"),
    "watch-late": _OWED,
    "point-missing": _NIGHTS - _of("point-missing"),
}
"""Space under pg_wal is in none: a full file system stops the firm's work, and other hands have to make room. Nor does
anything of Airflow explain commits at risk: archive_command needs none of it."""

_BY_DAG: dict[str, frozenset[Cause]] = {
    "backup": _NIGHTS,
    "restore_test": _of("drill-missing"),
    "drill_sign_off": _of("sign-off-missing"),
}
"""What ``<firm>__<kind>`` leaves undone, be it that a task of it failed, that it is paused or that it is not there."""

FED = _of("task-failed")
"""Told once, when it happens: no pass sees it again, and none can judge it good."""

_OF_A_PLACE = _of("vault-unseen", "key-unusable", "key-pending-deletion")
_PLACES: frozenset[ScopeKind] = frozenset({"key", "bucket", "region"})


def explained_by(cause: Cause, scope: Scope) -> frozenset[Cause]:
    """Of one DAG only what that one owes."""
    own = _BY_DAG.get(scope.name.rpartition("__")[2], frozenset()) if scope.kind == "dag" else None
    if cause == "task-failed":
        return own or frozenset()
    found = EXPLAINS.get(cause, frozenset())
    return found if own is None else found - (_OWED - own)


def is_at_the_same_place(cause: Cause, of_cause: tuple[Scope, ...], of_effect: tuple[Scope, ...]) -> bool:
    """A vault or a key that fails explains what happens to that vault: what names no place, or another, it does not."""
    if cause not in _OF_A_PLACE:
        return True
    return bool({each for each in of_cause if each.kind in _PLACES} & set(of_effect))


def _ordered() -> dict[Cause, int]:
    graph: dict[Cause, set[Cause]] = {}
    for cause, effects in {**EXPLAINS, "task-failed": frozenset().union(*_BY_DAG.values())}.items():
        for effect in effects:
            graph.setdefault(effect, set()).add(cause)
    return {cause: number for number, cause in enumerate(TopologicalSorter(graph).static_order())}


ORDER = _ordered()
"""What explains comes before what it explains; causes that are not in it explain nothing."""
