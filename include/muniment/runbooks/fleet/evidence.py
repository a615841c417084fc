"""A drill's evidence, read from both vaults beside each other, its proof checked, within seconds."""

import hashlib
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from muniment.adapters.drill.records import (
    evidence_file,
    evidence_pages,
    find_begun,
    find_sign_off,
    prove_kept_evidence,
    prove_sign_off,
)
from muniment.adapters.site.site import SIDES, Side, Site, place_of
from muniment.adapters.vault.authenticity import get_authentic, parsed
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import BegunDrill, Drill
from muniment.domain.fleet.kept_evidence import CopySeen, Ending, Proven
from muniment.domain.vault import keys
from muniment.errors import Damaged, MarkMissing, MunimentError, ObjectMissing
from muniment.runbooks.identity import prove_vault

DEADLINE_S = 8.0
"""Somebody waits for the page. A region that is away is told apart from one that answers well within it."""
_PROOFS = (".sig", ".pem", ".seal")
_PAGES: tuple[Ending, ...] = ("html", "pdf")


def look_at_evidence(site: Site, drill_id: str, pool: ThreadPoolExecutor) -> tuple[CopySeen, ...]:
    """The primary vault's copy and the replica's. Raises no ``MunimentError``: what cannot be read is said in its copy.

    ``site``: of ``firm.as_watched``. Whoever does not answer within ``DEADLINE_S`` is left behind in ``pool``.
    """
    asked = [pool.submit(_copy, site, side, drill_id) for side in SIDES]
    wait(asked, timeout=DEADLINE_S)
    return tuple(
        one.result() if one.done() else _away(site, side, f"it did not answer within {DEADLINE_S:.0f} s")
        for one, side in zip(asked, SIDES, strict=True)
    )


def _away(site: Site, side: Side, why: str) -> CopySeen:
    place = place_of(site.firm, side)
    return CopySeen(side, place.bucket, place.region, "away", why)


def _copy(site: Site, side: Side, drill_id: str) -> CopySeen:
    found = _away(site, side, "")
    try:
        vault = site.hasty_vault(side)
        prove_vault(vault)
        return _read(vault, found, drill_id)
    except Damaged as damage:
        return replace(found, copy="damaged", why=damage.what)
    except MunimentError as error:
        return replace(found, why=error.what)


def _read(vault: Vault, found: CopySeen, drill_id: str) -> CopySeen:
    try:
        text = get_authentic(vault, keys.drill(drill_id))
    except MarkMissing:
        raise
    except ObjectMissing:
        begun = _begun(vault, drill_id)
        return replace(found, copy="begun" if begun else "absent", begun=begun)
    drill = parsed(vault, Drill, keys.drill(drill_id), text)
    files, not_made = _pages(vault, drill_id)
    return replace(
        found,
        copy="there",
        drill=drill,
        proven=_proven(vault, drill),
        files={"json": text, **files},
        not_made=not_made,
        **_signed_off(vault, drill_id),
    )


def _begun(vault: Vault, drill_id: str) -> BegunDrill | None:
    try:
        return find_begun(vault, drill_id)
    except ObjectMissing:
        return None


def _proven(vault: Vault, drill: Drill) -> Proven:
    try:
        prove_kept_evidence(vault, drill.id)
    except MunimentError as error:
        return _unproven(error)
    return Proven("sealed" if drill.signing_key is None else "signed")


def _unproven(error: MunimentError) -> Proven:
    """A page that is gone is damage: the record of pages names it."""
    if isinstance(error, ObjectMissing) and str(error.facts["key"]).endswith(_PROOFS):
        return Proven("proof missing", error.what)
    return Proven("damaged" if isinstance(error, Damaged) else "not checkable", error.what)


def _signed_off(vault: Vault, drill_id: str) -> dict[str, Any]:
    try:
        sign_off = find_sign_off(vault, drill_id)
    except MunimentError as error:
        return {"sign_off_proven": _unproven(error)}
    if sign_off is None:
        return {}
    try:
        prove_sign_off(vault, drill_id)
    except MunimentError as error:
        return {"sign_off": sign_off, "sign_off_proven": _unproven(error)}
    proof = Proven("sealed" if sign_off.signing_key is None else "signed")
    return {"sign_off": sign_off, "sign_off_proven": proof}


def _pages(vault: Vault, drill_id: str) -> tuple[dict[Ending, bytes], dict[str, str]]:
    """Those that are what was made of the evidence; why not the others."""
    try:
        pages = evidence_pages(vault, drill_id)
    except MunimentError as error:
        return {}, dict.fromkeys(_PAGES, error.what)
    if pages is None:
        return {}, dict.fromkeys(_PAGES, "no page was made of it (yet)")
    found: dict[Ending, bytes] = {}
    not_made: dict[str, str] = dict(pages.not_made)
    for ending in _PAGES:
        if ending in pages.pages:
            try:
                found[ending] = _page(vault, drill_id, ending, pages.pages[ending])
            except MunimentError as error:
                not_made[ending] = error.what
    return found, not_made


def _page(vault: Vault, drill_id: str, ending: Ending, sha256: str) -> bytes:
    page = evidence_file(vault, drill_id, ending)
    if hashlib.sha256(page).hexdigest() != sha256:
        raise vault.damaged(keys.beside_drill(drill_id, ending), "it is not the page that was made of the evidence")
    return page
