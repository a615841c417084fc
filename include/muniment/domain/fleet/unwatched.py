"""When nobody looked at a firm: between two looks that lie too far apart."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from muniment.domain.fleet.span import Span

LOOKED = timedelta(minutes=16)
"""A look stands for so long: three passes of the watch, and a minute for how long one lasts."""


def unwatched(looks: Iterable[datetime], span: Span) -> Iterator[tuple[datetime, datetime]]:
    """Of ``span``, in order. Before the first look nothing is said: the watch may have let older ones go."""
    within = sorted(each for each in looks if each <= span.end)
    for earlier, later in pairwise([*within, span.end] if within else []):
        begin = max(earlier, span.begin)
        if later - earlier > LOOKED and later > begin:
            yield begin, later
