"""What the commands that change what is live have in common: a second person's signature, and the record of it all."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from muniment.cli.session import SIDES, Session, typed_by
from muniment.ports import Silent, utc_now

if TYPE_CHECKING:
    from muniment.domain.acts.act import Kind
    from muniment.domain.approval import Approval
    from muniment.domain.firm.firm import Firm
    from muniment.runbooks.acts.on_record import Ledger
    from muniment.runbooks.acts.second_person import Subject

FILE = click.Path(path_type=Path, dir_okay=False)
apply_option = click.option("--apply", "apply_path", type=FILE, help="Carry out the plan in this file.")
approval_option = click.option(
    "--approval",
    "approval_path",
    type=FILE,
    help="What one of restore.approvers signed, and not who asked for it: ….request.sig, beside the request. Without it"
    " the request is written, and nothing else.",
)


@dataclass(frozen=True, slots=True)
class Approved:
    """``did`` is for what was done: how many of what."""

    approval: "Approval"
    asked_by: str
    did: dict[str, int]


class NotesOnStderr(Silent):
    """No bars: what is carried out shows its own."""

    def note(self, text: str) -> None:
        click.echo(text, err=True)


def subject(act: "Kind", what: str, plan_sha256: str, asked_by: str | None = None) -> "Subject":
    from muniment.runbooks.acts.second_person import Subject

    return Subject(act, what, plan_sha256, asked_by)


def asked_for(firm: "Firm", wanted: "Subject", plan: Path) -> tuple[dict[str, str], list[str]]:
    """The request beside ``plan``: for programs, and what a person is told of it. No approver is a reason to say so."""
    from muniment.errors import ActNotApproved
    from muniment.runbooks.acts.second_person import request_beside, write_request

    try:
        waiting = write_request(firm, wanted, request_beside(plan), then=carried_out_by("--apply", plan), clock=utc_now)
    except ActNotApproved as refused:
        return {}, [f"nobody can approve it: {refused.facts['reason']}"]
    return {"request": str(waiting.facts["request"])}, [waiting.what, waiting.what_to_do]


@contextmanager
def approved(
    session: Session, firm: "Firm", wanted: "Subject", plan: Path, asked: Mapping[str, Any]
) -> "Iterator[Approved]":
    """Around what is carried out. Raises ``ApprovalWanted`` where ``--approval`` was not given, ``ActNotApproved``
    where it is none, ``ActNotRecorded`` and ``EndNotRecorded``."""
    from muniment.domain.acts.act import Order
    from muniment.runbooks.acts.on_record import on_record
    from muniment.runbooks.acts.second_person import request_beside, take_approval, write_request

    if asked["approval_path"] is None:
        then = carried_out_by("--undo" if asked.get("undo_path") else "--apply", plan)
        raise write_request(firm, wanted, request_beside(plan), then=then, clock=utc_now)
    approval, asked_by = take_approval(firm, wanted, asked["approval_path"], clock=utc_now)
    order = Order(
        act=wanted.act,
        what=wanted.what,
        by=typed_by(command()),
        asked_by=asked_by,
        plan_sha256=wanted.plan_sha256,
        approval=approval,
    )
    with on_record(ledger(session, firm), order) as doing:
        yield Approved(approval, asked_by, doing.did)


@contextmanager
def beside_live(session: Session, firm: "Firm", act: "Kind", what: str) -> Iterator[None]:
    """Around what comes to lie beside what is live: nobody has to approve it, and it is on the record."""
    from muniment.adapters.host.login import login_name
    from muniment.domain.acts.act import Order
    from muniment.runbooks.acts.on_record import on_record

    order = Order(act=act, what=what, by=typed_by(command()), asked_by=login_name())
    with on_record(ledger(session, firm), order):
        yield


def ledger(session: Session, firm: "Firm") -> "Ledger":
    """Both vaults, neither of them waited for long: one is enough."""
    from muniment.runbooks.acts.on_record import Ledger

    vaults = [session.vault(firm.id, side, hasty=True) for side in SIDES]
    return Ledger(vaults, firm.policy.audit_log, utc_now, NotesOnStderr())


# Of what was typed, all that still means something when a plan is carried out: the plan says the rest.
_STAYS = ("registry", "settings", "staged", "side", "keep_path", "cut_over_id", "why")


def carried_out_by(way: str | None, plan: Path) -> str:
    """The command line that carries ``plan`` out when it is signed, by ``way``: ``--apply``, ``--undo`` or neither."""
    from muniment.runbooks.acts.second_person import signature_beside

    context = click.get_current_context()
    root = context.find_root()
    words = [str(root.info_name), *_typed(root)]
    if context is not root:
        words += [*context.command_path.split()[len(root.command_path.split()) :], *_typed(context)]
    words += [*([way, str(plan)] if way else []), "--approval", str(signature_beside(plan))]
    return shlex.join(words)


def _typed(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        name = str(parameter.name)
        if isinstance(parameter, click.Argument):
            yield str(context.params[name])
        elif name in _STAYS and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield from (parameter.opts[0], str(context.params[name]))


def command() -> str:
    """``muniment matter``."""
    return click.get_current_context().command_path
