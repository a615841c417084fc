"""RPO against a real server and a folder that stands for a vault: what is at risk is what was committed beyond it."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.watch_look import look_at_server
from muniment.domain.secret import Secret
from muniment.domain.wal.names import WalSegment, is_segment
from muniment.domain.watch.at_risk import AtRisk, at_risk, with_mark
from muniment.domain.watch.firm_seen import Mark
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import WalHeld
from tests.fixtures.clusters import ClusterFactory
from tests.support.wal import archive_with, eventually, sql

SEGMENT_BYTES = 1 << 20


@dataclass
class Watch:
    """``later``: how far its simulated clock, and the server's, are ahead of the machine's."""

    cluster: LocalCluster
    vault: Path
    later: timedelta = timedelta(0)
    marks: tuple[Mark, ...] = ()
    seen: list[ServerSeen] = field(default_factory=list)

    def pass_by(self, **time: float) -> AtRisk:
        self.later += timedelta(**time)
        server = PostgresServer("acme", Secret(self.cluster.conninfo()))
        found = asyncio.run(look_at_server(server, timeout_s=60))
        moved = {"seen_at": found.seen_at + self.later, "server_at": found.server_at + self.later}
        self.seen.append(found.model_copy(update=moved))
        held = self.held()
        risk = at_risk(self.marks, self.seen[-1], held)
        self.marks = with_mark(self.marks, self.seen[-1], [held])
        return risk

    def held(self) -> WalHeld:
        """Nothing is ever missing in between."""
        last = WalSegment.parse(self.archived()[-1], SEGMENT_BYTES)
        return WalHeld(
            system_identifier=self.seen[-1].system_identifier,
            timeline=last.timeline,
            segment_bytes=SEGMENT_BYTES,
            number=last.number,
            seen_at=self.seen[-1].seen_at,
        )

    def archived(self) -> list[str]:
        return sorted(path.name for path in self.vault.iterdir() if is_segment(path.name))

    def end_segment(self) -> None:
        """And have it archived, and the end of what is committed with it."""
        name = sql(self.cluster, "SELECT pg_walfile_name(pg_switch_wal())")
        eventually(lambda: name in self.archived())

    @contextmanager
    def archiver_blocked(self) -> Iterator[None]:
        archive_with(self.cluster, "/bin/false")
        yield
        archive_with(self.cluster, copying_to(self.vault))


def copying_to(vault: Path) -> str:
    return f"cp %p {vault}/%f.part && mv {vault}/%f.part {vault}/%f"


@pytest.fixture
def watch(cluster_factory: ClusterFactory, programs17: PostgresPrograms, tmp_path: Path) -> Iterator[Watch]:
    """Its background writer stands still: it logs the running transactions when it likes, and brings that to the disk
    a moment later. What it writes is written by a checkpoint too."""
    vault = tmp_path / "vault"
    vault.mkdir()
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    vault.chmod(0o777)
    cluster = cluster_factory(
        programs17, wal_segment_size_mb=1, max_prepared_transactions=2, archive_command=copying_to(vault)
    )
    writer = sql(cluster, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'")
    os.kill(writer, signal.SIGSTOP)
    try:
        sql(cluster, "CREATE TABLE ledger (entry text)")
        watch = Watch(cluster, vault)
        watch.end_segment()
        assert watch.pass_by() == AtRisk(None, 0.0, 0)
        yield watch
    finally:
        os.kill(writer, signal.SIGCONT)


def commit(watch: Watch) -> datetime:
    """When, by the simulated clock, at the latest."""
    with psycopg.connect(watch.cluster.conninfo(), autocommit=True) as session:
        session.execute("INSERT INTO ledger VALUES ('hours')")
        row = session.execute("SELECT clock_timestamp()").fetchone()
    return row[0] + watch.later if row else watch.seen[-1].seen_at


def test_two_idle_days_put_nothing_at_risk(watch: Watch) -> None:
    """What the server writes by itself is no commit, nor is what readers bring about; nobody archives it, either."""
    for hour in range(48):
        sql(watch.cluster, "CHECKPOINT")
        if hour % 8 == 0:
            sql(watch.cluster, "SELECT count(*) FROM ledger")
            sql(watch.cluster, "SELECT pg_logical_emit_message(false, 'muniment', 'no commit', true)")
        found = watch.pass_by(hours=1)
        assert (found.rpo_s, found.since) == (0, None)
    assert found.behind_bytes is not None and found.behind_bytes > 0
    assert len(watch.marks) < 60


def test_behind_a_blocked_archiver_rpo_grows_from_the_first_commit(watch: Watch) -> None:
    with watch.archiver_blocked():
        for _ in range(3):
            assert watch.pass_by(minutes=5).rpo_s == 0
        before = watch.seen[-1].seen_at
        watch.later += timedelta(minutes=3)
        at = commit(watch)
        sql(watch.cluster, "SELECT pg_switch_wal()")
        for _ in range(5):
            found = watch.pass_by(minutes=5)
            commit(watch)
            assert found.since == before and found.rpo_s is not None
            true_age = (watch.seen[-1].seen_at - at).total_seconds()
            assert true_age <= found.rpo_s <= true_age + (at - before).total_seconds() + 0.001
            sql(watch.cluster, "CHECKPOINT")
    watch.end_segment()
    assert watch.pass_by(minutes=5) == AtRisk(None, 0.0, 0)


def test_a_prepared_transaction_is_at_risk_when_it_is_committed(watch: Watch) -> None:
    """Its rows lie in the vault long before."""
    with psycopg.connect(watch.cluster.conninfo()) as session:
        session.execute("INSERT INTO ledger VALUES ('a deposit')")
        session.execute("PREPARE TRANSACTION 'deposit'")
    commits_late(watch, lambda: sql(watch.cluster, "COMMIT PREPARED 'deposit'"))


def test_a_long_transaction_is_at_risk_when_it_commits(watch: Watch) -> None:
    with psycopg.connect(watch.cluster.conninfo()) as session:
        session.execute("INSERT INTO ledger SELECT 'many' FROM generate_series(1, 100)")
        with session.transaction():  # a subtransaction is no commit
            session.execute("INSERT INTO ledger VALUES ('one more')")
        commits_late(watch, session.commit)


def commits_late(watch: Watch, commit_it: Callable[[], object]) -> None:
    commit(watch)
    watch.end_segment()
    assert watch.pass_by(minutes=5) == AtRisk(None, 0.0, 0)
    for _ in range(3):
        sql(watch.cluster, "CHECKPOINT")
        assert watch.pass_by(minutes=30).rpo_s == 0
    assert watch.seen[-1].open_xids
    before = watch.seen[-1].seen_at
    commit_it()
    assert watch.pass_by(minutes=5).since == before
    assert watch.pass_by(minutes=5).since == before
    watch.end_segment()
    assert watch.pass_by(minutes=5) == AtRisk(None, 0.0, 0)
