"""``muniment live``: restores that have gone live on this machine, or were about to."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.restore.in_place import asked_by, read_plan, write_new
from muniment.cli.restore.second_person import approval_option, carried_out_by, command, subject
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, typed_by
from muniment.ports import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.adapters.site.site import Site
    from muniment.domain.restore.cut_over import CutOver
    from muniment.domain.restore.live_plan import LivePlan
    from muniment.runbooks.acts.second_person import Subject
    from muniment.runbooks.cut_over.take_live import Allowed
    from muniment.runbooks.cut_over.whose_cluster import Lying

COLUMNS = ("cut-over", "begun at", "asked for by", "approved by", "last step", "state", "the old one")

_SERVES = {
    "old": "{firm} is served from {place}: by its old cluster",
    "only": "{firm} is served from {place}: there was no cut-over on this machine",
    "new": "{firm} is served from {place}: by the restored cluster",
    "another": "{firm} is served from {place}: by cluster {here}, which its newest cut-over is not of",
    "another, down": "NOBODY SERVES {firm}: the server in {place} is down; its newest cut-over is not of that cluster",
    "nobody": (
        "NOBODY SERVES {firm}: no server in {place} takes connections. Finish the cut-over with `muniment live cut-over"
        " {firm}`, or put the old cluster back with `muniment live roll-back {firm}`"
    ),
}

_id_option = click.option("--id", "cut_over_id", metavar="ID", help="Which one. Default: the newest.")


@click.group(short_help="Restores that went live on this machine.")
def live() -> None:
    """What `<firm>__restore` does to the live cluster, on that cluster's host: where it stands, on, back, and over.

    A cut-over begins in Airflow, where a second person approves it. Here it is finished or undone when Airflow is down.
    """


@live.command("status", short_help="Which cluster serves, and what is kept aside.")
@firm_argument
@json_option
@click.pass_obj
def live_status(session: Session, firm_id: str, *, as_json: bool) -> None:
    """List FIRM's cut-overs on this machine, oldest first, and say which cluster serves, or that nobody does.

    Reads the journals beside the live data directory. A way back that is not on record yet is recorded.

    \b
    Is one half done?    muniment live status quill-brandt
    """
    from muniment.runbooks.cut_over.take_live import cut_overs, record_what_is_owed, who_serves
    from muniment.runbooks.cut_over.whose_cluster import look

    site = session.site(firm_id)
    with shown_progress() as progress:
        record_what_is_owed(site, clock=utc_now, progress=progress)
    found, serves, seen = cut_overs(site), who_serves(site), look(site)
    if as_json:
        there = {"system_identifier": seen.here, "firm_system_identifier": seen.named}
        say_json({"firm": firm_id, "serves": serves, **there, "cut_overs": [_plain(each) for each in found]})
        return
    say_table(COLUMNS, [_row(each) for each in found])
    place = site.firm.cluster.live.data_directory
    click.echo(_SERVES[_said(serves, found, seen)].format(firm=firm_id, place=place, here=seen.here))
    if line := seen.line():
        click.echo(line)


def _said(serves: str, found: "Sequence[CutOver]", seen: "Lying") -> str:
    """The key of ``_SERVES``."""
    if serves == "old" and not found:
        return "only"
    return "another, down" if serves == "nobody" and found and seen.is_another(found[-1]) else serves


@live.command("cut-over", short_help="Finish one that was killed.")
@firm_argument
@_id_option
@json_option
@click.pass_obj
def live_cut_over(session: Session, firm_id: str, cut_over_id: str | None, *, as_json: bool) -> None:
    """Finish a cut-over of FIRM that was begun, and approved, and whose run was killed.

    Then take a full backup: the restored cluster's timeline has none yet.

    \b
    muniment live cut-over quill-brandt && muniment backup quill-brandt --full
    """
    from muniment.runbooks.cut_over.take_live import finish

    site = session.site(firm_id)
    with shown_progress() as progress:
        by = typed_by(command())
        done = finish(site, _chosen(site, cut_over_id).id, by=by, clock=utc_now, progress=progress)
    _say(done, as_json, f"the restored cluster serves; the old one is in {done.aside}")


@live.command("roll-back", short_help="Put the old cluster back.")
@firm_argument
@_id_option
@click.option("--why", required=True, help="Goes into the journal.")
@approval_option
@json_option
@click.pass_obj
def live_roll_back(
    session: Session, firm_id: str, cut_over_id: str | None, why: str, approval_path: Path | None, *, as_json: bool
) -> None:
    """Put FIRM's old cluster back where it was, from any step, until it is released.

    Once the restored one is live, a second person signs for it: what was written to it since goes back to staging with
    it. Without --approval the plan and the request come into the current folder. What is half done, and serves nobody,
    is undone at once. Both vaults get a record of it, and the firm's contact is told by Airflow. Then take a full
    backup.

    \b
    It was killed half-way:   muniment live roll-back quill-brandt --why "better so"
    It is live:               … --why "the wrong night" --approval roll-back-20261121T083000123Z.json.request.sig
    Then:                     muniment backup quill-brandt --full
    """
    from muniment.runbooks.cut_over.take_live import needs_approval, take_back
    from muniment.runbooks.cut_over.whose_cluster import require_its_own

    site = session.site(firm_id)
    journal = _chosen(site, cut_over_id)
    require_its_own(site, journal)
    allowed = _allowed(site, journal, "roll-back", why, approval_path) if needs_approval(journal) else None
    with shown_progress() as progress:
        by = typed_by(command())
        done = take_back(site, journal.id, why=why, by=by, allowed=allowed, clock=utc_now, progress=progress)
    answers = {True: "and answers", False: "AND DOES NOT ANSWER", None: "as it was"}[done.answers]
    _say(done, as_json, f"the old cluster is in {done.live} {answers}; the restored one, in {done.staged}")
    if done.answers is False:
        raise SystemExit(1)


@live.command("release", short_help="Delete the old cluster that is kept aside.")
@firm_argument
@_id_option
@approval_option
@json_option
@click.pass_obj
def live_release(
    session: Session, firm_id: str, cut_over_id: str | None, approval_path: Path | None, *, as_json: bool
) -> None:
    """Delete the data directory that a cut-over of FIRM set aside. Refused before a full backup of the new one.

    A second person signs for it: without --approval the plan and the request come into the current folder.

    \b
    After the firm has looked:    muniment live release quill-brandt
    Somebody else signs:          muniment approve release-20261121T083000123Z.json.request
    Do it:                        … --approval release-20261121T083000123Z.json.request.sig
    """
    from muniment.runbooks.cut_over.take_live import find_releasable, release_old

    site = session.site(firm_id)
    with shown_progress() as progress:
        journal = find_releasable(site, _chosen(site, cut_over_id).id, clock=utc_now, progress=progress)
        allowed = _allowed(site, journal, "release", "", approval_path)
        by = typed_by(command())
        done = release_old(site, journal.id, by=by, allowed=allowed, clock=utc_now, progress=progress)
    _say(done, as_json, f"{done.aside} is deleted")


def _chosen(site: "Site", cut_over_id: str | None) -> "CutOver":
    """Raises ``LiveNotReplaceable`` where there is none."""
    from muniment.errors import LiveNotReplaceable
    from muniment.runbooks.cut_over.take_live import cut_overs

    found = [each for each in cut_overs(site) if cut_over_id in (None, each.id)]
    if not found:
        reason = f"cut-over {cut_over_id} is not known here" if cut_over_id else "no cut-over of it is known here"
        raise LiveNotReplaceable(place=site.firm.cluster.live.data_directory, reason=reason)
    return found[-1]


def _allowed(
    site: "Site", journal: "CutOver", act: Literal["roll-back", "release"], why: str, signature: Path | None
) -> "Allowed":
    """Raises ``ApprovalWanted`` after plan and request are written, where no signature is given."""
    from muniment.domain.restore.live_plan import LivePlan
    from muniment.errors import ActNotApproved
    from muniment.runbooks.acts.second_person import REQUEST, SIGNATURE, request_beside, take_approval, write_request
    from muniment.runbooks.cut_over.take_live import Allowed

    ending = REQUEST + SIGNATURE
    if signature is None:
        path = Path(f"{act}-{journal.id}.json")
        plan = _live_plan(site, journal, act, why, path)
        raise write_request(
            site.firm, _subject(plan), request_beside(path), then=carried_out_by(None, path), clock=utc_now
        )
    plan = read_plan(LivePlan, signature.with_name(signature.name.removesuffix(ending)))
    if not plan.is_of(journal, act):
        reason = f"that is the {plan.act} of cut-over {plan.cut_over} of firm {plan.firm}"
        raise ActNotApproved(firm=site.firm.id, what=f"{act} of cut-over {journal.id}", reason=reason)
    approval, _ = take_approval(site.firm, _subject(plan), signature, clock=utc_now)
    return Allowed(plan, approval)


def _subject(plan: "LivePlan") -> "Subject":
    return subject(plan.act, f"{plan.act} of cut-over {plan.cut_over}", plan.sha256, plan.requested_by)


def _live_plan(
    site: "Site", journal: "CutOver", act: Literal["roll-back", "release"], why: str, path: Path
) -> "LivePlan":
    """In ``path``; one that says the same already stays, for somebody may have signed it."""
    from muniment.domain.restore.live_plan import LivePlan

    plan = LivePlan(
        firm=site.firm.id,
        act=act,
        cut_over=journal.id,
        host=socket.gethostname(),
        live=journal.live,
        aside=str(journal.aside),
        why=why,
        requested_by=asked_by(),
        made_at=utc_now(),
    )
    if path.exists():
        there = read_plan(LivePlan, path)
        if there == plan.model_copy(update={"made_at": there.made_at}):
            return there
        path.unlink()
    write_new(path, plan)
    return plan


def _say(done: "CutOver", as_json: bool, words: str) -> None:
    if as_json:
        say_json({"cut_over": _plain(done)})
        return
    for note in done.notes:
        click.echo(note)
    click.echo(f"cut-over {done.id}: {words}")


def _plain(found: "CutOver") -> dict[str, Any]:
    return {**as_plain(found), "aside": str(found.aside)}


def _row(found: "CutOver") -> tuple[str, ...]:
    last = found.steps[-1].step if found.steps else "—"
    state = found.outcome or f"UNFINISHED, going {found.direction}"
    kept = str(found.aside) if found.outcome == "live" and found.had_live else "—"
    return found.id, when(found.begun_at), found.asked_by, found.approval.by, last, state, kept
