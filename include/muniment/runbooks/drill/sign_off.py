"""A named person signs off a drill: the evidence is proven first, then the record is written, once, in both vaults."""

from collections.abc import Sequence
from datetime import datetime

from muniment.adapters.drill.records import (
    complete_sign_off,
    find_drill,
    find_sign_off,
    history_of,
    prove_evidence,
    sign_offs,
    write_sign_off,
    write_sign_off_pages,
)
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.rules import evidence_locked_until
from muniment.domain.drill.sign_off import Awaited, SignOff, awaited, quarter_of, why_none_waits
from muniment.domain.firm.firm import Firm
from muniment.errors import AlreadyRegistered, AlreadySignedOff, NotAReviewer
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault


def awaited_sign_offs(vault: Vault, firm: Firm, *, clock: Clock) -> tuple[Awaited, ...]:
    """The quarters' drills that wait for a reviewer, oldest first; none where the firm names no reviewers."""
    if not firm.drill_reviewers:
        return ()
    prove_vault(vault)
    return awaited(
        history_of(vault),
        sign_offs(vault),
        time_zone=firm.time_zone,
        within=firm.policy.drills.sign_off_within,
        now=clock(),
    )


def why_nobody_is_asked(vault: Vault, firm: Firm) -> str:
    """Where ``awaited_sign_offs`` has none."""
    if not firm.drill_reviewers:
        return "the firm's file names no drill_reviewers"
    return why_none_waits(history_of(vault), sign_offs(vault), time_zone=firm.time_zone)


def sign_off_drill(
    site: Site, *, drill_id: str, by: str, through: str, note: str, signed_at: datetime, clock: Clock
) -> SignOff:
    """Records that ``by`` has looked at this drill, whether it passed or failed. The same answer twice is one record.
    Whoever answers again completes the pages of the first answer.

    Raises ``NotAReviewer``, ``ObjectMissing`` for an unknown drill, ``ObjectDamaged`` where the evidence is not what
    was signed, ``AlreadySignedOff``.
    """
    _require_reviewer(site.firm, by)
    prove_vault(site.primary)
    prove_evidence(site.primary, drill_id)
    drill = find_drill(site.primary, drill_id)
    wanted = SignOff(
        firm=site.firm.id,
        drill=drill_id,
        drill_sha256=drill.sha256,
        verdict=drill.verdict,
        quarter=quarter_of(drill.finished_at, site.firm.time_zone),
        by=by,
        through=through,
        note=note,
        signed_at=signed_at,
        signing_key=site.firm.signing_key,
    )
    locked_until = evidence_locked_until(site.policy, clock())
    signed = _recorded(site, wanted, locked_until)
    write_sign_off_pages(site, drill, signed, locked_until=locked_until)
    return _same(signed, wanted)


def _recorded(site: Site, wanted: SignOff, locked_until: datetime) -> SignOff:
    there = complete_sign_off(site, wanted.drill, locked_until=locked_until)
    if there is not None:
        return there
    try:
        write_sign_off(site, wanted, locked_until=locked_until)
    except AlreadyRegistered:  # somebody else was faster
        return find_sign_off(site.replica, wanted.drill) or wanted
    return wanted


def _require_reviewer(firm: Firm, by: str) -> None:
    if by not in firm.drill_reviewers:
        reviewers: Sequence[str] = firm.drill_reviewers
        reason = f"its drill_reviewers are {', '.join(reviewers)}" if reviewers else "its file names no drill_reviewers"
        raise NotAReviewer(by=by, firm=firm.id, reason=reason)


def _same(there: SignOff, wanted: SignOff) -> SignOff:
    if there != wanted:
        at = f"{there.signed_at:%Y-%m-%d %H:%M} UTC"
        raise AlreadySignedOff(drill=there.drill, firm=there.firm, by=there.by, at=at)
    return there
