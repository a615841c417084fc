"""Which registers a firm's history does not have yet, newest first, and what became of reading so many of them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from muniment.adapters.concurrency import at_once
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.catalog import READS_AT_ONCE
from muniment.adapters.vault.vault import Vault
from muniment.domain.acts.act import BegunAct, EndedAct
from muniment.domain.drill.evidence import BegunDrill, Drill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.record import Record
from muniment.domain.restore.record import RestoreRecord
from muniment.domain.retention.stock import Stock
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import MunimentError, ObjectDamaged, ObjectMissing

READS = 40
"""In one look: no firm's first one takes much longer than any other; those of 90 nights are read in some hours."""
PATIENCE_S = 4.0
"""After that no other register is begun."""


@dataclass(frozen=True, slots=True)
class Wanted:
    vault: Vault
    key: str

    @property
    def order(self) -> str:
        """The instant in its name: what is newest is read first, whatever it is."""
        return self.key.rsplit("/", 1)[1]


@dataclass(slots=True)
class Read:
    """``unread``: why what could not be read could not, a line each."""

    found: dict[tuple[str, str], Record] = field(default_factory=dict)
    """By bucket and key."""
    unread: list[str] = field(default_factory=list)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    """Bucket and prefix that answered with something else than an object or its damage: nobody asks there again."""

    def register[R: Record](self, kind: type[R], vault: Vault, key: str) -> R | None:
        found = self.found.get((vault.bucket, key))
        return found if isinstance(found, kind) else None


def read_new(wanted: Iterable[Wanted], unread_before: Sequence[str]) -> Read:
    """Never raises a ``MunimentError``. What was damaged the last time waits behind all that nobody has read yet."""
    turns = sorted(wanted, key=lambda each: each.order, reverse=True)
    turns.sort(key=lambda each: any(each.key in line for line in unread_before))
    read, until, taken = Read(), time.monotonic() + PATIENCE_S, 0
    while taken < min(len(turns), READS) and time.monotonic() < until:
        batch = turns[taken : min(taken + READS_AT_ONCE, READS)]
        taken += len(batch)
        asked = [each for each in batch if _place(each) not in read.refused]
        for each, answer in at_once(_ask, asked, READS_AT_ONCE):
            _note(read, each, answer)
    read.unread += [f"{bucket}/{prefix}: {why}" for (bucket, prefix), why in sorted(read.refused.items())]
    if left := len([each for each in turns[taken:] if _place(each) not in read.refused]):
        read.unread.append(f"{left:,} registers more are read by the next looks, the newest first")
    return read


def _ask(each: Wanted) -> tuple[Wanted, Record | MunimentError]:
    try:
        return each, read_register(each.vault, kind_of(each.key), each.key)
    except MunimentError as error:
        return each, error


def _note(read: Read, each: Wanted, answer: Record | MunimentError) -> None:
    """What is not there any more has been deleted since it was listed."""
    match answer:
        case Record():
            read.found[each.vault.bucket, each.key] = answer
        case ObjectDamaged():
            read.unread.append(answer.what)
        case ObjectMissing():
            return
        case _:
            read.refused.setdefault(_place(each), answer.what)


def _place(each: Wanted) -> tuple[str, str]:
    return each.vault.bucket, each.key.rpartition("/")[0] + "/"


def kind_of(key: str) -> type[Record]:
    """Of a register, by where it lies."""
    if key.startswith(keys.DRILLS):
        return BegunDrill if key.endswith(keys.BEGUN_JSON) else SignOff if keys.SIGN_OFF in key else Drill
    if key.startswith(keys.ACTS):
        return BegunAct if key.endswith(keys.BEGUN_JSON) else EndedAct
    if key.startswith(keys.RESTORES):
        return RestoreRecord
    return Stock if key.startswith(keys.STOCK) else Point
