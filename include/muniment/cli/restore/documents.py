"""``muniment documents FIRM``."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, say_json, say_table, size, when
from muniment.cli.restore.in_place import asked_by, read_plan, require_one_way, write_new
from muniment.cli.restore.second_person import FILE, apply_option, approval_option, approved, asked_for, subject
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, side_option
from muniment.cli.times import Lasting
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.documents.source_bucket import SourceBucket
    from muniment.adapters.vault.vault import Vault
    from muniment.domain.documents.recovery import DocumentRestorePlan, PlannedDocument
    from muniment.runbooks.acts.second_person import Subject

SHOWN = 40


class Standing(Lasting):
    """How long a staging may stand, by a firm's form and its policy as by command."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from muniment.domain.firm.firm import LONGEST_STAGING, SHORTEST_STAGING
        from muniment.domain.units import format_duration

        asked = super().convert(value, param, ctx)
        if not SHORTEST_STAGING <= asked <= LONGEST_STAGING:
            shortest, longest = format_duration(SHORTEST_STAGING), format_duration(LONGEST_STAGING)
            self.fail(f"{value!r} is not between {shortest} and {longest}", param, ctx)
        return asked


class Instant(click.ParamType["datetime | str"]):
    """ISO 8601 with its zone, a recovery point's id, or ``latest``."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "datetime | str":
        if value == "latest" or re.fullmatch(r"\d{8}T\d{9}Z", value):
            return str(value)
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a time, a point's id nor 'latest'", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} has no time zone: write it as {value}Z or {value}-06:00", param, ctx)
        return instant


@click.command(short_help="Documents as they were at an instant.")
@firm_argument
@click.option("--key", help="One document.")
@click.option("--prefix", help="All whose keys begin so; '' is all there are.")
@click.option("--deleted-since", type=Instant(), metavar="T", help="All that were there at T and are not now.")
@click.option("--at", type=Instant(), metavar="T", help="As they were at T: a time with zone, a point's id, or latest.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Into a new folder.")
@click.option("--link", type=Lasting(), help="As links that expire: 15m, 1h, at most 7d.")
@click.option("--plan", "plan_path", type=FILE, help="For the live bucket: the plan, and what is to be signed.")
@apply_option
@approval_option
@click.option("--bucket", help="Only of this document bucket.")
@click.option("--without-live", is_flag=True, help="Do not look at the live buckets: they are gone, or not yours.")
@side_option
@json_option
@click.pass_obj
def documents(session: Session, /, firm_id: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring back FIRM's documents as they were: one, those below a prefix, or all that were deleted since.

    The plan comes first, and is all that happens without --apply, --into or --link. Into the live bucket it is written
    into a file, a second person signs for it, and it is carried out as it is: a document is only superseded by a new
    version, and only where it is still what the plan shows; else it is refused (exit code 4).

    \b
    What became of a matter?  muniment documents hudson --prefix matters/4711/ --at 2026-11-19T18:00-05:00
    Undo a deletion:          muniment documents hudson --deleted-since 2026-11-19T18:00-05:00 --plan plan.json
    Somebody else signs:      muniment approve plan.json.request
    Do it:                    muniment documents hudson --apply plan.json --approval plan.json.request.sig
    The region is lost:       muniment documents hudson --prefix '' --at latest --into DIR --from replica --without-live
    For one reader:           muniment documents hudson --key will.pdf --at latest --link 1h
    """
    require_one_way(asked, "apply_path", "plan_path", "into", "link", misuses=_misuses(asked))
    if asked["apply_path"]:
        answer = _apply(session, firm_id, side, asked)
        say_json({"firm": firm_id, **answer}) if as_json else _tell(answer)
        return
    vault = session.vault(firm_id, side)
    plan = _plan(session, vault, asked)
    answer = {"firm": firm_id, "plan": as_plain(plan), "counts": plan.counts()}
    if not as_json:
        _show(plan)
    answer |= _carry_out(session, vault, plan, asked)
    if as_json:
        answer.pop("lines", None)
        say_json(answer)
    else:
        _tell(answer)


_WHICH = ("key", "prefix", "deleted_since", "at", "bucket")


def _misuses(asked: dict[str, Any]) -> Iterator[str]:
    if not asked["apply_path"]:
        yield from _unclear(asked)
    elif which := [f"--{name.replace('_', '-')}" for name in _WHICH if asked[name] is not None]:
        yield f"the plan says which documents, and as they were when: leave {', '.join(which)} out"
    if asked["without_live"] and (asked["apply_path"] or asked["plan_path"]):
        yield "what goes into the live buckets is compared with them: leave --without-live out"


def _unclear(asked: dict[str, Any]) -> Iterator[str]:
    key, since, at = asked["key"], asked["deleted_since"], asked["at"]
    if key is not None and (asked["prefix"] is not None or since):
        yield "--key is one document; --prefix and --deleted-since are many"
    if (key, asked["prefix"], since) == (None, None, None):
        yield "which documents? Say --key, --prefix or --deleted-since"
    if (since or at) is None:
        yield "as they were when? Say --at, a time with its zone, a point's id, or latest"
    if since and at and since != at:
        yield "--deleted-since T brings them back as they were at T; --at can only say the same"


def _plan(session: Session, vault: "Vault", asked: dict[str, Any]) -> "DocumentRestorePlan":
    from muniment.domain.documents.selection import Selection
    from muniment.runbooks.documents.restore_documents import plan_document_restore

    since, at = asked["deleted_since"], asked["deleted_since"] or asked["at"]
    selection = Selection(key=asked["key"], prefix=asked["prefix"] or "", deleted_only=since is not None)
    plan = plan_document_restore(
        vault,
        bucket=asked["bucket"],
        selection=selection,
        at=_instant(session, vault, at),
        live=None if asked["without_live"] else live_buckets(session, vault.firm),
    )
    return plan.model_copy(update={"requested_by": asked_by()}) if asked["plan_path"] else plan


def _instant(session: Session, vault: "Vault", at: "datetime | str") -> datetime | None:
    from muniment.adapters.vault import catalog
    from muniment.runbooks.vault.typed_point import typed_point

    if isinstance(at, datetime):
        return at
    if at == "latest":
        return None
    with typed_point(at, *session.hasty_vaults(vault.firm)):
        return catalog.snapshot_head(vault, at).taken_at


def live_buckets(session: Session, firm_id: str) -> "dict[str, SourceBucket]":
    """The firm's document buckets by name. Nothing is connected yet."""
    from muniment.adapters.documents.source_bucket import source_buckets
    from muniment.adapters.site.logins import find_login

    firm = session.firm(firm_id)
    return source_buckets(firm, find_login(firm.aws_connection, session.settings).clients())


def _carry_out(session: Session, vault: "Vault", plan: "DocumentRestorePlan", asked: dict[str, Any]) -> dict[str, Any]:
    from muniment.adapters.documents.files import LinkSigner
    from muniment.adapters.site.logins import find_login
    from muniment.runbooks.documents import restore_documents as run

    if asked["link"]:
        login = find_login(session.firm(vault.firm).aws_connection, session.settings)
        signer = LinkSigner.of(vault, login)
        links = run.link_documents(vault, plan, signer=signer, lasting=asked["link"], clock=utc_now)
        return {"links": [{**asdict(link), "expires_at": link.expires_at.isoformat()} for link in links]}
    if asked["plan_path"]:
        write_new(asked["plan_path"], plan)
        request, lines = asked_for(session.firm(vault.firm), _subject(plan), asked["plan_path"])
        return {"sha256": plan.sha256, **request, "lines": lines}
    if asked["into"]:
        with shown_progress() as progress:
            return {"manifest": str(run.restore_into_folder(vault, plan, into=asked["into"], progress=progress))}
    return {}


def _subject(plan: "DocumentRestorePlan") -> "Subject":
    return subject("documents", f"{len(plan.documents)} documents", plan.sha256, plan.requested_by)


def _apply(session: Session, firm_id: str, side: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from muniment.domain.documents.recovery import DocumentRestorePlan
    from muniment.runbooks.documents.restore_documents import restore_in_place

    plan = read_plan(DocumentRestorePlan, asked["apply_path"])
    vault, live = session.vault(firm_id, side), live_buckets(session, firm_id)
    with approved(session, session.firm(firm_id), _subject(plan), asked["apply_path"], asked) as act:
        with shown_progress() as progress:
            done = restore_in_place(vault, plan, live=live, progress=progress)
        act.did["documents"] = len(done)
    return {"restored": [asdict(each) for each in done]}


def _show(plan: "DocumentRestorePlan") -> None:
    say_table(("document", "size>", "as of", "since then"), [_row(each) for each in plan.documents[:SHOWN]])
    if len(plan.documents) > SHOWN:
        click.echo(f"and {len(plan.documents) - SHOWN:,} more: --json has all of them")
    counts = ", ".join(f"{number:,} {name}" for name, number in plan.counts().items() if number)
    click.echo(f"{len(plan.documents):,} documents ({size(plan.size_bytes)}) at {when(plan.at)}: {counts}")
    for line in _unread(plan):
        click.echo(line)
    if not plan.compared:
        click.echo("not compared with the live buckets")


def _unread(plan: "DocumentRestorePlan") -> list[str]:
    from muniment.domain.vault.incomplete import Incomplete

    lacking = Incomplete.of_documents(plan.unread)
    return [f"not in it, because it could not be read then: {line}" for line in lacking.lines(SHOWN)] if lacking else []


def _row(planned: "PlannedDocument") -> tuple[str, ...]:
    version = planned.version
    name = f"{version.bucket}/{version.key}".encode("unicode_escape").decode() if not version.key.isprintable() else ""
    change = planned.change if planned.certain else f"{planned.change}; may have been deleted by then"
    return name or f"{version.bucket}/{version.key}", size(version.size_bytes), when(version.modified_at), change


def _tell(answer: dict[str, Any]) -> None:
    match answer:
        case {"restored": restored}:
            click.echo(f"{len(restored):,} documents are current again, each as a new version")
        case {"manifest": manifest}:
            click.echo(f"they are beside {manifest}, which maps names to keys")
        case {"links": links}:
            for link in links:
                click.echo(f"{link['key']!r} until {link['expires_at']}: {link['url']}")
        case {"lines": lines}:
            click.echo("\n".join(["a plan: nothing was written", *lines]))
        case _:
            click.echo("a plan: nothing was written")
