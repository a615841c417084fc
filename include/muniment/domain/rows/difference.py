"""What hung on a matter at an instant, compared row by row with what hangs on it now, by primary key."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from muniment.domain.rows.foreign_keys import Catalogue, Row, RowId, Rows

type Change = Literal["deleted", "changed", "added", "arrived"]
"""Since then. ``arrived``: it was there, and hung on something else."""

_EMPTY: Row = {}


@dataclass(frozen=True, slots=True)
class RowSets:
    """``then`` and ``now`` hold both images of every row that hung on the matter at either time, where there is one.

    ``hung``: what hung on it then. ``parents``: rows that it names, which are not its own and are gone now.
    """

    then: Rows
    now: Rows
    hung: frozenset[RowId]
    parents: frozenset[RowId] = frozenset()


@dataclass(frozen=True, slots=True)
class RowChange:
    row: RowId
    change: Change
    columns: tuple[str, ...] = ()
    """Which differ, of a row that is there at both times."""
    is_parent: bool = False


def differences(sets: RowSets, common: Mapping[str, tuple[str, ...]]) -> tuple[RowChange, ...]:
    """Sorted by table and key. ``common``: table → the columns that it has at both times."""
    found = []
    for row_id in sorted(sets.then.keys() | sets.now.keys(), key=_as_a_person_sorts):
        change = _difference(row_id, sets, common)
        if change is not None:
            found.append(change)
    return tuple(found)


def _difference(row_id: RowId, sets: RowSets, common: Mapping[str, tuple[str, ...]]) -> RowChange | None:
    then, now = sets.then.get(row_id), sets.now.get(row_id)
    if then is None:
        return RowChange(row_id, "added")
    if now is None:
        is_parent = row_id in sets.parents
        return RowChange(row_id, "deleted", is_parent=is_parent) if is_parent or row_id in sets.hung else None
    columns = tuple(column for column in common[row_id[0]] if then[column] != now[column])
    if not columns:
        return None
    return RowChange(row_id, "changed" if row_id in sets.hung else "arrived", columns)


def _as_a_person_sorts(row_id: RowId) -> tuple[str, tuple[tuple[int, str], ...]]:
    """9 before 10."""
    table, key = row_id
    return table, tuple((len(part) if part.isdigit() else 0, part) for part in key)


def requirements(catalogue: Catalogue, sets: RowSets, changes: Iterable[RowChange]) -> Mapping[RowId, set[RowId]]:
    """Who cannot be chosen without whom: a row needs the parents that come back with it, and one that goes needs those
    that name it to go, or to change, as well."""
    kinds = {change.row: change.change for change in changes}
    needs: dict[RowId, set[RowId]] = defaultdict(set)
    for child, parent in _pairs(catalogue, sets.then, kinds):
        if kinds[parent] == "deleted" and kinds[child] != "added":
            needs[child].add(parent)
    for child, parent in _pairs(catalogue, sets.now, kinds):
        if kinds[parent] == "added":
            needs[parent].add(child)
    return needs


def _pairs(catalogue: Catalogue, images: Rows, kinds: Mapping[RowId, Change]) -> Iterator[tuple[RowId, RowId]]:
    changing = {row_id: images.get(row_id, _EMPTY) for row_id in kinds if row_id in images}
    for child, parent, _ in catalogue.references(changing):
        yield child, parent


def with_requirements(chosen: Iterable[RowId], needs: Mapping[RowId, set[RowId]]) -> frozenset[RowId]:
    found: set[RowId] = set()
    waiting = list(chosen)
    while waiting:
        row_id = waiting.pop()
        if row_id not in found:
            found.add(row_id)
            waiting += needs.get(row_id, ())
    return frozenset(found)
