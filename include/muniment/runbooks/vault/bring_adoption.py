"""Tells the replica's vault of a cluster that was adopted while it was away, or half-way when a run was killed.

An adoption takes effect where the primary's ``firm.json`` names the new cluster: one object, written at once. Until the
replica has heard of it, it is behind and not wrong (``FirmMark.precedes``).
"""

from datetime import datetime

from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import get_authentic, written
from muniment.adapters.vault.overwriting import mend
from muniment.adapters.vault.replication import VaultCopy
from muniment.adapters.vault.vault import Vault
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import AlreadyRegistered
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.vault.copy_to_replica import bring_wal_of


def bring_adoption(site: Site, *, clock: Clock) -> tuple[str, ...]:
    """What was written, nothing where the replica knows already: records, the old cluster's last WAL, then the mark.

    Needs no connection to either cluster. Raises what a ``Vault`` raises.
    """
    mark, replica = prove_vault(site.primary), prove_vault(site.replica)
    if not replica.precedes(mark):
        return ()
    now = clock()
    records = tuple(_bring_record(site, each.adoption, now + site.policy.audit_log) for each in mark.former)
    between = VaultCopy(site.primary, site.replica, site.policy.documents.copies_at_once)
    bring_wal_of(between, replica.system_identifier, chain_locked_until(site.policy, now))
    write_mark(site.replica, replica, mark)
    return (*filter(None, records), f"{site.replica.bucket}: {keys.FIRM} names cluster {mark.system_identifier}")


def _bring_record(site: Site, adoption_id: str, locked_until: datetime) -> str | None:
    key = keys.adopted(adoption_id)
    if site.replica.head(key) is not None:
        return None
    site.replica.put(key, get_authentic(site.primary, key), locked_until=locked_until)
    return f"{site.replica.bucket}: {key}"


def write_mark(vault: Vault, before: FirmMark, mark: FirmMark) -> None:
    """``mark``'s clusters over the mark that is there, which must be ``before`` still.

    Raises ``AlreadyRegistered`` where somebody else has written it since.
    """
    there = vault.find(keys.FIRM)
    if prove_vault(vault) != before:
        raise AlreadyRegistered(key=keys.FIRM, bucket=vault.bucket)
    clusters = {"system_identifier": mark.system_identifier, "former": mark.former}
    body, metadata = written(vault, before.model_copy(update=clusters))
    mend(vault, keys.FIRM, body, over=there.etag, locked_until=None, metadata=metadata)
