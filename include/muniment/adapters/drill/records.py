"""The evidence of drills in a vault: that one began, what it found, what lies beside that, and who signed it off."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial

from muniment.adapters.drill.pages import find_pages, prove_pages, write_pages
from muniment.adapters.drill.proofs import Named, is_proven, signing_key, write_proof
from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import Damaged, get_authentic, going_past, parsed, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import BegunDrill, Drill, Pages, PastDrill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.record import Record
from muniment.domain.vault import keys
from muniment.errors import MunimentError, ObjectDamaged, ObjectMissing


def write_begun(site: Site, begun: BegunDrill, *, locked_until: datetime) -> None:
    """Into both vaults, before anything is restored."""
    for vault in (site.replica, site.primary):
        vault.put_register(keys.begun_drill(begun.id), begun, locked_until=locked_until)


def write_evidence(site: Site, drill: Drill, *, locked_until: datetime) -> None:
    """Proof, then evidence: now the drill exists. A vault that fails keeps nothing from the other one."""
    key, record = signing_key(site), drill.to_json()

    def write(vault: Vault) -> None:
        write_proof(vault, key, _beside_evidence(drill.id), record, locked_until=locked_until)
        vault.put_register(keys.drill(drill.id), drill, locked_until=locked_until)

    _in_each(site, write)


def complete_evidence(site: Site, *, locked_until: datetime) -> list[str]:
    """What one vault's failure has kept from it comes from the other, proven first. Returns the drills' ids."""
    return [
        *_completed(site.primary, site.replica, locked_until),
        *_completed(site.replica, site.primary, locked_until),
    ]


def _completed(vault: Vault, source: Vault, locked_until: datetime) -> list[str]:
    missing = [each for each in drill_ids(source) if each not in drill_ids(vault) and _is_proven(source, each)]
    for drill_id in missing:
        for key in (*(keys.beside_drill(drill_id, ending) for ending in ("sig", "pem", "seal")), keys.drill(drill_id)):
            if source.head(key) is not None and vault.head(key) is None:
                vault.put(key, source.get(key), locked_until=locked_until)
    return missing


def _is_proven(vault: Vault, drill_id: str) -> bool:
    try:
        prove_kept_evidence(vault, drill_id)
    except (ObjectDamaged, ObjectMissing):
        return False  # `muniment drills` tells
    return True


def prove_kept_evidence(vault: Vault, drill_id: str) -> None:
    """As ``prove_evidence``; also that the firm has written the evidence, the signature and the key that lies beside it
    under these names: what is written into the other vault gets the firm's code there."""
    for key in (keys.drill(drill_id), *(keys.beside_drill(drill_id, ending) for ending in ("sig", "pem"))):
        if vault.head(key) is not None:
            get_authentic(vault, key)
    prove_evidence(vault, drill_id)


def write_evidence_pages(site: Site, drill: Drill, *, locked_until: datetime) -> Pages:
    return write_pages(site, drill, None, _beside_evidence(drill.id), locked_until=locked_until)


def write_sign_off(site: Site, sign_off: SignOff, *, locked_until: datetime) -> None:
    """As ``write_evidence``; the same answer may be written again after a try that was killed.

    Raises ``AlreadyRegistered`` where another one is there.
    """
    key, record = signing_key(site), sign_off.to_json()
    for vault in (site.replica, site.primary):
        write_proof(vault, key, _beside_sign_off(sign_off), record, locked_until=locked_until)
    for vault in (site.replica, site.primary):
        vault.put_register(keys.sign_off(sign_off.drill), sign_off, locked_until=locked_until)


def write_sign_off_pages(site: Site, drill: Drill, sign_off: SignOff, *, locked_until: datetime) -> Pages:
    return write_pages(site, drill, sign_off, _beside_sign_off(sign_off), locked_until=locked_until)


def complete_sign_off(site: Site, drill_id: str, *, locked_until: datetime) -> SignOff | None:
    """The record, if this drill has one; what a killed try has left in the replica vault alone is now in both."""
    there = find_sign_off(site.replica, drill_id)
    if there is not None:
        site.primary.put_register(keys.sign_off(drill_id), there, locked_until=locked_until)
    return there


def drill_ids(vault: Vault) -> list[str]:
    """Of those that left evidence, in no order that means anything."""
    return [name for name in record_names(vault) if "." not in name]


def find_drill(vault: Vault, drill_id: str) -> Drill:
    return read_register(vault, Drill, keys.drill(drill_id))


def find_begun(vault: Vault, drill_id: str) -> BegunDrill:
    return read_register(vault, BegunDrill, keys.begun_drill(drill_id))


def drills(vault: Vault, damaged: Damaged | None = None) -> tuple[Drill, ...]:
    """Every drill of the firm that left evidence, oldest first.

    ``damaged`` is told of what is not as it was written, and the rest is returned: a drill or a restore does not depend
    on a record of old. Else raises ``ObjectDamaged`` for the first.
    """
    found = _intact(vault, Drill, [keys.drill(drill_id) for drill_id in drill_ids(vault)], damaged)
    return tuple(sorted(found, key=lambda drill: (drill.finished_at, drill.id)))


def begun_drills(vault: Vault, damaged: Damaged | None = None) -> tuple[BegunDrill, ...]:
    """Those that began and left no evidence, oldest first; one may be under way. ``damaged``: as for ``drills``."""
    names = record_names(vault)
    begun = [keys.begun_drill(drill_id) for drill_id in _begun_ids(names) if drill_id not in names]
    found = _intact(vault, BegunDrill, begun, damaged)
    return tuple(sorted(found, key=lambda drill: (drill.started_at, drill.id)))


def drills_begun(vault: Vault) -> int:
    """How many ever were, whatever became of them and of what they left."""
    return len({*drill_ids(vault), *_begun_ids(record_names(vault))})


def _begun_ids(names: Iterable[str]) -> list[str]:
    return [name.removesuffix(keys.BEGUN) for name in names if name.endswith(keys.BEGUN)]


def _intact[R: Record](vault: Vault, kind: type[R], found: Iterable[str], damaged: Damaged | None) -> Iterator[R]:
    read = going_past(damaged, partial(read_register, vault, kind))
    return (record for key in found if (record := read(key)) is not None)


def history_of(vault: Vault) -> list[PastDrill]:
    """Every drill that began, oldest first."""
    history = [each.as_past() for each in drills(vault)] + [each.as_past() for each in begun_drills(vault)]
    return sorted(history, key=lambda past: (past.finished_at, past.id))


def evidence_pages(vault: Vault, drill_id: str) -> Pages | None:
    return find_pages(vault, _beside_evidence(drill_id))


def evidence_file(vault: Vault, drill_id: str, ending: str) -> bytes:
    """As it is kept: a page, ``html`` or ``pdf``. Raises ``ObjectMissing``."""
    return vault.get(keys.beside_drill(drill_id, ending))


def find_sign_off(vault: Vault, drill_id: str) -> SignOff | None:
    """Without a look at any other, which may be damaged. Raises ``ObjectDamaged`` for this one."""
    try:
        return read_register(vault, SignOff, keys.sign_off(drill_id))
    except ObjectMissing:
        return None


def sign_offs(vault: Vault, damaged: Damaged | None = None) -> Mapping[str, SignOff]:
    """Drill id → who signed it off. ``damaged``: as for ``drills``."""
    signed = [name.removesuffix(keys.SIGN_OFF) for name in record_names(vault) if name.endswith(keys.SIGN_OFF)]
    return {each.drill: each for each in _intact(vault, SignOff, map(keys.sign_off, signed), damaged)}


def prove_evidence(vault: Vault, drill_id: str, *, public_key: bytes | None = None) -> None:
    """Raises ``ObjectDamaged`` where the evidence, or a page of it, is not what was signed or sealed, and
    ``ObjectMissing`` for its proof.

    ``public_key`` (PEM) is one that was kept outside of the vault.
    """
    evidence, named = vault.get(keys.drill(drill_id)), _beside_evidence(drill_id)
    is_signed_one = parsed(vault, Drill, keys.drill(drill_id), evidence).signing_key is not None
    if not is_proven(vault, evidence, named, is_signed_one=is_signed_one, public_key=public_key):
        raise vault.damaged(keys.drill(drill_id), "it is not what was signed when the drill ended")
    prove_pages(vault, named, of_sha256=hashlib.sha256(evidence).hexdigest(), public_key=public_key)


def prove_sign_off(vault: Vault, drill_id: str, *, public_key: bytes | None = None) -> None:
    """As ``prove_evidence``; also that the evidence is the one that the reviewer looked at."""
    text = vault.get(keys.sign_off(drill_id))
    sign_off = parsed(vault, SignOff, keys.sign_off(drill_id), text)
    is_signed_one, named = sign_off.signing_key is not None, _beside_sign_off(sign_off)
    try:
        is_right = is_proven(vault, text, named, is_signed_one=is_signed_one, public_key=public_key)
    except ObjectMissing:  # a record that was changed leads to another name
        is_right = False
    if not is_right:
        raise vault.damaged(keys.sign_off(drill_id), "it is not what was recorded when the drill was signed off")
    if hashlib.sha256(vault.get(keys.drill(drill_id))).hexdigest() != sign_off.drill_sha256:
        raise vault.damaged(keys.drill(drill_id), "it is not the evidence that was signed off")
    prove_pages(vault, named, of_sha256=sign_off.sha256, public_key=public_key)


def _in_each(site: Site, write: Callable[[Vault], None]) -> None:
    """Into both, and into the other one where the first fails. Raises what the first failure was."""
    failures: list[MunimentError] = []
    for vault in (site.replica, site.primary):
        try:
            write(vault)
        except MunimentError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def record_names(vault: Vault) -> list[str]:
    """Of the JSON documents, without their ending: evidence is named by its drill, that it began ``<id>.begun``."""
    found = (item.key.removeprefix(keys.DRILLS) for item in vault.list(keys.DRILLS))
    return [name.removesuffix(".json") for name in found if name.endswith(".json")]


def _beside_evidence(drill_id: str) -> Named:
    return lambda ending: keys.beside_drill(drill_id, ending)


def _beside_sign_off(sign_off: SignOff) -> Named:
    return lambda ending: keys.beside_sign_off(sign_off.drill, sign_off.sha256, ending)
