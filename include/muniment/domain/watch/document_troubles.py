"""What the newest recovery point lacks, and documents that go or change as under ransomware."""

from collections.abc import Iterator

from muniment.domain.incidents.trouble import Trouble
from muniment.domain.units import format_percent
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, trouble_of

# Fewer documents than these say nothing: one matter that is filed away is a large share of a small office.
_FEWEST = 50
_CHANGED_PERCENT = 30.0
"""In one night. People change a few per cent of a firm's documents in a day; ransomware writes over all it reaches."""
_LONGEST_LIST = 10


def document_troubles(seen: FirmSeen, shrink_limit_percent: float) -> Iterator[Trouble]:
    """``shrink_limit_percent``: the policy's, at which a night would have stopped."""
    if seen.evidence is None:
        return
    yield from _incomplete(seen, seen.evidence)
    yield from _vanishing(seen, seen.evidence, shrink_limit_percent)


def _incomplete(seen: FirmSeen, evidence: Evidence) -> Iterator[Trouble]:
    if not evidence.incomplete:
        return
    more = "" if len(evidence.incomplete) <= _LONGEST_LIST else "\n  …"
    listed = "".join(f"\n  {line}" for line in evidence.incomplete[:_LONGEST_LIST])
    yield trouble_of(
        seen,
        "incomplete-point",
        "warning",
        Words(
            subject="the last recovery point is incomplete",
            what=f"recovery point {evidence.last_point} of firm {seen.firm} lacks:{listed}{more}",
            kept="all else of the firm is in the point",
            hint=(
                "give the backup's role what it lacks, or take what nobody needs out of the firm's file;"
                f" `muniment points {seen.firm}` lists what each point lacks"
            ),
            at_stake="what is listed does not come back from that point",
        ),
    )


def _vanishing(seen: FirmSeen, evidence: Evidence, limit_percent: float) -> Iterator[Trouble]:
    before, now = evidence.documents_before, evidence.documents
    if before is None or now is None or before < _FEWEST:
        return
    lost = max(before - now, 0) if evidence.documents_vanished is None else evidence.documents_vanished
    gone, changed = 100.0 * lost / before, 100.0 * (evidence.documents_changed or 0) / before
    if gone < limit_percent / 2 and changed < _CHANGED_PERCENT:
        return
    is_gone = gone >= limit_percent / 2
    share = format_percent(round(gone if is_gone else changed, 1))
    yield trouble_of(
        seen,
        "documents-vanishing",
        "critical" if gone >= limit_percent else "error",
        Words(
            subject=f"{share} of the documents {'vanished' if is_gone else 'changed'} in one night",
            what=(
                f"of {before:,} documents of firm {seen.firm}, {share} {'vanished' if is_gone else 'changed'}"
                f" before recovery point {evidence.last_point}"
            ),
            kept="every version of every document that an earlier recovery point has",
            hint=f"ask the firm whether that was meant; `muniment documents {seen.firm} --help` restores what was not",
            at_stake="the firm's documents, where this is ransomware; the copies in the vaults are locked",
        ),
        opens_at_once=True,
    )
