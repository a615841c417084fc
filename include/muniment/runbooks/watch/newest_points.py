"""The recovery points of one vault that a look needs, each register read once and only when it is asked for."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.record import instant_of
from muniment.domain.vault.registers import Point
from muniment.errors import Damaged, KeyUnusable, ObjectDamaged

LOOKED_AT = 8
"""Of the newest ones: after a restore into live, those of the timeline that was left come first."""


class NewestPoints:
    """What cannot be read or believed is left out, for whoever looks at other things as well: it is told elsewhere."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._read: list[Point] = []
        self._unread: Iterator[Point] | None = None

    def newest(self) -> Iterator[Point]:
        """Of the cluster that serves, newest first, ``LOOKED_AT`` of them at most."""
        yield from list(self._read)
        if self._unread is None:
            self._unread = islice(catalog.latest_points_of_present(self._vault, damaged=_past), LOOKED_AT)
        try:
            for point in self._unread:
                self._read.append(point)
                yield point
        except (Damaged, KeyUnusable):
            self._unread = iter(())

    def first_after(self, instant: datetime) -> Point | None:
        """The oldest whose name is younger than ``instant``."""
        try:
            young = [each for each in catalog.point_ids(self._vault) or () if _named_after(each, instant)]
            return catalog.read_point(self._vault, min(young)) if young else None
        except (Damaged, KeyUnusable):
            return None


def _past(_: ObjectDamaged) -> None:
    """Evidence tells of it."""


def _named_after(point_id: str, instant: datetime) -> bool:
    try:
        return instant_of(point_id) > instant
    except ValueError:
        return False
