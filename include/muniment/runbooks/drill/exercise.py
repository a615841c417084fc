"""One drill from its target to its last check: by Muniment or by the restore kit, the same proofs afterwards."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.drill.kit_server import KitServer
from muniment.adapters.drill.scratch import Scratch
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Side, Site
from muniment.adapters.staging.extension_check import require_isolation
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import DrillTarget, RestoreFigures
from muniment.domain.drill.rules import Route, choose_target, promise_checks
from muniment.domain.evidence import Check
from muniment.domain.server_version import version_text
from muniment.domain.vault.registers import Backup, Point
from muniment.domain.wal.names import WalSegment
from muniment.errors import NothingToRestore, PostgresError, ProgramFailed
from muniment.ports import Clock
from muniment.runbooks.drill.by_kit import Kit, take_kit
from muniment.runbooks.drill.cluster_checks import Inspection
from muniment.runbooks.drill.document_checks import Documents, Fetched, InVault, document_checks
from muniment.runbooks.drill.outcome_check import reached_check
from muniment.runbooks.drill.recorder import Record
from muniment.runbooks.drill.reference_checks import reference_checks
from muniment.runbooks.drill.restore import Recovered, admitted, fetch_wal, lay_out, recovered, scratch_folder
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.leases.lease_point import leased, needs_of_point
from muniment.runbooks.wal.status import seconds_at_risk
from muniment.runbooks.wal.windows import points_of_the_present

VERIFY_TIMEOUT_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the seed led: ``point`` is at the target or before it, ``after`` behind it or ``None``."""

    target: DrillTarget
    point: Point
    after: Point | None


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A data directory, and WAL beside it. ``kit`` and ``server``: where the restore kit restored."""

    cluster: LocalCluster
    wal: list[Path]
    base_s: float
    wal_s: float
    kit: Kit | None = None
    server: KitServer | None = None


@dataclass(frozen=True, slots=True)
class Exercise:
    """One drill of one firm, and where it restores from."""

    site: Site
    id: str
    seed: int
    route: Route
    clock: Clock
    record: Record

    @property
    def side(self) -> Side:
        return self.route.side

    @property
    def vault(self) -> Vault:
        return self.site.vault(self.side)

    def run(self, run_dir: Path) -> None:
        """Raises what stops it; ``record`` has what was found until then."""
        record = self.record
        with record.step("choose the target"):
            prove_vault(self.vault)
            require_isolation()
            record.data_lost_s = self._at_risk()
            aim = self._aim()
            record.target, record.plan = aim.target, self._plan(aim)
            record.not_proven = tuple(aim.point.incomplete.lines()) if aim.point.incomplete else ()
        with self._leased(aim), scratch_folder(run_dir, self.site.firm.id, self.id) as scratch:
            laid_out = self._by_kit(aim, scratch) if self.route.by == "restore-kit" else self._by_us(aim, scratch)
            self._recover_and_prove(laid_out, aim, scratch)

    def _leased(self, aim: Aim) -> AbstractContextManager[None]:
        """From one vault alone it reads; the other one is told as well."""
        vaults = [self.vault, *(vault for vault in self.site.vaults if vault is not self.vault)]
        segment_bytes = catalog.find_backup(self.vault, aim.point.backup).wal_segment_bytes
        last = WalSegment.holding(aim.target.lsn, aim.point.wal.timeline, segment_bytes).next().next()
        needs = needs_of_point(self.vault, aim.point, last)
        return leased(vaults, needs, f"drill {self.id}", progress=self.record.progress)

    def _by_us(self, aim: Aim, scratch: Scratch) -> LaidOut:
        record = self.record
        with record.step("fetch, decrypt and verify the base backup"):
            cluster = lay_out(self.site, self.side, aim.point, scratch, clock=self.clock, progress=record.progress)
        base_s = record.last_step_s
        with record.step("fetch WAL"):
            fetch_wal(self.vault, aim.point, aim.target, scratch, record.progress)
        wal_s = record.last_step_s
        with record.step("pg_verifybackup"):
            record.found([_verified(cluster)])
        record.proving_s += record.last_step_s
        return LaidOut(cluster, list(scratch.wal.iterdir()), base_s, wal_s)

    def _by_kit(self, aim: Aim, scratch: Scratch) -> LaidOut:
        record, point = self.record, aim.point
        with record.step("take the restore kit out of the vault"):
            kit = take_kit(self.site, self.side, scratch)
            record.found(kit.checks())
        with record.step("restore kit: fetch base backups and WAL"):
            kit.fetch_cluster(point, record.progress)
        base_s = record.last_step_s
        with record.step("restore kit: verify and combine"):
            version = catalog.find_backup(self.vault, point.backup).server_version
            server, verified = kit.finish(point, aim.target, PostgresPrograms.find(version // 10000))
            record.found([verified])
        return LaidOut(server.cluster, kit.wal(), base_s + record.last_step_s, 0.0, kit, server)

    def _recover_and_prove(self, laid_out: LaidOut, aim: Aim, scratch: Scratch) -> None:
        record = self.record
        with ExitStack() as server:
            up = server.enter_context(self._recovered(laid_out, aim, scratch))
            try:
                self._prove_all(Inspection(self.site, up.server, up.programs), laid_out, aim)
            finally:
                with record.step("destroy the server"):
                    server.close()

    @contextmanager
    def _recovered(self, laid_out: LaidOut, aim: Aim, scratch: Scratch) -> Iterator[Recovered]:
        """The restore kit's server recovers as its page says; what then asks it has a server that loads nothing."""
        record, cluster = self.record, laid_out.cluster
        by_kit = laid_out.server is not None
        with ExitStack() as server:
            with record.step("restore kit: start and recover" if by_kit else "start and recover"):
                if laid_out.server is None:
                    up = server.enter_context(recovered(self.site, cluster, aim.point, aim.target, scratch))
                else:
                    server.callback(cluster.end)
                    record.found([_started(laid_out.server)])
            record.answered()
            record.figures = self._figures(laid_out, aim.point, record.last_step_s)
            if laid_out.server is not None:
                with record.step("start again, isolated"):
                    laid_out.server.stop()
                    up = server.enter_context(admitted(self.site, cluster))
            yield up

    def _prove_all(self, restored: Inspection, laid_out: LaidOut, aim: Aim) -> None:
        record = self.record
        with record.step("position reached"):
            wal = laid_out.cluster.data_dir.with_name("wal")
            timeline = aim.point.wal.timeline
            record.found([reached_check(restored.server, restored.programs, aim.target, timeline, wal)])
        self._prove(restored, aim)
        self._prove_documents(restored, aim.point, laid_out.kit)
        with record.step("what was promised"):
            record.found(self._promises())

    def _prove(self, restored: Inspection, aim: Aim) -> None:
        record, later = self.record, aim.after.control_totals if aim.after else None
        with record.step("extensions"):  # before amcheck is one of them
            record.found(restored.extensions())
        with record.step("read every relation"):
            record.found(restored.relations())
        with record.step("control totals and ledgers"):
            record.found(restored.totals(aim.point.control_totals, later))
            record.found(restored.balances())
        with record.step("indexes and visibility maps"):
            record.found(restored.indexes(aim.point.control_totals))
            record.found([restored.visibility_maps()])
            record.found(restored.collations())
        with record.step("embeddings and smoke queries"):
            record.found(restored.vectors())
            record.found(restored.smoke_queries())

    def _prove_documents(self, restored: Inspection, point: Point, kit: Kit | None) -> None:
        record, documents = self.record, self._documents(point, kit)
        with record.step("documents"):
            snapshot = catalog.find_snapshot(self.vault, point.documents)
            sample = self.site.policy.drills.documents_opened
            record.found(document_checks(documents, point, snapshot, sample=sample, seed=self.seed))
        if self.site.policy.document_references:
            with record.step("rows and documents name each other"):
                record.found(reference_checks(self.site, self.vault, restored.server, snapshot))

    def _documents(self, point: Point, kit: Kit | None) -> Documents:
        if kit is None:
            return InVault(self.vault)
        with self.record.step("restore kit: fetch documents"):
            kit.fetch_documents(point, self.record.progress)
        return Fetched(kit.documents)

    def _promises(self) -> Iterator[Check]:
        promised, record = self.site.policy.recovery_class, self.record
        return promise_checks(promised, recover_s=record.recover_s or 0.0, data_lost_s=record.data_lost_s)

    def _figures(self, laid_out: LaidOut, point: Point, replay_s: float) -> RestoreFigures:
        chain = self._chain(point)
        return RestoreFigures(
            base_bytes=sum(backup.size_bytes for backup in chain),
            base_stored_bytes=sum(backup.stored_bytes for backup in chain),
            base_s=laid_out.base_s,
            wal_segments=sum(1 for path in laid_out.wal if len(path.name) == 24),
            wal_bytes=sum(path.stat().st_size for path in laid_out.wal),
            wal_s=laid_out.wal_s,
            replay_s=replay_s,
        )

    def _aim(self) -> Aim:
        points = {point.id: point for point in points_of_the_present(self.vault)}
        window = self.site.policy.point_in_time_window
        target = choose_target(list(points.values()), window=window, now=self.clock(), seed=self.seed)
        if target is None:
            raise NothingToRestore(bucket=self.vault.bucket, firm=self.vault.firm)
        return Aim(target, points[target.before], points.get(target.after or ""))

    def _plan(self, aim: Aim) -> tuple[str, ...]:
        vault, point = self.vault, aim.point
        return (
            f"target: {aim.target}",
            f"from: {vault.bucket} in {vault.region}, the {self.side} vault alone",
            f"base backups: {', '.join(_with_version(backup) for backup in self._chain(point))}",
            f"document snapshot: {point.documents}, {point.document_count} documents",
            "into: a scratch folder, destroyed at the end",
        )

    def _chain(self, point: Point) -> tuple[Backup, ...]:
        return catalog.chain_of(self.vault, catalog.find_backup(self.vault, point.backup))

    def _at_risk(self) -> float | None:
        """Without an answer of the firm's server we drill all the same: how much would be lost is then not known."""
        try:
            return seconds_at_risk(self.site, self.vault, clock=self.clock)
        except PostgresError as away:
            self.record.progress.note(away.what)
            return None


def _started(server: KitServer) -> Check:
    name, expected = "the server of RESTORE.md", "it starts by the page's command and settings, and lets its user in"
    return Check(name=name, expected=expected, found=f"databases: {', '.join(server.recover())}", passed=True)


def _with_version(backup: Backup) -> str:
    return f"{backup.id} (PostgreSQL {version_text(backup.server_version)})"


def _verified(cluster: LocalCluster) -> Check:
    """PostgreSQL's own word on what was put together, from a manifest that pg_combinebackup writes anew for a chain."""
    name, expected = "pg_verifybackup", "every file as PostgreSQL's manifest has it"
    try:
        cluster.programs.run(
            "pg_verifybackup", "--no-parse-wal", "--ignore=tablespace_map", cluster.data_dir, timeout_s=VERIFY_TIMEOUT_S
        )
    except ProgramFailed as failure:
        return Check(name=name, expected=expected, found=failure.what, passed=False)
    return Check(name=name, expected=expected, found=expected, passed=True)
