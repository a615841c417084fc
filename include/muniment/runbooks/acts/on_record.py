"""Whatever changes what is live goes on the record of both vaults before it begins, and again when it has ended.

One vault is enough for it to begin: a firm whose region is lost can be restored, and the other vault gets the record
with the next act, copy or drill. Without any, nothing is done, but for one thing: a cut-over that is half done is
finished or undone whatever the vaults say, for until then nobody may be served.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from muniment.adapters.acts import records
from muniment.adapters.host import processes
from muniment.adapters.vault.vault import Vault
from muniment.domain.acts.act import BegunAct, EndedAct, Order
from muniment.domain.record import new_id
from muniment.errors import ActNotRecorded, EndNotRecorded, MunimentError
from muniment.ports import Clock, Progress
from muniment.runbooks.identity import prove_vault


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where records go. ``audit_log``: how long they stay locked."""

    vaults: Sequence[Vault]
    audit_log: timedelta
    clock: Clock
    progress: Progress

    def write(self, vault: Vault, *those: BegunAct | EndedAct) -> MunimentError | None:
        """In their order, as far as the vault takes them; what kept it from the rest is told to who watches."""
        try:
            prove_vault(vault)
            for record in those:
                records.write(vault, record, locked_until=self.clock() + self.audit_log)
        except MunimentError as error:
            self.progress.note(f"NOT YET ON RECORD in {vault.bucket}: act {those[-1].id}: {error.what}")
            return error
        return None

    def complete(self) -> None:
        """Of what earlier acts owe a vault that was away."""
        try:
            brought = records.complete(self.vaults, locked_until=self.clock() + self.audit_log)
        except MunimentError as error:
            self.progress.note(f"records of acts are not compared between the vaults: {error.what}")
            return
        for key in brought:
            self.progress.note(f"{key} was in one vault alone: now it is in both")


@dataclass(slots=True)
class Doing:
    """``did`` is for whoever acts to fill: how many of what. ``owed``: the vaults that know nothing of it yet."""

    begun: BegunAct
    owed: list[Vault] = field(default_factory=list)
    did: dict[str, int] = field(default_factory=dict)


@contextmanager
def on_record(ledger: Ledger, order: Order, *, must: bool = True) -> Iterator[Doing]:
    """Around what changes live. ``must`` is false for what is done although no vault can be reached.

    Raises ``ActNotRecorded`` before anything is done, where no vault takes the record; ``EndNotRecorded`` where it was
    done and no vault takes that.
    """
    now, firm = ledger.clock(), ledger.vaults[0].firm
    begun = BegunAct(**dict(order), id=new_id(now), firm=firm, began_at=now, process=processes.own_identity())
    doing = _begin(ledger, begun, must=must)
    try:
        yield doing
    except BaseException as error:
        _end(ledger, doing, type(error).__name__)
        raise
    if not _end(ledger, doing, None) and must:
        raise EndNotRecorded(firm=firm, what=order.what, id=begun.id)


def _begin(ledger: Ledger, begun: BegunAct, *, must: bool) -> Doing:
    doing, failures = Doing(begun), []
    for vault in ledger.vaults:
        if failure := ledger.write(vault, begun):
            doing.owed.append(vault)
            failures.append(failure)
    if not failures:
        ledger.complete()
    elif must and len(failures) == len(ledger.vaults):
        raise ActNotRecorded(firm=begun.firm, what=begun.what, reason=failures[0].what) from failures[0]
    return doing


def _end(ledger: Ledger, doing: Doing, failure: str | None) -> bool:
    """Whether any vault knows of it."""
    begun = doing.begun
    ended = EndedAct(
        id=begun.id,
        firm=begun.firm,
        outcome="failed" if failure else "done",
        failure=failure,
        did=doing.did,
        ended_at=ledger.clock(),
    )
    # A vault that was away when it began may be back: a list, for each of them is to be asked.
    taken = [ledger.write(each, *([begun] if each in doing.owed else []), ended) is None for each in ledger.vaults]
    return any(taken)
