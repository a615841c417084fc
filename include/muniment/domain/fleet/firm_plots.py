"""What a firm's page plots of its nights, its drills and what its vaults hold."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from muniment.domain.fleet.history import FirmHistory, StockSeen
from muniment.domain.fleet.plot import Ground, Plot, Series, bar_plot, line_plot
from muniment.domain.fleet.span import Span
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.freshness import STALE_AFTER
from muniment.domain.watch.passes import Sample
from muniment.domain.watch.vault import SIDES

RPO_LONGEST = timedelta(days=7)
"""Of samples, one each five minutes, more would be drawn than anybody can see."""
_KINDS = {"backup": "", "wal": "soft", "document": "third"}
"""Of the inventory's; all others are small."""


def rpo_span(shown: Span) -> Span:
    """The time line's, or the last day of it where that is too long."""
    if shown.lasts <= RPO_LONGEST:
        return shown
    return Span(shown.end - timedelta(days=1), shown.end)


def rpo_plot(seen: FirmSeen, samples: Sequence[Sample], span: Span) -> Plot:
    series = (
        Series("Primary vault", tuple((each.at, each.rpo_primary_s) for each in samples)),
        Series("Replica vault", tuple((each.at, each.rpo_replica_s) for each in samples), "second"),
    )
    ground = Ground("RPO", span, seen.time_zone, "seconds", seen.rpo_promise_s)
    return line_plot(ground, series, longest=STALE_AFTER)


def night_plots(history: FirmHistory, span: Span, time_zone: str) -> Iterator[Plot]:
    """Sizes, durations, changed documents."""
    nights = history.nights
    sizes = (
        Series("As PostgreSQL sends it", tuple((each.taken_at, each.size_bytes) for each in nights), "soft"),
        Series("Stored", tuple((each.taken_at, each.stored_bytes) for each in nights)),
    )
    yield bar_plot(Ground("Size of the base backup", span, time_zone, "bytes"), sizes)
    took = tuple(
        (each.taken_at, (each.registered_at - each.began_at).total_seconds() if each.began_at else None)
        for each in nights
    )
    ground = Ground("Duration of the night, from base backup to point", span, time_zone, "seconds")
    yield bar_plot(ground, (Series("Night", took),))
    changed = (
        Series("Added", tuple((each.taken_at, each.added) for each in nights), "soft"),
        Series("Overwritten", tuple((each.taken_at, each.overwritten) for each in nights)),
        Series("Vanished", tuple((each.taken_at, each.vanished) for each in nights), "third"),
    )
    yield bar_plot(Ground("Documents that changed", span, time_zone, "count"), changed, stacked=True)


def stock_plots(history: FirmHistory, span: Span, time_zone: str) -> Iterator[Plot]:
    """What each vault holds after each night, by kind."""
    for side in SIDES:
        stocks = [each for each in history.stocks if each.side == side]
        if stocks:
            ground = Ground(f"What the {side} vault holds", span, time_zone, "bytes")
            yield bar_plot(ground, tuple(_kinds(stocks)), stacked=True)


def drill_plot(seen: FirmSeen, history: FirmHistory, span: Span) -> Plot:
    """How long it took until the server answered; of drills that failed as well, where it did."""
    passed = tuple((each.started_at, each.recover_s) for each in history.drills if each.passed)
    failed = tuple((each.started_at, each.recover_s) for each in history.drills if not each.passed)
    series = (Series("Passed", passed), Series("Failed", failed, "soft"))
    return bar_plot(Ground("RTO of the drills", span, seen.time_zone, "seconds", seen.rto_promise_s), series)


def _kinds(stocks: Iterable[StockSeen]) -> Iterator[Series]:
    held = [(each.stock.at, {kind.kind: kind.size_bytes for kind in each.stock.held}) for each in stocks]
    for kind, css in _KINDS.items():
        yield Series(kind, tuple((at, sizes.get(kind, 0)) for at, sizes in held), css)
    rest = tuple((at, sum(size for kind, size in sizes.items() if kind not in _KINDS)) for at, sizes in held)
    yield Series("all else", rest, "fourth")
