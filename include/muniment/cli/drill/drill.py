"""``muniment drill FIRM`` and ``muniment drills FIRM``."""

from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.session import (
    SIDES,
    Session,
    ended_in_order,
    firm_argument,
    json_option,
    shown_progress,
    side_option,
)
from muniment.ports import utc_now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from muniment.domain.drill.evidence import BegunDrill, Drill, Pages
    from muniment.domain.drill.sign_off import Awaited, SignOff

MEANS = ("muniment", "restore-kit")
COLUMNS = ("drill", "started at", "from", "verdict", "to recover>", "lost>", "checks>", "signed off by", "target")


@click.command(short_help="Restore into scratch and prove it.")
@firm_argument
@click.option("--seed", type=int, help="Of an earlier drill: the same points lead to the same target.")
@click.option("--from", "side", type=click.Choice(SIDES), help="Which vault alone. Default: in turns.")
@click.option(
    "--by", type=click.Choice(MEANS), help="Who restores. Default: every fourth drill, the restore kit alone."
)
@json_option
@click.pass_obj
def drill(session: Session, firm_id: str, seed: int | None, side: Any, by: Any, *, as_json: bool) -> None:
    """Restore FIRM into scratch from one vault, prove database and documents, measure, destroy, and leave evidence.

    Needs room for a whole cluster in MUNIMENT_SCRATCH (default: the temporary folder) and PostgreSQL's programs. The
    firm's own cluster is only asked how much would be lost right now.

    \b
    As Airflow does it monthly:    muniment drill quill-brandt
    If the region were lost:       muniment drill quill-brandt --from replica
    If Muniment were lost:         muniment drill quill-brandt --by restore-kit
    The one that failed, again:    muniment drill quill-brandt --seed 1763647200000 --from primary
    """
    from muniment.domain.evidence import counted
    from muniment.domain.record import new_id
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.drill.run_drill import run_drill

    site = session.site(firm_id)
    with ended_in_order(), shown_progress() as progress:
        done = run_drill(
            site,
            drill_id=new_id(utc_now()),
            run_dir=scratch_root(),
            clock=utc_now,
            progress=progress,
            seed=seed,
            side=side,
            by=by,
        )
    if as_json:
        say_json({"drill": as_plain(done)})
        return
    rows = [(check.name, check.expected, check.found, check.verdict) for check in done.checks]
    say_table(("check", "expected", "found", ""), rows)
    for lacking in done.not_proven:
        click.echo(f"not proven, because the recovery point lacks it: {lacking}")
    click.echo(f"drill {done.id} passed: {done.target}, from {done.vault}; {counted(done.checks)}")
    click.echo(f"evidence: drills/{done.id}.json, and its pages beside it, in both vaults")


@click.command(short_help="List the drills and check their proofs.")
@firm_argument
@side_option
@json_option
@click.pass_obj
def drills(session: Session, firm_id: str, side: Any, *, as_json: bool) -> None:
    """List FIRM's drills, the oldest first, after the proof of each and of its sign-off was checked.

    Reads one vault only.

    \b
    Is one overdue?    muniment drills quill-brandt --json | jq .overdue_since
    """
    from muniment.adapters.drill import records as drill_records
    from muniment.adapters.vault import catalog
    from muniment.domain.drill.rules import overdue_since, owed_until
    from muniment.runbooks.drill.sign_off import awaited_sign_offs
    from muniment.runbooks.drill.watch import unfinished_drills
    from muniment.runbooks.identity import prove_vault

    firm, vault = session.firm(firm_id), session.vault(firm_id, side)
    prove_vault(vault)
    found, signed = drill_records.drills(vault), drill_records.sign_offs(vault)
    for each in found:
        drill_records.prove_evidence(vault, each.id)
    for drill_id in signed:
        drill_records.prove_sign_off(vault, drill_id)
    begun = drill_records.begun_drills(vault)
    ended = {each.id for each in unfinished_drills(vault, clock=utc_now)}
    waiting = awaited_sign_offs(vault, firm, clock=utc_now)
    first = min((point.registered_at for point in catalog.points(vault)), default=None)
    history = [each.as_past() for each in found]
    owed = owed_until(history, first_point_at=first)
    due = overdue_since(history, first_point_at=first, now=utc_now())
    if as_json:
        say_json(
            {
                "firm": firm_id,
                "vault": vault.bucket,
                **_told(found, signed, waiting, due),
                "unfinished": _begun(begun, ended),
            }
        )
        return
    rows = [_row(each, signed) for each in found] + [_begun_row(each, each.id in ended) for each in begun]
    say_table(COLUMNS, sorted(rows))
    click.echo(f"{len(rows)} drills in {vault.bucket}; {_owed(owed, utc_now())}")
    for drill_id in sorted(ended):
        click.echo(f"{drill_id} did not finish: it began and left no evidence")
    for each in found:
        for line in _page_notes(each.id, drill_records.evidence_pages(vault, each.id)):
            click.echo(line)
    for one in waiting:
        click.echo(f"{one.quarter}: drill {one.drill} waits for its sign-off until {when(one.due)}")


def _owed(until: "datetime | None", now: "datetime") -> str:
    if until is None:
        return "none is owed: there is no recovery point yet"
    return f"one is OVERDUE since {when(until)}" if until < now else f"one has to pass until {when(until)}"


def _begun(begun: "Sequence[BegunDrill]", ended: "Collection[str]") -> list[dict[str, Any]]:
    return [{**as_plain(each), "did_not_finish": each.id in ended} for each in begun]


def _begun_row(begun: "BegunDrill", ended: bool) -> tuple[str, ...]:
    """Neither passed nor failed: nobody can tell."""
    verdict = "did not finish" if ended else "not finished yet"
    side = begun.side if begun.by == "muniment" else f"{begun.side}, kit"
    return begun.id, when(begun.started_at), side, verdict, *("—",) * 5


def _page_notes(drill_id: str, pages: "Pages | None") -> list[str]:
    if pages is None:
        return [f"{drill_id} has no pages yet: the next drill makes them"]
    return [f"{drill_id}: its {ending} page could not be made: {why}" for ending, why in pages.not_made.items()]


def _told(
    found: "Sequence[Drill]", signed: "Mapping[str, SignOff]", waiting: "Sequence[Awaited]", due: "datetime | None"
) -> dict[str, Any]:
    return {
        "drills": [as_plain(each) for each in found],
        "overdue_since": due.isoformat() if due else None,
        "sign_offs": [as_plain(each) for each in signed.values()],
        "awaited": [{"drill": one.drill, "quarter": one.quarter, "due": one.due.isoformat()} for one in waiting],
    }


def _row(found: "Drill", signed: "Mapping[str, SignOff]") -> tuple[str, ...]:
    return (
        found.id,
        when(found.started_at),
        found.side if found.by == "muniment" else f"{found.side}, kit",
        found.verdict,
        _seconds(found.recover_s),
        _seconds(found.data_lost_s),
        _checks(found),
        signed[found.id].by if found.id in signed else "—",
        str(found.target or "—"),
    )


def _checks(found: "Drill") -> str:
    """Those that passed, of those that could be judged."""
    unjudged = len(found.unjudged_checks)
    told = f"{len(found.passed_checks)}/{len(found.checks) - unjudged}"
    return told + (f", {unjudged} not judged" if unjudged else "") + (", ended" if found.failure else "")


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} s"
