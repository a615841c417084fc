"""``muniment approve REQUEST``."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import say_json, when
from muniment.cli.restore.second_person import FILE
from muniment.cli.session import json_option
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.approval import ApprovalRequest


@click.command(short_help="Sign what another one asks for.")
@click.argument("request", metavar="REQUEST", type=FILE)
@click.option("--plan", "plan_path", type=FILE, help="Where the plan is. Default: beside REQUEST, without its ending.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("~/.ssh/id_ed25519"),
    show_default=True,
    help="Your private key, or the public one of a key that your agent holds.",
)
@click.option("--yes", is_flag=True, help="Do not ask, after the plan was shown.")
@json_option
def approve(request: Path, plan_path: Path | None, key: Path, *, yes: bool, as_json: bool) -> None:
    """Show the plan that REQUEST asks a second person for, and sign REQUEST with a key of yours.

    For those whom the firm's file names under restore.approvers, with the public key. Needs OpenSSH, and neither the
    firm's vaults nor its connections. REQUEST and the plan are files: take them to your own machine, and bring the
    signature back, REQUEST.sig. `ssh-keygen -Y sign -n muniment -f KEY REQUEST` makes the same.

    \b
    muniment approve plan.json.request
    """
    from muniment.adapters.approval.ssh_keygen import sign
    from muniment.adapters.host.durable_files import replace_file
    from muniment.domain.approval import NAMESPACE
    from muniment.runbooks.acts.second_person import REQUEST, SIGNATURE

    content = _content(request)
    wanted = _request(request, content)
    plan = _content(plan_path or request.with_name(request.name.removesuffix(REQUEST)))
    _require_plan(wanted, plan, request)
    for line in (*_facts(wanted), *_plan_lines(wanted, plan)):
        click.echo(line, err=as_json)
    _require_yes(wanted, yes=yes)
    signature = sign(content, key.expanduser(), NAMESPACE)
    path = request.with_name(request.name + SIGNATURE)
    replace_file(path, signature.encode())
    if warning := _warning(wanted, signature):
        click.echo(warning, err=True)
    if as_json:
        say_json({"firm": wanted.firm, "request": str(request), "signature": str(path)})
        return
    click.echo(f"signed: {path}. Give it to {wanted.asked_by}, who carries it out with --approval {path.name}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise click.UsageError(message) from None


def _request(path: Path, content: bytes) -> "ApprovalRequest":
    from pydantic import ValidationError

    from muniment.domain.approval import ApprovalRequest

    try:
        return ApprovalRequest.from_json(content)
    except ValidationError:
        message = f"{path} is no request"
        raise click.UsageError(message) from None


def _require_plan(wanted: "ApprovalRequest", plan: bytes, request: Path) -> None:
    from muniment.errors import ActNotApproved

    reason = None
    if hashlib.sha256(plan).hexdigest() != wanted.plan_sha256:
        reason = f"the plan is not the one that {request} asks for"
    elif utc_now() > wanted.valid_until:
        reason = f"it was to be signed by {when(wanted.valid_until)}"
    if reason:
        raise ActNotApproved(firm=wanted.firm, what=wanted.what, reason=reason)


def _facts(wanted: "ApprovalRequest") -> Iterator[str]:
    from muniment.domain.shown_text import shown

    asked = f"{wanted.what} of firm {wanted.firm}, asked for by {wanted.asked_by} on {wanted.asked_on}"
    yield _on_one_line(shown(asked))
    yield f"asked at {when(wanted.made_at)}, to be carried out by {when(wanted.valid_until)}; plan {wanted.plan_sha256}"


def _on_one_line(text: str) -> str:
    """Nothing in a plan may look like another line of it: whoever wrote it is not who signs."""
    return text.replace("\n", "[U+000A]")


def _warning(wanted: "ApprovalRequest", signature: str) -> str | None:
    """Of a key that is not among those of the request; one that names none was made before requests named any."""
    from muniment.domain.shown_text import shown
    from muniment.domain.ssh_key import SshSignature

    key = SshSignature.parse(signature).key.fingerprint
    if not wanted.keys or key in wanted.keys:
        return None
    warning = (
        f"WARNING: no approver of firm {wanted.firm} who may sign this had the key {key} when it was asked for: it is"
        f" refused unless restore.approvers names it by now. Known then: {', '.join(wanted.keys)}"
    )
    return _on_one_line(shown(warning))


def _plan_lines(wanted: "ApprovalRequest", plan: bytes) -> Iterator[str]:
    from pydantic import ValidationError

    from muniment.domain.shown_text import shown

    try:
        lines = list(_lines_of(wanted.act, plan))
    except ValidationError:
        message = f"what {wanted.plan_sha256} names is no plan of {wanted.act!r} that this version of muniment can read"
        raise click.UsageError(message) from None
    yield from (_on_one_line(shown(line)) for line in lines)


def _lines_of(act: str, plan: bytes) -> Iterable[str]:
    from muniment.domain.documents.recovery import DocumentRestorePlan
    from muniment.domain.restore.live_plan import LivePlan
    from muniment.domain.rows.matter_plan import BeforeImages, MatterPlan
    from muniment.domain.rows.table_plan import DatabasePlan, TablesPlan
    from muniment.domain.vault.adoption import AdoptionPlan

    kinds: dict[str, Any] = {
        "matter": MatterPlan,
        "undo": BeforeImages,
        "tables": TablesPlan,
        "database": DatabasePlan,
        "documents": DocumentRestorePlan,
        "adopt": AdoptionPlan,
        "roll-back": LivePlan,
        "release": LivePlan,
    }
    if act in kinds:
        lines: Iterable[str] = kinds[act].from_json(plan).lines()
        return lines
    message = f"{act!r} is nothing that this version of muniment knows"
    raise click.UsageError(message)


def _require_yes(wanted: "ApprovalRequest", *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        message = "nobody is here to be asked: say --yes to sign"
        raise click.UsageError(message)
    click.confirm(f"Sign for {wanted.what} of firm {wanted.firm}?", abort=True, err=True)
