"""What should have happened and did not, and what keeps it from happening: from the registry, the duties and Airflow.

Each cause is a trouble of its own. Where one explains a duty that is missing, both are told to the incidents, which
make one of them (``domain/incidents/explains.py``): an incident that was open before its cause was found stays what it
is, and is not taken for mended.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain

from muniment.domain.firm.firm import Firm
from muniment.domain.incidents.trouble import Scope, Trouble
from muniment.domain.units import human_duration
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.airflow_troubles import airflow_troubles
from muniment.domain.watch.duty import Suspension
from muniment.domain.watch.duty_troubles import duty_troubles
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, trouble_of
from muniment.domain.watch.passes import LOOK_LASTS, Pass
from muniment.domain.watch.rotation import WHOLE_LASTS

ENDS_SOON = timedelta(days=1)
"""Whoever suspended a duty has a day to make it longer, or to see that it runs again."""

_REGISTRY = Scope(kind="watch", name="registry")
"""A tier's fault breaks each of its firms, and a folder that is away takes them all: then that is one trouble."""


def absence_troubles(
    seen: Sequence[FirmSeen],
    registered: Mapping[str, Firm],
    registry_faults: Mapping[str, str],
    airflow: AirflowSeen | None,
    *,
    suspensions: Sequence[Suspension],
    passes: Sequence[Pass],
    now: datetime,
) -> tuple[Trouble, ...]:
    """``seen``: this pass's firms, with their duties. ``registered``: those whose files are sound; ``registry_faults``:
    firm → what is wrong with its file. ``passes``: the newest ended one of each queue that has firms.
    """
    of_airflow = airflow_troubles(seen, registered, airflow, suspensions, now) if airflow else ()
    of_firms = chain.from_iterable(
        (*duty_troubles(each), *_left(each), *_unread(each), *_ending(each, suspensions, now)) for each in seen
    )
    return (*of_airflow, *_broken_files(seen, registry_faults, now), *of_firms, *_late_passes(seen, passes, now))


def _broken_files(seen: Sequence[FirmSeen], faults: Mapping[str, str], now: datetime) -> Iterator[Trouble]:
    """Also of a firm that was never seen: it has no DAGs either."""
    known = {each.firm: each for each in seen}
    for firm_id, fault in faults.items():
        words = _of_broken_file(firm_id, fault)
        scopes = (Scope(kind="file", name=f"firms/{firm_id}.yaml"), _REGISTRY)
        if firm_id in known:
            yield trouble_of(known[firm_id], "firm-file-broken", "error", words, scopes=scopes)
            continue
        yield Trouble(
            cause="firm-file-broken",
            firm=firm_id,
            scopes=scopes,
            severity="error",
            seen_at=now,
            **words.fields(),
        )


def _of_broken_file(firm_id: str, fault: str) -> Words:
    return Words(
        subject=f"firms/{firm_id}.yaml has a fault",
        what=f"the file of firm {firm_id} has a fault, so Airflow has none of its DAGs: {fault}",
        kept="every recovery point; the watch goes by what the file said last",
        hint="mend the file: `muniment firms check` names every fault",
        at_stake="no night, no drill and no restore of the firm runs",
    )


def _left(seen: FirmSeen) -> Iterator[Trouble]:
    if seen.left_registry_at is None:
        return
    yield trouble_of(
        seen,
        "left-registry",
        "warning",
        Words(
            subject="it left the registry, and its vaults are still there",
            what=f"firm {seen.firm} is not in the registry since {seen.left_registry_at:%Y-%m-%d %H:%M} UTC; its vaults"
            " are",
            kept="both vaults, which the watch goes on looking at by what the firm's file said last",
            hint=f"put firms/{seen.firm}.yaml back where that was not meant; it is watched until its vaults are gone",
            at_stake="no new recovery point is taken, and nobody but the watch minds those that are there",
        ),
        scopes=(_REGISTRY,),
    )


def _unread(seen: FirmSeen) -> Iterator[Trouble]:
    """Both vaults answer, and what they prove of the firm's duties could not be read: then nothing would be missing."""
    if seen.evidence_unread is None or any(vault.unseen is not None for vault in seen.vaults):
        return
    if seen.seen_at - (seen.evidence.read_at if seen.evidence else seen.watched_since) <= WHOLE_LASTS:
        return
    read = f"{seen.evidence.read_at:%Y-%m-%d %H:%M} UTC" if seen.evidence else "never"
    vault = seen.vault("primary")
    yield trouble_of(
        seen,
        "vault-unseen",
        "error",
        Words(
            subject="its registers cannot be read",
            what=f"what the vaults of firm {seen.firm} have could not be read: {seen.evidence_unread} (last: {read})",
            kept="what lies in the vaults, as it is",
            hint=f"`muniment points {seen.firm}`, then `muniment verify {seen.firm}`",
            at_stake="whether a night, its copy or a drill is missing is unknown",
        ),
        scopes=(Scope(kind="bucket", name=vault.bucket),) if vault else (),
    )


def _ending(seen: FirmSeen, suspensions: Sequence[Suspension], now: datetime) -> Iterator[Trouble]:
    soon = [each for each in suspensions if each.firm == seen.firm and now < each.until <= now + ENDS_SOON]
    if not soon:
        return
    listed = "; ".join(
        f"{each.duty or 'all of it'}, until {each.until:%Y-%m-%d %H:%M} UTC, by {each.by}: {each.why}" for each in soon
    )
    yield trouble_of(
        seen,
        "suspension-ends",
        "warning",
        Words(
            subject="a suspension ends within a day",
            what=f"what is suspended of firm {seen.firm} is owed again soon: {listed}",
            kept="everything; what was suspended is shown as such, and not as kept",
            hint=f"see that it runs again (`muniment watch resume {seen.firm}`), or make it longer:"
            f" `muniment watch suspend {seen.firm} --until … --why …`",
            breaks_at=min(each.until for each in soon),
        ),
        opens_at_once=True,
    )


def _late_passes(seen: Sequence[FirmSeen], passes: Sequence[Pass], now: datetime) -> Iterator[Trouble]:
    """Of the other queues: this pass is not late, it is here."""
    own = {each.queue for each in seen}
    for each in passes:
        ended = each.ended_at or each.began_at
        if each.queue in own or now - ended <= LOOK_LASTS:
            continue
        lasting = human_duration((now - ended).total_seconds())
        yield Trouble(
            cause="watch-late",
            firm=None,
            scopes=(Scope(kind="queue", name=each.queue),),
            severity="error",
            subject=f"nobody watches queue {each.queue}",
            what=f"the last pass over queue {each.queue} ended {lasting} ago",
            kept="everything; what is shown of its firms says how old it is",
            hint="see in Airflow what fleet__watch's task of that queue waits for: a worker that serves it.",
            at_stake=f"{each.firms} firms: whatever happens to them is seen by nobody",
            seen_at=now,
        )
