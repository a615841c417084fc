"""What a person asks for in the form of ``<firm>__restore``, read as a whole: every fault at once, by its field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast

from muniment.domain.approval import Request, Waiver
from muniment.domain.evidence import DrillSide
from muniment.domain.firm.firm import LONGEST_STAGING, SHORTEST_STAGING, Firm
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.form_target import target_faults, target_of
from muniment.domain.units import format_duration, parse_duration

_SHORTEST, _LONGEST = format_duration(SHORTEST_STAGING), format_duration(LONGEST_STAGING)


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    target: RecoveryTarget
    side: DrillSide
    where: Literal["staging", "live"]
    ttl: timedelta
    with_documents: bool
    waiver: Waiver | None = None

    @classmethod
    def of(cls, form: Mapping[str, Any], firm: Firm, asked_by: str | None) -> "RestoreRequest":
        """For a form that ``faults`` has nothing against."""
        waives, reason = form["waive_safety_backup"], (form["reason"] or "").strip()
        return cls(
            target=target_of(form, firm.time_zone),
            side=form["side"],
            where=form["where"],
            ttl=parse_duration(form["ttl"]),
            with_documents=form["documents"],
            waiver=Waiver(by=asked_by or "unknown", reason=reason) if waives else None,
        )


def faults(form: Mapping[str, Any], firm: Firm, asked_by: str | None) -> tuple[str, ...]:
    return tuple(f"{field}: {what}" for field, what in _faults(form, firm, asked_by))


def _faults(form: Mapping[str, Any], firm: Firm, asked_by: str | None) -> Iterator[tuple[str, str]]:
    if form["firm"] != firm.id:
        yield "firm", f"{form['firm']!r} is not {firm.id!r}, whose DAG this is"
    yield from target_faults(form, firm.time_zone)
    try:
        if not SHORTEST_STAGING <= parse_duration(form["ttl"]) <= LONGEST_STAGING:
            yield "ttl", f"{form['ttl']!r} is not between {_SHORTEST} and {_LONGEST}"
    except ValueError as error:
        yield "ttl", str(error)
    yield from _about_live(form, firm, asked_by)


def _lasting(text: str) -> timedelta:
    """What cannot be read has a fault of its own."""
    try:
        return cast("timedelta", parse_duration(text))
    except ValueError:
        return LONGEST_STAGING


def _about_live(form: Mapping[str, Any], firm: Firm, asked_by: str | None) -> Iterator[tuple[str, str]]:
    waives, reason = form["waive_safety_backup"], (form["reason"] or "").strip()
    if form["where"] != "live":
        if waives:
            yield "waive_safety_backup", "staging replaces nothing: there is no safety backup to waive"
        return
    if _lasting(form["ttl"]) < firm.restore.answer_within:
        yield (
            "ttl",
            f"it would be gone before restore.answer_within is over: {format_duration(firm.restore.answer_within)}",
        )
    if waives and not reason:
        yield "reason", "whoever waives the safety backup says why"
    if firm.cluster.live.data_directory is None:
        yield "where", "the firm's file names no cluster.live.data_directory: its restores end in staging"
    if not firm.contact.told_by:
        yield "where", "the firm's file names no contact.told_by: nobody at the firm would be told"
    if objection := Request("", asked_by, firm.restore.approvers).objection():
        yield "where", f"nobody could approve it: {objection}"
