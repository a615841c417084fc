"""What one vault proves of a firm's drills and sign-offs, without reading the drills of all its years."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from muniment.adapters.drill.records import find_begun, find_drill, find_sign_off
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import Drill
from muniment.domain.drill.sign_off import SignOff, awaited
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.errors import Damaged
from muniment.runbooks.drill.watch import not_finished

_TWO_QUARTERS = timedelta(days=200)
_MOST_DRILLS = 36


def drill_evidence(vault: Vault, firm: Firm, now: datetime, names: Sequence[str]) -> dict[str, object]:
    """The fields of ``Evidence`` that are about drills. ``names``: as ``record_names`` has them. Raises what a
    ``Vault`` raises."""
    ended = sorted((name for name in names if "." not in name), reverse=True)
    signed = sorted((each.removesuffix(keys.SIGN_OFF) for each in names if each.endswith(keys.SIGN_OFF)), reverse=True)
    drills = list(_recent(vault, ended, now))
    passed = next((each for each in drills if each.passed), None)
    last_signed = next(_sign_offs(vault, signed), None)
    return {
        "last_drill": passed.id if passed else None,
        "last_drill_at": passed.finished_at if passed else None,
        "last_drill_failed": bool(drills) and not drills[0].passed,
        "unfinished_drill": _unfinished(vault, names, now),
        "drill_rto_s": passed.recover_s if passed else None,
        "sign_off_due_at": _sign_off_due(firm, drills, signed, now),
        "last_sign_off_at": last_signed.signed_at if last_signed else None,
    }


def _recent(vault: Vault, ended: Sequence[str], now: datetime) -> Iterator[Drill]:
    """Newest first: those of two quarters, and older ones until one has passed. Ids are the instants of their begin."""
    since, has_passed = new_id(now - _TWO_QUARTERS), False
    for drill_id in islice(ended, _MOST_DRILLS):
        if drill_id < since and has_passed:
            return
        with suppress(Damaged):  # `muniment drills` tells; it has passed for nobody
            drill = find_drill(vault, drill_id)
            has_passed = has_passed or drill.passed
            yield drill


def _sign_offs(vault: Vault, signed: Sequence[str]) -> Iterator[SignOff]:
    for drill_id in signed:
        with suppress(Damaged):
            if (found := find_sign_off(vault, drill_id)) is not None:
                yield found


def _unfinished(vault: Vault, names: Sequence[str], now: datetime) -> str | None:
    """The last drill that began, where it left no evidence and does not run any more."""
    begun = max((name.removesuffix(keys.BEGUN) for name in names if name.endswith(keys.BEGUN)), default=None)
    if begun is None or begun in names or any("." not in name and name > begun for name in names):
        return None
    with suppress(Damaged):
        return next((each.id for each in not_finished([find_begun(vault, begun)], clock=lambda: now)), None)
    return None


def _sign_off_due(firm: Firm, drills: Sequence[Drill], signed: Sequence[str], now: datetime) -> datetime | None:
    if not firm.drill_reviewers:
        return None
    history = [each.as_past() for each in drills]
    within = firm.policy.drills.sign_off_within
    waiting = awaited(history, signed, time_zone=firm.time_zone, within=within, now=now)
    return min((each.due for each in waiting), default=None)
