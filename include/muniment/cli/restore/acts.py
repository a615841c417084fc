"""``muniment acts FIRM``."""

from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.session import Session, firm_argument, json_option, side_option
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.acts.act import Act

COLUMNS = ("act", "begun at", "what", "by", "approved by", "end")


@click.command(short_help="List what was done to what is live.")
@firm_argument
@side_option
@json_option
@click.pass_obj
def acts(session: Session, firm_id: str, side: Any, *, as_json: bool) -> None:
    """List whatever was done to what is live at FIRM, by command and by DAG, the oldest first.

    Who, what, when, on whose approval, and how it ended. A signature that came with an approval is checked again, with
    the key that the record keeps. Reads one vault only.

    \b
    What did not finish?    muniment acts quill-brandt --json | jq '.acts[] | select(.end == "did not finish")'
    """
    from muniment.adapters.acts import records
    from muniment.runbooks.identity import prove_vault

    vault = session.vault(firm_id, side)
    prove_vault(vault)
    found = records.acts(vault)
    if as_json:
        say_json({"firm": firm_id, "vault": vault.bucket, "acts": [_plain(each) for each in found]})
        return
    say_table(COLUMNS, [_row(each) for each in found])
    click.echo(f"{len(found)} acts in {vault.bucket}")


def _end(act: "Act") -> str:
    from muniment.adapters.host.processes import still_runs

    return act.end(runs=still_runs(act.begun.process), now=utc_now())


def _row(act: "Act") -> tuple[str, ...]:
    begun, end = act.begun, _end(act)
    failure = act.ended.failure if act.ended else None
    signed = {True: "", False: " (ITS SIGNATURE DOES NOT HOLD)", None: " (in Airflow)"}[_holds(act)]
    approved = f"{begun.approval.by}{signed}" if begun.approval else "—"
    return (
        begun.id,
        when(begun.began_at),
        begun.what,
        begun.by,
        approved,
        f"{end}: {_told(failure)}" if failure else end,
    )


def _told(failure: str) -> str:
    """An error of ours with its class's own first sentence, which holds no fact, and so nothing of a row."""
    from muniment import errors

    kind = getattr(errors, failure, None)
    is_ours = isinstance(kind, type) and issubclass(kind, errors.MunimentError)
    sentence = " ".join((kind.__doc__ or "").split("\n\n")[0].split()).partition(". ")[0] if is_ours else ""
    return f"{failure} ({sentence.removesuffix('.')})" if sentence else failure


def _holds(act: "Act") -> bool | None:
    """Whether its approval's signature does; ``None`` where there is none."""
    from muniment.adapters.approval.ssh_signature import holds
    from muniment.domain.ssh_key import SshSignature

    approval = act.begun.approval
    if approval is None or approval.signed is None:
        return None
    signed = approval.signed
    try:
        signature = SshSignature.parse(signed.signature)
    except ValueError:
        return False
    return signature.key.line == signed.key and holds(signature, signed.request.encode())


def _plain(act: "Act") -> dict[str, Any]:
    ended = as_plain(act.ended) if act.ended else {"failure": None, "did": {}, "ended_at": None}
    more = {name: ended[name] for name in ("failure", "did", "ended_at")}
    return {**as_plain(act.begun), **more, "end": _end(act), "signature_holds": _holds(act)}
