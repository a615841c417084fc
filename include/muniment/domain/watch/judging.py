"""Which causes a pass was able to judge for a firm: what it could not see is neither good nor bad."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from muniment.domain.incidents.judged import JudgedFirm
from muniment.domain.incidents.trouble import Cause
from muniment.domain.watch.duty import Duty
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import places_of, ways_to
from muniment.domain.watch.rotation import WHOLE_LASTS

_OF_SERVER: frozenset[Cause] = frozenset(
    {"archiver-failing", "slot-holds-wal", "another-database", "lsn-went-back", "clock-skew"}
)
_OF_EVIDENCE: frozenset[Cause] = frozenset({"incomplete-point", "documents-vanishing"})
_OF_WHOLE_LOOK: frozenset[Cause] = frozenset({"key-unusable", "key-pending-deletion", "vault-settings"})
_OF_REGISTRY: frozenset[Cause] = frozenset({"left-registry", "firm-file-broken", "suspension-ends"})
_OF_AIRFLOW: frozenset[Cause] = frozenset({"dag-paused", "dag-missing", "dag-broken", "queue-unserved"})
CAUSE_OF_DUTY: dict[Duty, Cause] = {
    "nightly point": "point-missing",
    "second copy": "copy-missing",
    "verification": "verification-missing",
    "drill": "drill-missing",
    "sign-off": "sign-off-missing",
    "documents": "documents-missing",
    "configuration": "configuration-missing",
    "channel test": "channel-untested",
}


ONBOARDING = timedelta(days=1)
"""So long nobody is called for a firm whose file was there before its vaults: then somebody has forgotten it."""


_NOT_THERE_YET = frozenset(
    {
        "AccessDenied",
        "CredentialsUnusable",
        "InvalidConfiguration",
        "KeyUnusable",
        "MarkMissing",
        "ObjectMissing",
        "StoreRefused",
        "StoreUnavailable",
        "UnmarkedVault",
    }
)


def is_onboarding(seen: FirmSeen) -> bool:
    """None of its vaults was ever seen, and the watch has not known it for long."""
    is_new = seen.seen_at - seen.watched_since < ONBOARDING
    waits = all(vault.seen_at is None and vault.unseen_kind in _NOT_THERE_YET for vault in seen.vaults)
    return is_new and waits and not seen.left_registry_at


def judged_firm(seen: FirmSeen, *, airflow_seen: bool) -> JudgedFirm:
    return JudgedFirm(
        firm=seen.firm,
        causes=frozenset(_causes(seen, airflow_seen=airflow_seen)),
        scopes=(*places_of(*seen.vaults), *ways_to(seen)),
    )


def _causes(seen: FirmSeen, *, airflow_seen: bool) -> Iterator[Cause]:
    yield from ("server-unseen", "vault-unseen")
    yield from _OF_REGISTRY
    if airflow_seen:
        yield from _OF_AIRFLOW
    if seen.server_unseen is None and seen.server is not None:
        yield from _OF_SERVER
        if seen.wal_free_bytes is not None:
            yield "wal-space"
    yield from _of_vaults(seen)
    if seen.evidence is not None and seen.seen_at - seen.evidence.read_at <= WHOLE_LASTS:
        yield from _OF_EVIDENCE
    for state in seen.duties:
        if state.state != "unknown" and state.duty in CAUSE_OF_DUTY:
            yield CAUSE_OF_DUTY[state.duty]


def _of_vaults(seen: FirmSeen) -> Iterator[Cause]:
    """Of both, or of neither: where one is silent, what was wrong with it may still be."""
    if all(vault.unseen is None and vault.held is not None for vault in seen.vaults):
        yield "wal-hole"
    if all(vault.rpo_s is not None for vault in seen.vaults):
        yield "wal-at-risk"
    if all(_is_recent(vault.key_seen_at, seen) for vault in seen.vaults):
        yield from _OF_WHOLE_LOOK


def _is_recent(at: datetime | None, seen: FirmSeen) -> bool:
    return at is not None and seen.seen_at - at <= WHOLE_LASTS
