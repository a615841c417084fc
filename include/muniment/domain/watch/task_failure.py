"""A task of a firm's DAG that has failed for good, as a trouble: what is at stake for the firm, and until when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from muniment.domain.firm.firm import Firm, VaultPlace
from muniment.domain.incidents.trouble import Cause, Scope, Severity, Trouble
from muniment.domain.watch.owed import night_before

CAUSE: Cause = "task-failed"
_ASKED_FOR = frozenset({"restore", "adopt"})
"""Somebody waits for these."""


@dataclass(frozen=True, slots=True)
class FailedTask:
    """``what`` is the error's own words, without its KEPT and HINT. ``began_at``: the run."""

    dag: str
    run: str
    subject: str
    what: str
    kept: str
    hint: str
    began_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """``backup`` of ``acme__backup``."""
        return self.dag.rpartition("__")[2]


def scope_of(dag: str, run: str) -> Scope:
    """Of what is scheduled the DAG: its next run does what this one has not. What a person asked for is one run's."""
    is_asked_for = dag.rpartition("__")[2] in _ASKED_FOR
    return Scope(kind="dag", name=f"{dag}/{run}" if is_asked_for else dag)


def failure_trouble(firm: Firm, failed: FailedTask, now: datetime, *, severity: Severity | None = None) -> Trouble:
    """One that opens at once: nobody sees it a second time. Whoever restores has people who wait."""
    return Trouble(
        cause=CAUSE,
        firm=firm.id,
        tier=firm.tier,
        scopes=(scope_of(failed.dag, failed.run), *_places(firm, failed.what)),
        severity=severity or ("critical" if failed.kind in _ASKED_FOR else "error"),
        opens_at_once=True,
        subject=failed.subject,
        what=failed.what,
        kept=failed.kept,
        hint=failed.hint,
        at_stake=_STAKES.get(failed.kind, "").format(rto=firm.policy.recovery_class.rto),
        breaks_at=_breaks_at(firm, failed, now),
        seen_at=now,
        links=dict(failed.links),
    )


def fleet_trouble(failed: FailedTask, now: datetime) -> Trouble:
    """Of ``fleet__watch``: no firm's own, and every firm's."""
    return Trouble(
        cause=CAUSE,
        firm=None,
        scopes=(scope_of(failed.dag, failed.run),),
        severity="critical",
        opens_at_once=True,
        subject=failed.subject,
        what=failed.what,
        kept=failed.kept,
        hint=failed.hint,
        at_stake="nobody looks at any firm: what goes wrong now is told by nobody",
        seen_at=now,
        links=dict(failed.links),
    )


_STAKES = {
    "backup": "the night's recovery point: documents and configuration are as of the point before, the database as far"
    " as WAL reaches",
    "restore": "the firm's people wait for what was to be restored, promised within {rto}",
    "adopt": "no backup of this firm begins before its new cluster is adopted",
    "restore_test": "nobody has shown lately that this firm can be restored, and how long it takes",
    "drill_sign_off": "a quarter without the review that was promised",
}


def _breaks_at(firm: Firm, failed: FailedTask, now: datetime) -> datetime | None:
    """``None`` where that depends on what came before: the duty has its own incident then."""
    if failed.kind == "backup":
        return night_before(firm, now).grace_until
    if failed.kind == "restore" and failed.began_at is not None:
        return failed.began_at + firm.policy.recovery_class.rto
    return None


def _places(firm: Firm, what: str) -> Iterator[Scope]:
    """Of the vaults that the error names, and of no other: what is wrong with another one explains nothing here."""
    for place in (firm.vaults.primary, firm.vaults.replica):
        if _is_named(place, what):
            yield Scope(kind="key", name=place.kms_key)
            yield Scope(kind="bucket", name=place.bucket)
            yield Scope(kind="region", name=place.region)


def _is_named(place: VaultPlace, what: str) -> bool:
    return place.bucket in what or place.kms_key in what
