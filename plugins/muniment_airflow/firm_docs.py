"""What a person reads above a firm's DAG in the Airflow UI: the runbook."""

from muniment.domain import chain_steps as named
from muniment.domain.firm.firm import Firm, Policy, VaultPlace
from muniment.domain.firm.schedule import NightlySchedule
from muniment.domain.units import human_duration

_DOES = {
    named.CHECK_FIRM: "right cluster, right vaults, both keys usable. Every finding at once, each with its remedy.",
    named.BASE_BACKUP: "from the replication protocol straight into the vault, sealed on the worker.",
    named.VERIFY_WAL_CHECKPOINT: "the vault holds every WAL segment which this backup needs, without a gap.",
    named.SYNC_DOCUMENTS: "every document version that is new; then tonight's list of all, unreadable ones too.",
    named.BACK_UP_CONFIG: "the files, secrets and tables that the firm's file names, sealed.",
    named.COPY_TO_REPLICA: (
        "all of it into the other region, and read back there; what earlier nights could not bring, too."
    ),
    named.REGISTER_RECOVERY_POINT: "control totals, then the point's register in both vaults. Now the point exists.",
    named.EXPIRE: "what the policy lets go, never while tonight's point is not verified in both regions.",
}
_STEPS = "\n".join(f"{number}. **{step}**: {_DOES[step]}" for number, step in enumerate(named.NIGHT, 1))
_AWAY = """\
Where the second region does not answer, 6 copies nothing, 7 registers the point in the primary vault alone, 8 is
skipped, and on-call hears of it once. The first night with both regions brings everything over. Behind a new hole in
the WAL, 3 puts a full backup in the place of an incremental one (`wal_archive.hole`). A document, secret, file or
settings table that cannot be read stops nothing: the point is incomplete in exactly that, and on-call hears of it
once."""

_REMEDIES = """\
* Every step is safe to run again: clear the failed task, and the run goes on with what it has already registered.
* A red step without retries is an error that trying again cannot help: its log ends with what happened, what is
  `KEPT` and a `HINT`.
* `{documents}` refused because too many documents vanished: find out who deleted them. Only when it was meant,
  trigger a run with *Accept the shrink*.
* `{base}` refused because pages are damaged: look at the disk. So that all the rest is protected meanwhile, trigger a
  run with *Accept damaged files*: its point names the files, counts as no verified one, and nothing builds on it.
* A full backup now: trigger a run with *Full backup*.
* Airflow is down: `muniment backup {firm}` does the same on any machine that has the firm's connections."""


def backup_doc(firm: Firm, nightly: NightlySchedule) -> str:
    return f"""\
### {firm.name}: tonight's recovery point

Every night at **{nightly.at:%H:%M} {nightly.time_zone}** (window {_window(firm.policy)}), one run makes one recovery
point.

{_STEPS}

{_AWAY}

#### When it fails

{_REMEDIES.format(firm=firm.id, documents=named.SYNC_DOCUMENTS, base=named.BASE_BACKUP)}

#### Where it is

{_places(firm)}
"""


def drill_doc(firm: Firm) -> str:
    promised = firm.policy.recovery_class
    rto, rpo = (human_duration(limit.total_seconds()) for limit in (promised.rto, promised.rpo))
    return f"""\
### {firm.name}: can we get it back?

Once a month a drill restores the firm into scratch, from one vault alone, to a position drawn by lot; proves database
and documents; measures; and destroys what it made. Every second drill has the replica vault, every fourth is done by
the restore kit alone. The firm was promised {rto} to recover and at most {rpo} lost. Evidence is in both vaults under
`drills/`: `muniment drills {firm.id}` lists it.

A red run means that something would not come back. Its log names each check with what was expected and found.
To repeat it, trigger a run with the same *Seed* and *From*. It needs room for a whole cluster on the worker
(`MUNIMENT_SCRATCH`).

{_places(firm)}
"""


def _window(policy: Policy) -> str:
    return f"{policy.nightly_window.start:%H:%M} to {policy.nightly_window.end:%H:%M}"


def _places(firm: Firm) -> str:
    policy = firm.policy
    return f"""\
| | |
|---|---|
| firm, tier | `{firm.id}`, {firm.tier} |
| cluster | connection `{firm.cluster.connection}` |
| primary vault | {_vault(firm.vaults.primary)} |
| replica vault | {_vault(firm.vaults.replica)} |
| kept | {policy.retention.days} days, at least {policy.minimum_verified_points} verified points |
| full backup on | {policy.base_backups.full_on}, and whenever there is nothing to build on |"""


def _vault(place: VaultPlace) -> str:
    return f"`{place.bucket}` in {place.region}"
