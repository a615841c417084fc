"""The pages of drills and of sign-offs in the vaults: made when the evidence is there, proven by a record of their own.

A page that cannot be made is told in the record and ends nothing: the JSON is the evidence, a page only shows it.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from muniment.adapters.drill.page import page_of
from muniment.adapters.drill.pdf import pdf_of
from muniment.adapters.drill.proofs import Named, is_proven, signing_key, write_proof
from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import parsed, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import Drill, Pages
from muniment.domain.drill.sign_off import SignOff
from muniment.errors import AlreadyRegistered, ObjectMissing

RECORD = "pages.json"
_REASON_CHARS = 500


def write_pages(site: Site, drill: Drill, sign_off: SignOff | None, named: Named, *, locked_until: datetime) -> Pages:
    """Each page into both vaults, then the record of them and its proof; what a killed try has left is completed."""
    pages = _begun(site, named) or _written(site, drill, sign_off, named, locked_until)
    key = signing_key(site)
    for vault in (site.replica, site.primary):
        vault.put_register(named(RECORD), pages, locked_until=locked_until)
        write_proof(vault, key, _proof(named), pages.to_json(), locked_until=locked_until)
    return pages


def find_pages(vault: Vault, named: Named) -> Pages | None:
    """``None`` where none are told of: whoever made them was killed, or has not ended yet."""
    try:
        return read_register(vault, Pages, named(RECORD))
    except ObjectMissing:
        return None


def prove_pages(vault: Vault, named: Named, *, of_sha256: str, public_key: bytes | None) -> None:
    """Raises ``ObjectDamaged`` where a page, or the record of them, is not what was made of this evidence."""
    try:
        record = vault.get(named(RECORD))
    except ObjectMissing:
        return  # whoever made them was killed, or has not ended yet
    pages = parsed(vault, Pages, named(RECORD), record)
    is_signed_one = pages.signing_key is not None
    proven = is_proven(vault, record, _proof(named), is_signed_one=is_signed_one, public_key=public_key)
    if not proven or pages.of_sha256 != of_sha256:
        raise vault.damaged(named(RECORD), "it is not what was recorded when the pages were made")
    for ending, sha256 in pages.pages.items():
        if hashlib.sha256(vault.get(named(ending))).hexdigest() != sha256:
            raise vault.damaged(named(ending), "it is not the page that was made of the evidence")


def _begun(site: Site, named: Named) -> Pages | None:
    found = (find_pages(vault, named) for vault in (site.replica, site.primary))
    return next((pages for pages in found if pages is not None), None)


def _written(site: Site, drill: Drill, sign_off: SignOff | None, named: Named, locked_until: datetime) -> Pages:
    made, not_made = dict[str, str](), dict[str, str]()
    for ending in _MAKERS:
        content, reason = _made(ending, drill, sign_off)
        refused = reason or _not_stored(site, named(ending), content, locked_until)
        if refused:
            not_made[ending] = refused
        else:
            made[ending] = hashlib.sha256(content).hexdigest()
    return Pages(
        firm=drill.firm,
        drill=drill.id,
        of_sha256=sign_off.sha256 if sign_off else drill.sha256,
        pages=made,
        not_made=not_made,
        signing_key=site.firm.signing_key,
    )


_MAKERS: Mapping[str, Callable[[Drill, SignOff | None], bytes]] = {
    "html": lambda drill, sign_off: page_of(drill, sign_off).encode(),
    "pdf": pdf_of,
}


def _made(ending: str, drill: Drill, sign_off: SignOff | None) -> tuple[bytes, str]:
    """The page, or why there is none."""
    try:
        return _MAKERS[ending](drill, sign_off), ""
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the typesetter's is no Exception
        return b"", f"{type(error).__name__}: {error}"[:_REASON_CHARS]


def _not_stored(site: Site, key: str, content: bytes, locked_until: datetime) -> str:
    """Why not. Whoever was killed may have left a page that another release made."""
    try:
        for vault in (site.replica, site.primary):
            vault.put(key, content, locked_until=locked_until)
    except AlreadyRegistered:
        return "another release has left a page that it did not record"
    return ""


def _proof(named: Named) -> Named:
    return lambda ending: named(f"pages.{ending}")
