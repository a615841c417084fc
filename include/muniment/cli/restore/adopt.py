"""``muniment adopt FIRM``: a new cluster under an old name."""

from typing import TYPE_CHECKING, Any

import click

from muniment.cli.restore.in_place import Ways, answer_by, asked_by, planned, read_plan, require_one_way
from muniment.cli.restore.second_person import FILE, apply_option, approval_option, approved, command, subject
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, typed_by
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.cli.restore.in_place import Answer
    from muniment.domain.vault.adoption import AdoptionPlan
    from muniment.runbooks.acts.second_person import Subject


@click.command(short_help="A new cluster takes the firm's name, after pg_upgrade or a dump.")
@firm_argument
@click.option("--plan", "plan_path", type=FILE, help="Write the plan into this new file, and what is to be signed.")
@apply_option
@approval_option
@json_option
@click.pass_obj
def adopt(session: Session, /, firm_id: str, *, as_json: bool, **asked: Any) -> None:
    """Let the cluster behind FIRM's connection take the place of the one that its vaults know.

    For a cluster that was replaced on purpose: pg_upgrade, or a dump into a new one. Shows both, with what the control
    totals counted then and now; a second person approves the plan. The old one's recovery points stay restorable, its
    WAL is refused from then on, and the next base backup is a full one. Run again after a crash, it goes on.

    \b
    What would it do?   muniment adopt hudson
    The plan:           muniment adopt hudson --plan adopt.json
    Somebody else:      muniment approve adopt.json.request
    Carry it out:       muniment adopt hudson --apply adopt.json --approval adopt.json.request.sig
    Then at once:       muniment backup hudson --full
    """
    require_one_way(asked, "plan_path", "apply_path")
    site = session.site(firm_id)
    ways: Ways = {"apply_path": lambda: _apply(session, site, asked)}
    answer_by(firm_id, ways, asked, otherwise=lambda: _plan(site, asked), as_json=as_json)


def _plan(site: "Site", asked: dict[str, Any]) -> "Answer":
    from muniment.runbooks.vault.adopt_cluster import plan_adoption

    plan = plan_adoption(site, requested_by=asked_by(), clock=utc_now)
    if plan is None:
        line = "the connection leads to the firm's cluster: there is nothing to adopt"
        return {"plan": None, "sha256": None, "lines": [line]}
    return planned(site.firm, plan, _subject(plan), asked["plan_path"])


def _subject(plan: "AdoptionPlan") -> "Subject":
    return subject("adopt", f"cluster {plan.new.system_identifier}", plan.sha256, plan.requested_by)


def _apply(session: Session, site: "Site", asked: dict[str, Any]) -> "Answer":
    from muniment.domain.vault.adoption import AdoptionPlan
    from muniment.runbooks.vault.adopt_cluster import adopt_cluster

    plan, by = read_plan(AdoptionPlan, asked["apply_path"]), typed_by(command())
    with approved(session, site.firm, _subject(plan), asked["apply_path"], asked) as act, shown_progress() as progress:
        mark = adopt_cluster(site, plan, approval=act.approval, by=by, clock=utc_now, progress=progress)
    line = f"the cluster of firm {site.firm.id} is {mark.system_identifier}; take a full backup of it now"
    return {"adopted": mark.system_identifier, "former": list(mark.clusters[1:]), "lines": [line]}
