"""A drill's question to rows and documents: do they name each other?

Rows were recovered to one position, a snapshot is of an instant near it. What came in between, or went, is in the next
snapshot; behind the newest one only the live buckets know what is younger than it.
"""

from muniment.adapters.documents.cover import neighbours
from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.sync import names_of
from muniment.domain.evidence import Check, of_verdict
from muniment.domain.vault.registers import DocumentSnapshot
from muniment.errors import MunimentError
from muniment.runbooks.documents.check_references import check_references, younger_documents


def reference_checks(site: Site, vault: Vault, server: PostgresServer, snapshot: DocumentSnapshot) -> tuple[Check, ...]:
    """``server`` was recovered to a position between ``snapshot`` and the one after it.

    A document that could not be read was there: its row has not lost it. The drill names it among what is not proven.
    """
    references = site.policy.document_references
    names = names_of(snapshot.documents) | names_of(snapshot.unread)
    _, later = neighbours(vault, snapshot.taken_at)
    following = catalog.find_snapshot(vault, later.id) if later else None
    if following is not None:
        names |= names_of(following.versions) | names_of(following.unread)
    checks = check_references(server, references, names).checks
    if following is not None or not of_verdict(checks, False):
        return checks
    try:
        live = source_buckets(site.firm, site.clients)
        younger = set(younger_documents(live.values(), snapshot.taken_at))
    except MunimentError:
        return checks  # a drill does not need the live buckets: then what is not known is not there
    return check_references(server, references, names | younger).checks
