"""What a firm's file may leave out, and what then does not happen: warnings, because a night does without."""

from collections.abc import Iterator

from muniment.domain.finding import Finding
from muniment.domain.firm.firm import Firm


def omissions(firm: Firm) -> Iterator[Finding]:
    for what, remedy in (*_told(firm), *_approved(firm), *_proven(firm)):
        yield Finding(what, remedy, "warning")


def _told(firm: Firm) -> Iterator[tuple[str, str]]:
    if firm.cluster.live.data_directory and not firm.contact.told_by:
        yield (
            "nobody at the firm would be told of a restore into live: contact.told_by names no notifier",
            "name the firm's contact, and how it is told, in contact.",
        )


def _approved(firm: Firm) -> Iterator[tuple[str, str]]:
    if not firm.restore.approvers:
        yield (
            "nobody could approve a restore into live: restore.approvers is empty",
            "name them in restore.approvers; whoever asks never approves, so name two who may be asked.",
        )
    if firm.restore.approvers and not firm.cluster.live.data_directory:
        yield (
            "no restore of the whole firm could go live: cluster.live.data_directory is not set",
            "say in cluster.live where the cluster lies on its own host (docs/recovery.md).",
        )
    if not firm.drill_reviewers:
        yield "nobody would sign off a quarter's drill: drill_reviewers is empty", "name them in drill_reviewers."


def _proven(firm: Firm) -> Iterator[tuple[str, str]]:
    totals = firm.policy.control_totals
    if not totals.tables and not totals.sums:
        yield (
            "no row of the database would be counted: a restore is proven by its files alone",
            "name the application whose schema it has (applications/), or control_totals in policy.",
        )
    if not firm.documents:
        yield "no document would be kept: documents names no bucket", "name the firm's buckets in documents."
