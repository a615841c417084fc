"""Evidence of a drill that nobody ran: a failed one, with signs in it that a page must not take for its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.adapters.drill.records import (
    write_evidence,
    write_evidence_pages,
)
from muniment.adapters.site.site import Site
from muniment.domain.drill.evidence import Drill, DrillTarget
from muniment.domain.evidence import Check, TimedStep
from muniment.domain.record import new_id
from muniment.domain.wal.names import Lsn
from muniment.ports import utc_now

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)


def drill(**changes: Any) -> Drill:
    told: dict[str, Any] = {
        "id": "20261120T170000000Z", "firm": "alder", "firm_name": "Alder & Söhne", "number": 1, "seed": 7,
        "target": DrillTarget(kind="point", lsn=Lsn(1), before="p"), "side": "replica", "by": "muniment",
        "vault": "alder-replica", "region": "us-west-2", "plan": ("target: p", "base backups: a, b"),
        "started_at": NOW - timedelta(minutes=3), "finished_at": NOW, "recover_s": 100.0, "data_lost_s": None,
        "steps": (TimedStep(name="start", begins_s=0, seconds=90), TimedStep(name="read", begins_s=90, seconds=10)),
        "checks": (Check(name="rows of <b>", expected="1", found="<script>2", passed=False),),
        "recovery_class": "small", "rto_s": 7200, "rpo_s": 43200,
    }  # fmt: skip
    return Drill(**{**told, **changes})


ENDED: dict[str, Any] = {
    "planned": ("choose the target", "fetch WAL", "start and recover", "documents"),
    "steps": (
        TimedStep(name="choose the target", begins_s=0, seconds=1),
        TimedStep(name="fetch WAL", begins_s=1, seconds=1, finished=False),
    ),
    "failure": "WAL is missing",
}


def drilled(site: Site, *, pages: bool = True, **changes: Any) -> Drill:
    told: dict[str, Any] = {"finished_at": utc_now(), **changes}
    found = drill(
        id=new_id(utc_now()), firm=site.firm.id, checks=drill().checks, signing_key=site.firm.signing_key,
        started_at=utc_now() - timedelta(minutes=1), vault=site.primary.bucket, **told,
    )  # fmt: skip
    write_evidence(site, found, locked_until=utc_now() + timedelta(minutes=1))
    if pages:
        write_evidence_pages(site, found, locked_until=utc_now() + timedelta(minutes=1))
    return found
