"""A restore's plan in words: what the person who approves it reads, and what its terminal shows."""

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from muniment.domain.recovery.backup_choice import Choice, Restorable
from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.restore.plan import DocumentsToRestore, RestorePlan
from muniment.domain.units import human_duration, human_size
from muniment.domain.vault.incomplete import Incomplete
from muniment.domain.vault.registers import Point

NEVER_IN_IT = (
    "what no base backup holds: rows of unlogged tables, replication slots, and whatever lies outside of the data"
    " directory, such as the server's log and, on Debian, postgresql.conf and pg_hba.conf"
)


# A line that the eye still finds the next one of; a narrower terminal has fewer.
COLUMNS = 110


def plan_lines(plan: RestorePlan, width: int = COLUMNS) -> tuple[str, ...]:
    """Label and value, aligned and folded; what is left out comes last, a sentence each."""
    rows = [*_rows(plan), ("not in it", plan.left_out[0] if plan.left_out else "nothing that is known")]
    rows += [("", sentence) for sentence in plan.left_out[1:]]
    column = max(len(label) for label, _ in rows) + 2
    return tuple(
        f"{label if number == 0 else '':<{column}}{line}"
        for label, value in rows
        for number, line in enumerate(wrap(value, width - column, subsequent_indent="  ", break_long_words=False))
    )


def _rows(plan: RestorePlan) -> Iterator[tuple[str, str]]:
    yield "restore", f"{plan.firm} to {plan.target}"
    yield "reaches", _reaches(plan)
    yield "from", f"{plan.vault} in {plan.region}, the {plan.side} vault"
    increments = len(plan.chain) - 1
    yield "base backup", f"{plan.chain[-1]} of recovery point {plan.point}, PostgreSQL {plan.major}"
    if increments:
        yield "", f"an increment, the last of {increments}: {' + '.join(plan.chain)}"
        yield "", "visibility maps that an increment holds in part are blanked: until VACUUM, indexes read the rows too"
    replay = plan.replay
    segments = "segment" if replay.segments == 1 else "segments"
    yield "WAL", f"{replay.segments:,} {segments} ({human_size(replay.stored_bytes)})"
    if replay.lent_segments:
        yield "", f"{replay.lent_segments:,} of them are not in this vault and come from the other one"
    yield "", f"{replay.wal.first_segment} to {replay.wal.last_segment}, timeline {plan.timeline}"
    yield from _timelines(plan)
    yield from _tablespaces(plan)
    yield "documents", _documents(plan.documents)
    yield "configuration", f"of {plan.config}"
    yield "into", plan.into
    yield "replaces", _replaces(plan)
    yield "to fetch", human_size(plan.fetch_bytes)
    yield from _space(plan)
    yield "takes about", human_duration(plan.estimate_s) if plan.estimate_s is not None else _UNMEASURED
    yield "held", f"until {_when(plan.held_until)}: {_HELD}" if plan.held_until else _NOT_HELD


def _timelines(plan: RestorePlan) -> Iterator[tuple[str, str]]:
    """Which one was taken, and that there are others."""
    if plan.replaced_at:
        yield "cluster", f"{plan.cluster}, WHICH ANOTHER ONE REPLACED on {_when(plan.replaced_at)}: it does not serve"
    if plan.history == plan.serving:
        yield "timeline", f"{plan.history}, " + ("its last" if plan.replaced_at else "which serves")
    else:
        yield "timeline", f"{plan.history}, AS WAS ASKED FOR: the firm's cluster is on timeline {plan.serving}"
    for other in plan.others:
        there = f"timeline {other.timeline} has more, or something else, until {_when(other.seen_at)}"
        yield "", f"{there}: `--to timeline:{other.timeline}:latest`"


_HELD = "nothing of it is deleted before then or before it has been carried out; later, it is looked at again first"
_NOT_HELD = "no: a plan to look at; expire may delete some of it at any time"
_UNMEASURED = "not known: no drill of this firm has passed yet"


def _reaches(plan: RestorePlan) -> str:
    where = f"LSN {plan.reaches_lsn}" if plan.reaches_lsn else f"LSN {plan.replay.wal.through_lsn} or before"
    last = f"the last transaction in it ended at {_when(plan.reaches_at)}" if plan.reaches_at else None
    return ", ".join(filter(None, (where, last)))


def _tablespaces(plan: RestorePlan) -> Iterator[tuple[str, str]]:
    label = "tablespaces"
    for each in plan.tablespaces:
        made = ", which the WAL makes" if each.made_by == "WAL" else ""
        yield label, f"{each.oid}{made}: {each.location} of the firm's, led to {each.place}"
        label = ""
    if unread := plan.replay.unread_segments:
        segments = "1 segment is" if unread == 1 else f"{unread:,} segments are"
        where = f"{plan.into}/pg_tblspc as well"
        yield label, f"{segments} read when they are fetched: a tablespace that is made there lies in {where}"


def _documents(documents: DocumentsToRestore | None) -> str:
    if documents is None:
        return "none"
    of = f"as they were at {_when(documents.at)}, from snapshot {documents.snapshot}"
    return f"{documents.count:,} ({human_size(documents.size_bytes)}), {of}"


def _replaces(plan: RestorePlan) -> str:
    if plan.replaces is None:
        return "nothing"
    if plan.replaces == plan.into:
        return (
            f"the cluster in {plan.into}, WRITTEN OVER: what differs becomes the backup's, what it does not have goes"
        )
    return f"{plan.replaces}, which goes aside"


def _space(plan: RestorePlan) -> Iterator[tuple[str, str]]:
    """Each file system by the folders on it, where there are several."""
    if not plan.space:
        yield "space", _room(plan.space_needed_bytes, plan.space_there_bytes)
    for number, room in enumerate(plan.space):
        where = f"{', '.join(room.places)}: " if len(plan.space) > 1 else ""
        yield "" if number else "space", where + _room(room.needed_bytes, room.there_bytes)


def _room(needed_bytes: int, there_bytes: int | None) -> str:
    needed = f"{human_size(needed_bytes)} needed"
    if there_bytes is None:
        return needed
    enough = "" if there_bytes >= needed_bytes else ": TOO LITTLE"
    return f"{needed}, {human_size(there_bytes)} there{enough}"


def left_out(choice: Choice, restorable: Restorable, reaches_at: datetime | None) -> Iterator[str]:
    """Of the database; the first is the one that matters."""
    if choice.stop.settings.get("recovery_target") == "immediate":
        yield "every transaction that was committed after the base backup ended"
    elif reaches_at is not None:
        yield f"transactions that ended behind LSN {choice.stop.position}, after {_when(reaches_at)}"
    else:
        yield f"transactions that ended behind LSN {choice.stop.position}"
    yield from _branches(choice, restorable.archive)
    if links := choice.base.backup.left_out:
        yield f"links of the data directory, and what they lead to: {', '.join(links)}"
    yield NEVER_IN_IT


def _branches(choice: Choice, archive: Archive) -> Iterator[str]:
    history = archive.history(choice.timeline)
    for line, left_at in history.ancestors if history else ():
        if archive.end(line) > left_at:
            yield f"what timeline {line} wrote behind LSN {left_at}, where history left it"
    for line in sorted(archive.numbers):
        if line > choice.timeline:
            yield f"what was written on timeline {line}, which branched off elsewhere or later"


def left_out_of_documents(documents: DocumentsToRestore | None, at: datetime, *, uncertain: int = 0) -> Iterator[str]:
    """``at`` is the database's instant."""
    if documents is None:
        yield f"documents: no snapshot in this vault is as old as {_when(at)}"
    elif documents.at < at:
        older = human_duration((at - documents.at).total_seconds())
        yield f"what became of documents after {_when(documents.at)}: they are {older} older than the database"
    if uncertain:
        yield f"certainty about {uncertain:,} documents: they may have been deleted by then, and nothing recorded tells"


def left_out_as_unread(choice: Choice, documents: Incomplete | None, configured: Point) -> Iterator[str]:
    """``configured``: the point whose configuration comes back; the pages are those of the base backup's own."""
    base = choice.base.point
    if base.incomplete and base.is_damaged:
        damaged = [each.name for each in base.incomplete.named if each.what == "relation file"]
        more = ", among others" if base.incomplete.count > len(base.incomplete.named) else ""
        yield (
            f"SOUND PAGES of {', '.join(damaged)}{more}: PostgreSQL found them damaged when the base backup was taken,"
            " and no sound backup leads there"
        )
    if documents:
        yield f"{_counted(documents.count, 'document')} that could not be read that night: {_named(documents)}"
    sources = (each for each in (configured.incomplete.named if configured.incomplete else ()))
    if settings := Incomplete.of(each for each in sources if each.what in {"file", "secret", "table"}):
        sources_unread = f"{_counted(settings.count, 'source')} of the configuration"
        yield f"{sources_unread} that could not be read that night: {_named(settings)}"


def _named(lacking: Incomplete) -> str:
    """As many as a register names: whoever wants to know all of them is led here."""
    return "; ".join(lacking.lines())


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _when(at: datetime) -> str:
    """Microseconds where there are any: PostgreSQL's times have them, S3's do not."""
    return f"{at:%Y-%m-%d %H:%M:%S.%f} UTC" if at.microsecond else f"{at:%Y-%m-%d %H:%M:%S} UTC"
