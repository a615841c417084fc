"""Another database under the firm's name, a log that went back, clocks apart: told before anything else of a firm."""

from collections.abc import Iterator

from muniment.domain.incidents.trouble import Severity, Trouble
from muniment.domain.watch.continuity import Break, breaks
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, trouble_of

_SEVERITY: dict[str, Severity] = {"another-database": "critical", "lsn-went-back": "critical", "clock-skew": "warning"}
_SUBJECT = {
    "another-database": "another database answers under this name",
    "lsn-went-back": "the database went back",
    "clock-skew": "the cluster's clock is not ours",
}


def continuity_troubles(seen: FirmSeen, before: FirmSeen | None) -> Iterator[Trouble]:
    """``seen``: of this pass. Nothing is told of a cluster that did not answer."""
    if seen.server is None or seen.server_unseen is not None:
        return
    allowed = {vault.system_identifier for vault in seen.vaults if vault.system_identifier is not None}
    found = breaks(
        seen.firm,
        before.server if before else None,
        seen.server,
        allowed=allowed,
        marks=before.marks if before else (),
        helds=[vault.held for vault in before.vaults] if before else (),
        abandoned=frozenset(seen.abandoned),
    )
    for each in found:
        yield trouble_of(
            seen, each.cause, _SEVERITY[each.cause], _words(seen, each), opens_at_once=each.cause != "clock-skew"
        )


def _words(seen: FirmSeen, found: Break) -> Words:
    if found.cause == "clock-skew":
        kept, stake = "everything", "ids, Object Lock and retention follow the clock"
        hint = "let NTP set both clocks"
    else:
        kept = "everything in the vaults; no backup and no WAL of another cluster is taken for the firm's"
        stake = "what is written now is not what the vaults hold: a restore brings back the other history"
        hint = (
            f"find out who restored or replaced the cluster; if it is meant to serve, `muniment adopt {seen.firm}`,"
            f" else let the connection lead to the firm's own"
        )
        if found.cause == "lsn-went-back":
            hint = f"find out who set the cluster back; take a full backup now: `muniment backup {seen.firm} --full`"
    return Words(subject=_SUBJECT[found.cause], what=found.what, kept=kept, hint=hint, at_stake=stake)
