"""What the Recovery page is drawn from: the watch's store, and for a drill's evidence the firm's vaults.

It writes nothing anywhere.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.kept_evidence import KeptEvidence, awaited_sign_off, is_drill_id
from muniment.domain.fleet.open_incidents import open_by_firm
from muniment.domain.fleet.pictures import FirmPicture, FleetSeen, IncidentPicture, ToldNotice
from muniment.domain.fleet.row import OpenIncident
from muniment.domain.incidents.incident import Incident, Silence
from muniment.domain.incidents.lifecycle import OPEN
from muniment.domain.watch.freshness import STALE_AFTER
from muniment.domain.watch.passes import Sample
from muniment.errors import MunimentError
from muniment.ports import Clock
from muniment.runbooks.fleet.evidence import look_at_evidence
from muniment.runbooks.incidents.tell import UNTOLD

__all__ = ["FirmPicture", "FleetReader", "FleetSeen", "IncidentPicture"]

LONGEST_LINE = timedelta(days=400)
"""As far back as a firm's time line goes."""
_ASKED_AT_ONCE = 16
"""Vaults. Whoever does not answer holds its thread for as long as its client is patient."""
OVER_SHOWN = timedelta(days=30)
"""For so long the list of incidents has one that is over."""


class FleetReader:
    """Each method but ``evidence`` raises ``WatchStoreUnavailable`` and ``WatchStoreDamaged``. Usable from several
    threads."""

    def __init__(self, store: WatchStore, site: Callable[[Firm], Site] | None, clock: Clock) -> None:
        """``site``: of ``firm.as_watched``; ``None``: no vault can be asked."""
        self._store, self._site, self._clock = store, site, clock
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, "evidence")

    def fleet(self) -> FleetSeen:
        incidents = self._store.incidents(open_only=True)
        return FleetSeen(
            rows=self._store.fleet_rows(),
            open_incidents=open_by_firm(incidents),
            common_incidents=tuple(_short(each) for each in incidents if _is_common(each)),
            passes=self._store.last_passes(),
            airflow=self._store.airflow(),
            read_at=self._clock(),
        )

    def firm(self, firm_id: str) -> FirmPicture | None:
        """``None``: the watch never saw it."""
        seen, now = self._store.firm(firm_id), self._clock()
        if seen is None:
            return None
        return FirmPicture(
            seen=seen,
            row=self._store.fleet_row(firm_id),
            history=self._store.history(firm_id),
            incidents=tuple(self._store.incidents(open_only=False, firm=firm_id, since=now - LONGEST_LINE)),
            suspensions=tuple(each for each in self._store.suspensions(now) if each.firm == firm_id),
            silences=tuple(each for each in self._store.silences(now) if each.firm in (None, firm_id)),
        )

    def samples(self, firm_id: str, since: datetime, until: datetime) -> list[Sample]:
        return self._store.samples(firm_id, since, until)

    def unwatched(self, firm_id: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """When no pass looked at the firm, in order. Before the first look that is kept nothing is said: the watch lets
        old ones go."""
        before = self._store.sampled(firm_id, since - LONGEST_LINE, since)
        begin = before[1] if before else since
        found = self._store.sampled(firm_id, begin, until)
        if found is None:
            return []
        between = self._store.unwatched(firm_id, begin, until, STALE_AFTER)
        since_last = [(found[1], until)] if until - found[1] > STALE_AFTER else []
        return [(max(earlier, since), later) for earlier, later in (*between, *since_last)]

    def incidents(self, *, include_over: bool) -> tuple[Incident, ...]:
        """Those that are open; ``include_over``: and those that ended within ``OVER_SHOWN``. In no order that means
        anything."""
        since = self._clock() - OVER_SHOWN if include_over else None
        found = self._store.incidents(open_only=not include_over, since=since)
        return tuple(each for each in found if each.state in OPEN or _was_open(each))

    def silences(self) -> tuple[Silence, ...]:
        return self._store.silences(self._clock())

    def incident(self, id_or_key: str) -> IncidentPicture | None:
        """By its id; by a key, the last one of it."""
        found = self._store.find_incident(id_or_key)
        if found is None:
            return None
        others = self._store.incidents(open_only=True)
        names = {each.firm for each in found.members}
        return IncidentPicture(
            incident=found,
            notices=self._told(found),
            silences=self._store.silences(self._clock()),
            held_back_by=next((each for each in others if each.key == found.held_back_by), None),
            holds_back=tuple(each for each in others if each.held_back_by == found.key),
            rows={each.firm: each for each in self._store.fleet_rows() if each.firm in names and not each.is_unread},
        )

    def evidence(self, firm_id: str, drill_id: str) -> KeptEvidence | None:
        """Live from both vaults, within seconds. ``None``: there is no such firm, or no such drill. Raises no
        ``MunimentError``: ``unread`` and each copy say why what could not be read could not."""
        try:
            seen = self._store.firm(firm_id) if is_drill_id(drill_id) else None
            history = self._store.history(firm_id) if seen else None
        except MunimentError as error:
            return KeptEvidence(firm_id, drill_id, self._clock(), unread=error.what)
        if seen is None:
            return None
        found = self._kept(firm_id, drill_id, seen.definition, history)
        is_known = history is not None and any(each.id == drill_id for each in history.drills)
        return found if is_known or found.is_known else None

    def _kept(
        self, firm_id: str, drill_id: str, definition: dict[str, object], history: FirmHistory | None
    ) -> KeptEvidence:
        nothing = KeptEvidence(firm_id, drill_id, self._clock())
        if self._site is None:
            return replace(nothing, unread="this machine has no access to vaults")
        try:
            firm = Firm.model_validate(definition)
        except ValidationError:
            return replace(nothing, unread="the watch has not kept the firm's file in a form that this release reads")
        awaited = awaited_sign_off(firm, drill_id, history, nothing.looked_at)
        try:
            site = self._site(firm)
        except MunimentError as error:
            return replace(nothing, unread=error.what, awaited=awaited)
        return replace(nothing, copies=look_at_evidence(site, drill_id, self._pool), awaited=awaited)

    def _told(self, incident: Incident) -> tuple[ToldNotice, ...]:
        deliveries = self._store.deliveries_of(incident.id)
        untold = self._store.recall(*UNTOLD) or {}
        return tuple(
            ToldNotice(
                notice=notice,
                delivered_at=delivered_at,
                deliveries=tuple(each for each in deliveries if each.notice == notice.id),
                untold=untold.get(notice.id, {}).get("why"),
            )
            for notice, delivered_at in self._store.notices_of(incident.id)
        )


def _is_common(incident: Incident) -> bool:
    """Of no firm."""
    return incident.state in OPEN and not incident.members and incident.scope.kind != "firm"


def _was_open(incident: Incident) -> bool:
    """One that was only observed and went again is nobody's business."""
    return incident.state == "resolved" and incident.opened_at is not None


def _short(incident: Incident) -> OpenIncident:
    return OpenIncident(id=incident.id, cause=incident.cause, severity=incident.severity, subject=incident.subject)
