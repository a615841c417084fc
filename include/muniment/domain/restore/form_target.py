"""What four fields of a restore's form say together: a kind of target, and where it is.

``target`` is the kind; ``time`` is for a time, ``position`` for whatever else has to be named, ``timeline`` for another
one than serves. A time without its offset is the firm's own wall clock.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from muniment.domain.recovery.target import RecoveryTarget

KINDS: Mapping[str, str] = {
    "latest": "Latest: as far as the WAL reaches",
    "time": "A time",
    "point": "A recovery point",
    "lsn": "An LSN",
    "xid": "A transaction",
    "name": "A named restore point",
    "immediate": "Immediate: the end of the newest base backup",
}
_WRITTEN = {"xid": "xid:", "name": "name:"}
_WITHOUT = {"latest", "immediate"}


def target_of(form: Mapping[str, Any], time_zone: str) -> RecoveryTarget:
    """For fields that ``target_faults`` has nothing against."""
    kind, timeline = form["target"], form["timeline"]
    if kind in _WITHOUT:
        text = kind
    elif kind == "time":
        text = instant_told(form["time"], time_zone).isoformat()
    else:
        text = _WRITTEN.get(kind, "") + str(form["position"]).strip()
    return RecoveryTarget.parse(f"timeline:{timeline}:{text}" if timeline else text)


def target_faults(form: Mapping[str, Any], time_zone: str) -> Iterator[tuple[str, str]]:
    """(field, what is wrong)."""
    kind = form["target"]
    needed = None if kind in _WITHOUT else "time" if kind == "time" else "position"
    for field in ("time", "position"):
        if form[field] and field != needed:
            yield (
                field,
                f"does not go with the target {KINDS[kind]!r}: empty it, or choose the kind that it is",
            )
    if needed and not form[needed]:
        yield needed, f"is empty, and the target is {KINDS[kind]!r}"
        return
    try:
        target = target_of(form, time_zone)
    except ValueError as error:
        yield needed or "timeline", str(error)
        return
    if target.kind != kind:
        yield "position", f"{form['position']!r} is of another kind than {KINDS[kind]!r}"


def instant_told(text: str, time_zone: str) -> datetime:
    """ISO 8601, with its offset or by the firm's own wall clock. Raises ``ValueError`` for a wall clock that showed
    this time twice, or never."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no time: write it as 2026-11-20T18:00, or with its offset as 2026-11-20T18:00-05:00"
        raise ValueError(message) from None
    if told.tzinfo is not None:
        return told
    zone = ZoneInfo(time_zone)
    early, late = (told.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        never = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != told
        message = f"{text!r} came {'never' if never else 'twice'} in {time_zone}: write it with its offset from UTC"
        raise ValueError(message)
    return early
