"""Stages a restore: the plan's cluster as a server that hurts nobody, the documents of its instant, and what they say.

Everything lies in one folder, ``<root>/staging-<firm>-<id>``, and ``staging.json`` is written last. A run that was
killed goes on when the same plan is staged again; its server is ended at once by the keeper, who also destroys the
staging when its time is over.
"""

import shlex
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.suspended_activity import what_sleeps
from muniment.adapters.restore.tablespaces_in_place import has_changes, move_out, undo_changes
from muniment.adapters.staging.isolated_cluster import START_TIMEOUT_S, IsolatedCluster
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.recovery import DocumentRestorePlan
from muniment.domain.evidence import Check, TimedStep
from muniment.domain.firm.firm import Firm
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Connection, StagedDocuments, Staging, folder_name, parse_folder_name
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.names import WalSegment
from muniment.errors import NoSuchStaging, Permanent, TargetNotEmpty
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.documents.restore_documents import LiveBuckets
from muniment.runbooks.leases.lease_point import leased_plan, release_plan
from muniment.runbooks.restore.collation_checks import collation_checks
from muniment.runbooks.restore.prove_plan import prove_rest
from muniment.runbooks.restore.recovery_outcome import recovery_reached
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.restore.target_folder import tablespace_root
from muniment.runbooks.staging.checks import require_stageable
from muniment.runbooks.staging.lifetime import clear_expired, start_keeper
from muniment.runbooks.staging.staged_documents import both_ways, plan_of, stage_documents
from muniment.runbooks.wal.fetch_span import WalSpan, copy_from, fetch_wal_beside


def staging_place(root: Path, firm_id: str, now: datetime) -> Path:
    """For ``plan_restore(into=…)``: the data directory of a staging to come."""
    return StagingFolder(root.absolute() / folder_name(firm_id, now)).data_dir


@dataclass
class _Steps:
    """What took how long."""

    progress: Progress
    done: list[TimedStep] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begins = time.monotonic()
        yield
        seconds = time.monotonic() - begins
        self.done.append(TimedStep(name=name, begins_s=begins - self.began, seconds=seconds))
        self.progress.note(f"{name}: {seconds:.1f} s")


@dataclass(frozen=True, slots=True)
class Beside:
    """Whoever may be asked beside the plan's own vault, and may be gone: the other one, where an object is missing or
    damaged; the live document buckets, where a row is younger than the last snapshot."""

    other: Vault | None = None
    live: LiveBuckets | None = None


def stage_restore(
    vault: Vault,
    firm: Firm,
    plan: RestorePlan,
    *,
    clock: Clock,
    beside: Beside | None = None,
    ttl: timedelta | None = None,
    documents: bool = True,
    progress: Progress | None = None,
) -> Staging:
    """Executes ``plan``, made for a place of ``staging_place``, and leaves a server. Staged already, it is returned.

    ``ttl`` is the policy's where none is given. Without ``documents`` none is fetched, and rows are still compared with
    what the snapshots tell. Checks that fail are in the result.
    Raises ``NoSuchStaging`` for another place, what ``require_stageable`` and ``restore_cluster`` raise,
    ``StagingBusy`` and ``ProgramFailed``.
    """
    folder = _folder_of(plan)
    if (there := folder.record()) is not None and there.plan == plan.sha256:
        return there
    require_stageable(vault, firm, plan, folder)
    clear_expired(folder.path.parent, now=clock(), sparing=folder)
    folder.path.mkdir(parents=True, mode=0o700, exist_ok=True)
    with folder.held():
        _begin(folder, plan)
        start_keeper(folder)
        beside = beside or Beside()
        vaults = [vault, *([beside.other] if beside.other else [])]
        try:
            stager = _Stager(vault, beside, firm, plan, folder, _Steps(progress or Silent()), clock)
            with leased_plan(vaults, plan, progress=progress):
                prove_rest(vaults, plan, stager.backup())
                staging = stager.run(ttl or firm.policy.staging.ttl, documents=documents)
        except BaseException as error:
            folder.end_server()
            if isinstance(error, Permanent):
                shutil.rmtree(folder.path)
            raise
        folder.write(staging)
    release_plan(vaults, plan)
    return staging


def _folder_of(plan: RestorePlan) -> StagingFolder:
    into = Path(plan.into)
    folder = StagingFolder(into.parent)
    named = parse_folder_name(folder.path.name)
    if into != folder.data_dir or named is None or named[0] != plan.firm:
        raise NoSuchStaging(place=into.parent)
    return folder


def _begin(folder: StagingFolder, plan: RestorePlan) -> None:
    """Whose folder this is, before anything else is in it; what ran in it when somebody was killed is ended."""
    begun = folder.plan()
    if begun is not None and begun.sha256 != plan.sha256:
        raise TargetNotEmpty(place=folder.path)
    folder.end_server()
    replace_file(folder.plan_path, plan.to_json())


@dataclass(frozen=True, slots=True)
class _Stager:
    vault: Vault
    beside: Beside
    firm: Firm
    plan: RestorePlan
    folder: StagingFolder
    steps: _Steps
    clock: Clock

    def run(self, ttl: timedelta, *, documents: bool) -> Staging:
        found = plan_of(self.vault, self.plan)  # first: what cannot be told is refused before anything is fetched
        cluster = self._restored()
        with self.steps.step("recover"):
            cluster.recover(self.plan.settings, copy_from(self.folder.wal))
            reached = recovery_reached(self._server(cluster), self.plan)  # a second start makes it forget
            self._move_tablespaces_out(cluster)
            shutil.rmtree(self.folder.wal)
        server = self._server(cluster)
        staged, checks = self._documents(server, found, fetch=documents)
        staging = self._record(cluster, server, staged, checks, ttl).model_copy(
            update={"reached_lsn": reached.lsn, "reached_at": reached.last_commit_at}
        )
        cluster.announce(staging.banner)
        return staging

    def _restored(self) -> IsolatedCluster:
        """What a killed run has restored is compared and completed, not fetched anew."""
        programs = PostgresPrograms.find(self.plan.major)
        with self.steps.step("restore the base backup"):
            restore_cluster(
                self.vault,
                self.plan,
                other=self.beside.other,
                programs=programs,
                restore_command=shlex.split(copy_from(self.folder.wal)),
                delta=True,
                progress=self.steps.progress,
            )
        with self.steps.step("fetch WAL"):
            backup = self.backup()
            progress = self.steps.progress
            vaults = FallbackVault(self.vault, self.beside.other, lambda found: progress.note(str(found)))
            fetch_wal_beside(vaults, backup.system_identifier, self._span(backup), self.folder.wal, progress)
        return self.folder.server(programs, self.plan, self.firm.cluster.database)

    def _move_tablespaces_out(self, cluster: IsolatedCluster) -> None:
        """Those that the WAL made lie where the backup's do; what may be archived one day is what the firm wrote."""
        if has_changes(self.folder.wal):
            cluster.stop(timeout_s=START_TIMEOUT_S)
            move_out(cluster.data_dir, tablespace_root(cluster.data_dir))
            undo_changes(self.folder.wal, cluster.data_dir / "pg_wal")
            cluster.start_again()

    def _server(self, cluster: IsolatedCluster) -> PostgresServer:
        database = self.firm.cluster.database
        return PostgresServer(self.firm.id, Secret(cluster.conninfo()), database, "muniment staging")

    def backup(self) -> Backup:
        return catalog.find_backup(self.vault, self.plan.chain[-1])

    def _span(self, backup: Backup) -> WalSpan:
        wal = self.plan.replay.wal
        first, last = (
            WalSegment.parse(name, backup.wal_segment_bytes) for name in (wal.first_segment, wal.last_segment)
        )
        return WalSpan(
            first.number, last.number, range(backup.timeline, self.plan.timeline + 1), backup.wal_segment_bytes
        )

    def _documents(
        self, server: PostgresServer, found: DocumentRestorePlan | None, *, fetch: bool
    ) -> tuple[StagedDocuments | None, Iterable[Check]]:
        if found is None:
            return None, ()
        with self.steps.step("documents"):
            into = self.folder.documents if fetch else None
            staged = stage_documents(self.vault, found, into, self.steps.progress) if into else None
        with self.steps.step("rows and documents"):
            return staged, tuple(both_ways(self.firm, server, found, into, self.beside.live))

    def _record(
        self,
        cluster: IsolatedCluster,
        server: PostgresServer,
        documents: StagedDocuments | None,
        checks: Iterable[Check],
        ttl: timedelta,
    ) -> Staging:
        plan, now = self.plan, self.clock()
        return Staging(
            id=self.folder.path.name.rsplit("-", 1)[1],
            firm=plan.firm,
            plan=plan.sha256,
            target=plan.target,
            side=plan.side,
            vault=plan.vault,
            data_directory=str(self.folder.data_dir),
            server_version=plan.server_version,
            system_identifier=server.system_identifier(),
            connection=Connection(
                host="127.0.0.1",
                port=cluster.port,
                user=cluster.user,
                database=self.firm.cluster.database,
                passfile=str(cluster.passfile),
            ),
            documents=documents,
            made_at=now,
            expires_at=now + ttl,
            checks=(*checks, *collation_checks(server, passed=False)),
            asleep=what_sleeps(server),
            steps=tuple(self.steps.done),
            left_out=plan.left_out,
        )
