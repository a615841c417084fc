"""A new cluster under an old name: which one takes whose place, as two people see it before it is so."""

from collections.abc import Iterator
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.approval import Approval
from muniment.domain.record import HashedRecord, Record
from muniment.domain.server_version import version_text


class OldCluster(Record):
    """As the primary vault knows it; ``None`` where it has no base backup of it."""

    system_identifier: int
    server_version: int | None = None
    last_point: str | None = None
    last_seen_at: AwareDatetime | None = None
    """When the newest of its WAL, or of its base backups, came into the vault."""


class NewCluster(Record):
    """As it answers over the firm's own connection."""

    system_identifier: int
    server_version: int
    timeline: int
    databases: tuple[str, ...]


class Counted(Record):
    """Rows of one of the policy's control totals; ``then`` is ``None`` where that point did not count
    it, ``now`` where there is no such table or the role may not read it."""

    table: str
    then: int | None
    now: int | None


class AdoptionPlan(HashedRecord):
    """What a second person approves: by ``sha256``."""

    format: Literal[1] = 1
    id: str
    firm: str
    connection: str
    made_at: AwareDatetime
    requested_by: str
    old: OldCluster
    new: NewCluster
    counted: tuple[Counted, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people. The numbers beside each other tell whether it is the same firm's database."""
        old, new = self.old, self.new
        seen = f"last seen {old.last_seen_at:%Y-%m-%d %H:%M:%S} UTC" if old.last_seen_at else "never seen in the vault"
        last = f", last recovery point {old.last_point}" if old.last_point else ""
        version = f"PostgreSQL {version_text(old.server_version)}" if old.server_version else "no base backup"
        yield f"the cluster of firm {self.firm} until now: {old.system_identifier}, {version}, {seen}{last}"
        yield (
            f"the cluster behind connection {self.connection}: {new.system_identifier}, PostgreSQL"
            f" {version_text(new.server_version)}, timeline {new.timeline}, databases {', '.join(new.databases)}"
        )
        for each in self.counted:
            then = "not counted" if each.then is None else f"{each.then:,} rows"
            now = "not there, or not to be read," if each.now is None else f"{each.now:,} rows"
            yield f"{each.table}: {then} in the last recovery point, {now} now"
        yield "kept: every recovery point and all WAL of the old one, restorable until retention lets them go"
        yield "then: the next base backup is a full one, and WAL of the old cluster is refused"


class Adoption(Record):
    """``audit/adopted/<id>.json``: on whose word. It took effect where ``firm.json`` names it."""

    format: Literal[1] = 1
    id: str
    firm: str
    run: str
    """Which command or run carried it out, by whom, where."""
    plan: AdoptionPlan
    approval: Approval
