"""``muniment live``: restores that have gone live on this machine, or were about to."""

import json
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import say_json, say_table, when
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, typed_by
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.domain.restore.cut_over import CutOver

COLUMNS = ("cut-over", "begun at", "asked for by", "approved by", "last step", "state", "the old one")

_SERVES = {
    "old": "{firm} is served from {place}: by its old cluster",
    "new": "{firm} is served from {place}: by the restored cluster",
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

    site = session.site(firm_id)
    with shown_progress() as progress:
        record_what_is_owed(site, clock=utc_now, progress=progress)
    found, serves = cut_overs(site), who_serves(site)
    if as_json:
        say_json({"firm": firm_id, "serves": serves, "cut_overs": [_plain(each) for each in found]})
        return
    say_table(COLUMNS, [_row(each) for each in found])
    click.echo(_SERVES[serves].format(firm=firm_id, place=site.firm.cluster.live.data_directory))


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
        done = finish(site, _chosen(site, cut_over_id), clock=utc_now, progress=progress)
    _say(done, as_json, f"the restored cluster serves; the old one is in {done.aside}")


@live.command("roll-back", short_help="Put the old cluster back.")
@firm_argument
@_id_option
@click.option("--why", required=True, help="Goes into the journal.")
@json_option
@click.pass_obj
def live_roll_back(session: Session, firm_id: str, cut_over_id: str | None, why: str, *, as_json: bool) -> None:
    """Put FIRM's old cluster back where it was, from any step, until it is released.

    What was written to the restored one since goes back to staging with it. Both vaults get a record of it, and the
    firm's contact is told by Airflow. Then take a full backup.

    \b
    muniment live roll-back quill-brandt --why "the wrong night" && muniment backup quill-brandt --full
    """
    from muniment.runbooks.cut_over.take_live import take_back

    site = session.site(firm_id)
    with shown_progress() as progress:
        by = typed_by("muniment live roll-back")
        done = take_back(site, _chosen(site, cut_over_id), why=why, by=by, clock=utc_now, progress=progress)
    answers = {True: "and answers", False: "AND DOES NOT ANSWER", None: "as it was"}[done.answers]
    _say(done, as_json, f"the old cluster is in {done.live} {answers}; the restored one, in {done.staged}")
    if done.answers is False:
        raise SystemExit(1)


@live.command("release", short_help="Delete the old cluster that is kept aside.")
@firm_argument
@_id_option
@json_option
@click.pass_obj
def live_release(session: Session, firm_id: str, cut_over_id: str | None, *, as_json: bool) -> None:
    """Delete the data directory that a cut-over of FIRM set aside. Refused before a full backup of the new one.

    \b
    After the firm has looked:    muniment live release quill-brandt
    """
    from muniment.runbooks.cut_over.take_live import release_old

    site = session.site(firm_id)
    with shown_progress() as progress:
        done = release_old(site, _chosen(site, cut_over_id), clock=utc_now, progress=progress)
    _say(done, as_json, f"{done.aside} is deleted")


def _chosen(site: "Site", cut_over_id: str | None) -> str:
    """Raises ``LiveNotReplaceable`` where there is none."""
    from muniment.errors import LiveNotReplaceable
    from muniment.runbooks.cut_over.take_live import cut_overs

    found = [each.id for each in cut_overs(site)]
    if not cut_over_id and not found:
        place = site.firm.cluster.live.data_directory
        raise LiveNotReplaceable(place=place, reason="no cut-over of it is known here")
    return cut_over_id or found[-1]


def _say(done: "CutOver", as_json: bool, words: str) -> None:
    if as_json:
        say_json({"cut_over": _plain(done)})
        return
    for note in done.notes:
        click.echo(note)
    click.echo(f"cut-over {done.id}: {words}")


def _plain(found: "CutOver") -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(found.to_json())
    return {**plain, "aside": str(found.aside)}


def _row(found: "CutOver") -> tuple[str, ...]:
    last = found.steps[-1].step if found.steps else "—"
    state = found.outcome or f"UNFINISHED, going {found.direction}"
    kept = str(found.aside) if found.outcome == "live" and found.had_live else "—"
    return found.id, when(found.begun_at), found.asked_by, found.approval.by, last, state, kept
