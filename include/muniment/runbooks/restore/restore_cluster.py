"""Executes a restore's plan into a folder: base backup and increments, and the settings of the recovery that follows.

What lies there afterwards is a data directory that cannot hurt anyone: archiving is off, and the first start recovers
through ``restore_command`` to the plan's target. A restore that was killed goes on when its plan is executed again.
"""

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.host import file_systems
from muniment.adapters.host.durable_files import sync_folder
from muniment.adapters.host.locales import require_locales
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.journal import (
    RestoreJournal,
    held,
    read_journal,
    remove_journal,
    write_journal,
)
from muniment.adapters.site.site import Side
from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import FallbackVault, Substitution
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.layout import CONTROL, UNFINISHED_CONTROL, Layout
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.settings import settings_file
from muniment.domain.vault.registers import Backup, ClusterDatabase
from muniment.errors import (
    MunimentError,
    ProgramMissing,
    Refused,
    RestoreHalfDone,
    RestoreInterrupted,
    Transient,
    WrongVault,
)
from muniment.ports import Progress, Silent
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.leases.lease_point import lease_wal, leased_plan
from muniment.runbooks.restore.combine_chain import combine
from muniment.runbooks.restore.lay_out_backup import finish, lay_out
from muniment.runbooks.restore.prove_plan import prove_base, prove_rest
from muniment.runbooks.restore.space import claims_of
from muniment.runbooks.restore.target_folder import examine


@dataclass(frozen=True, slots=True)
class RestoredCluster:
    """A data directory that is ready to start with PostgreSQL ``major``."""

    plan: RestorePlan
    data_dir: Path
    tablespaces: Mapping[int, Path]
    substitutions: tuple[Substitution, ...]
    """Objects that the plan's vault lacked or had damaged, taken from the other one."""

    @property
    def major(self) -> int:
        return self.plan.major


def restore_cluster(
    vault: Vault,
    plan: RestorePlan,
    *,
    other: Vault | None = None,
    programs: PostgresPrograms | None = None,
    restore_command: Sequence[str] | None = None,
    delta: bool = False,
    progress: Progress | None = None,
) -> RestoredCluster:
    """Writes ``plan`` into ``plan.into``: empty, new, begun by the same plan or, with ``delta``, its stopped cluster.

    ``vault`` is the plan's; ``other`` helps out where an object is missing or damaged there. Both are told what is
    read, and everything that the plan names is proven to be there still, before anything is overwritten: else
    ``BeingExpired`` or ``PlanOutdated``. Raises ``WrongVault``, ``ProgramMissing``, ``LocaleMissing``,
    ``TargetNotEmpty``, ``TargetInUse``, ``WrongCluster``, ``ClusterRuns``, ``DiskFull``, ``ObjectDamaged``,
    ``ObjectMissing``, ``ProgramFailed``; ``RestoreHalfDone`` for what no retry mends, once a cluster is partly
    overwritten.
    """
    progress = progress or Silent()
    into = Path(plan.into)
    _prove_plan(vault, plan)
    source = FallbackVault(vault, other, lambda found: progress.note(str(found)))
    chain = tuple(source.backup(backup_id) for backup_id in plan.chain)
    programs = _programs(plan, programs)
    vaults = [vault, *([other] if other else [])]
    require_locales(plan.firm, programs, _databases(vaults, plan))
    journal = examine(plan, chain, delta=delta)
    layout = journal.layout
    if journal.state != "complete":
        _require_space(layout, chain)
        with leased_plan(vaults, plan, progress=progress), _honest(journal):
            prove_base(vaults, plan, chain)
            if restore_command is None:
                prove_rest(vaults, plan, chain[-1])
            _write(source, chain, journal, layout, programs, progress, restore_command)
            if restore_command is None:
                lease_wal(vaults, plan, progress=progress)
    _complete(layout)
    return RestoredCluster(plan, into, layout.tablespaces, source.substitutions)


def _write(
    source: FallbackVault,
    chain: tuple[Backup, ...],
    journal: RestoreJournal,
    layout: Layout,
    programs: PostgresPrograms,
    progress: Progress,
    restore_command: Sequence[str] | None,
) -> None:
    plan, into = journal.plan, layout.folder
    with held(into), file_systems.room_in(plan.space_needed_bytes, *layout.roots):
        write_journal(into, journal)
        with _control_aside(layout, journal):
            _put_together(source, chain, layout, programs, progress, journal=journal)
        command = command_text(restore_command) if restore_command else fetch_command(plan.firm, plan.side)
        _configure(layout, plan, command)
        file_systems.sync(layout.roots)  # everything is on disk before anyone is told that it is restored
        write_journal(into, journal.model_copy(update={"state": "complete"}))


@contextmanager
def _honest(journal: RestoreJournal) -> Iterator[None]:
    """Over a cluster that was there, nobody may say that nothing was overwritten once the first file is."""
    try:
        yield
    except (MunimentError, OSError) as error:
        if not _is_replacing(journal) or isinstance(error, Refused):
            raise
        what = error.what if isinstance(error, MunimentError) else str(error)
        kind = RestoreInterrupted if isinstance(error, Transient) else RestoreHalfDone
        raise kind(place=journal.plan.into, reason=what) from error


def _is_replacing(journal: RestoreJournal) -> bool:
    begun = read_journal(Path(journal.plan.into))
    return begun is not None and begun.delta and begun.state != "begun"


def fetch_command(firm: str, side: Side) -> str:
    """``restore_command``: ``wal fetch``, unless its prefetcher has the file ready.

    PostgreSQL replaces ``%f`` and ``%p`` and asks a shell. A replay of hundreds of segments would wait longer for
    Python's starts than for the segments; the prefetcher has checked what it leaves in the spool.
    """
    entry = [sys.executable, "-m", "muniment.cli.entry", "wal", "fetch", "%f", "%p"]
    fetch = command_text([*entry, "--firm", firm, "--from", side])
    return f'mv "${{MUNIMENT_SPOOL:-$(pwd -P).muniment-wal}}/{firm}/fetched/%f" %p 2>/dev/null || exec {fetch}'


def command_text(argv: Sequence[str]) -> str:
    """Quoted for a shell, ``%f`` and ``%p`` left to PostgreSQL."""
    return shlex.join(argv).replace("'%f'", "%f").replace("'%p'", "%p")


def _prove_plan(vault: Vault, plan: RestorePlan) -> None:
    prove_vault(vault)
    if (plan.firm, plan.vault) != (vault.firm, vault.bucket):
        raise WrongVault(bucket=vault.bucket, actual=vault.firm, expected=f"{plan.firm}'s plan {plan.id}")


def _programs(plan: RestorePlan, given: PostgresPrograms | None) -> PostgresPrograms:
    """Before anything is fetched: another major version's server does not start on these files."""
    if given is None:
        return PostgresPrograms.find(plan.major)
    if given.major != plan.major:
        raise ProgramMissing(program=f"postgres {plan.major}", places=str(given.bin_dir), version=plan.major)
    return given


def _databases(vaults: Iterable[Vault], plan: RestorePlan) -> tuple[ClusterDatabase, ...]:
    """Of the plan's point; none where no register of it can be read: PostgreSQL has the last word then."""
    for vault in vaults:
        with suppress(MunimentError):
            return catalog.find_point(vault, plan.point).databases or ()
    return ()


def _require_space(layout: Layout, chain: tuple[Backup, ...]) -> None:
    file_systems.require_room(claims_of(layout, chain))


@contextmanager
def _control_aside(layout: Layout, journal: RestoreJournal) -> Iterator[None]:
    """From here until the end no server starts in this folder, unless it ends before the first file has changed."""
    control = layout.folder / CONTROL
    if control.exists():
        control.rename(layout.folder / UNFINISHED_CONTROL)
    try:
        yield
    except BaseException:
        if journal.delta and not _is_replacing(journal) and (layout.folder / UNFINISHED_CONTROL).exists():
            (layout.folder / UNFINISHED_CONTROL).rename(control)
        raise


def _put_together(
    source: FallbackVault,
    chain: tuple[Backup, ...],
    layout: Layout,
    programs: PostgresPrograms,
    progress: Progress,
    *,
    journal: RestoreJournal,
) -> None:
    def replacing() -> None:
        write_journal(layout.folder, journal.model_copy(update={"state": "replacing"}))

    if len(chain) == 1:
        lay_out(source, chain[0], layout, progress=progress, replacing=replacing if journal.delta else None)
        return
    lender = layout if journal.delta else None
    combine(source, chain, layout, programs, progress=progress, lender=lender, replacing=replacing)


def _configure(layout: Layout, plan: RestorePlan, restore_command: str) -> None:
    """postgresql.auto.conf wins over postgresql.conf, whatever the firm's server had there."""
    auto = layout.folder / "postgresql.auto.conf"
    theirs = auto.read_text() if auto.exists() else ""
    auto.unlink(missing_ok=True)  # it may be a link, or a second name of a part's
    auto.touch(mode=0o600)
    auto.write_text(theirs + settings_file(plan.settings, restore_command))
    (layout.folder / "standby.signal").unlink(missing_ok=True)
    (layout.folder / "recovery.signal").touch()


def _complete(layout: Layout) -> None:
    """May be repeated: whoever was killed here left a whole cluster under one of two names."""
    if (layout.folder / UNFINISHED_CONTROL).exists():
        finish(layout)
    sync_folder(layout.folder / "global")
    remove_journal(layout)
