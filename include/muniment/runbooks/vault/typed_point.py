"""A recovery point's id as a person typed it: what no vault lists was never there, or has expired. It is no damage."""

from bisect import bisect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.errors import NoSuchPoint, ObjectMissing

_ON_EACH_SIDE = 2


@contextmanager
def typed_point(point_id: str, *vaults: Vault | None) -> Iterator[None]:
    """Raises ``NoSuchPoint`` in the place of ``ObjectMissing`` where none of ``vaults`` lists the point.

    Where one of them does, something is missing: that stays what it is. One that does not answer is named so.
    """
    try:
        yield
    except ObjectMissing as missing:
        asked = [vault for vault in vaults if vault is not None]
        listed = {vault.bucket: catalog.point_ids(vault) for vault in asked}
        known = frozenset[str]().union(*(ids for ids in listed.values() if ids is not None))
        if point_id not in missing.facts["key"] or point_id in known or all(ids is None for ids in listed.values()):
            raise
        where = ", ".join(bucket if ids is not None else f"{bucket} (not seen)" for bucket, ids in listed.items())
        firm, nearest = asked[0].firm, nearest_ids(point_id, known)
        raise NoSuchPoint(firm=firm, point=point_id, where=where, nearest=nearest) from missing


def nearest_ids(point_id: str, known: Iterable[str]) -> str:
    """Ids sort by time."""
    ids = sorted(known)
    at = bisect(ids, point_id)
    return ", ".join(ids[max(0, at - _ON_EACH_SIDE) : at + _ON_EACH_SIDE]) or "none, there is no recovery point yet"
