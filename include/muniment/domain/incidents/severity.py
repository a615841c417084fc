"""How grave a trouble is: by how far it is past the promise, and by whose promise it is."""

from collections.abc import Iterable

from muniment.domain.incidents.trouble import Severity

WARNING_FROM, ERROR_FROM, CRITICAL_FROM = 0.5, 1.0, 3.0
"""Of value / promise: half of it used up, all of it, three times as much."""


def severity_of(ratio: float, weight: float = 1.0) -> Severity:
    """``weight``: the tier's, so that a large firm's promise counts for more than a small one's."""
    return reached(ratio, weight) or "warning"


def reached(ratio: float, weight: float = 1.0) -> Severity | None:
    """``None`` below half of the promise: then nothing is wrong yet."""
    weighed = ratio * weight if ratio >= ERROR_FROM else ratio
    if weighed >= CRITICAL_FROM:
        return "critical"
    if weighed >= ERROR_FROM or ratio >= ERROR_FROM:
        return "error"
    return "warning" if weighed >= WARNING_FROM else None


GRAVE: frozenset[Severity] = frozenset({"error", "critical"})
"""A promise is broken, or cannot be kept any more."""
RANK: dict[Severity, int] = {"warning": 0, "error": 1, "critical": 2}


def gravest(severities: Iterable[Severity]) -> Severity:
    """``warning`` where there is none."""
    return max(severities, key=RANK.__getitem__, default="warning")
