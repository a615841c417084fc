"""One matter back into the live database of a firm of 100,000, beside bringing back the whole database to look into.

Both servers are copies of one data directory, as a restore leaves them; staging itself is what `restore` measures.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import yaml
from rich.console import Console
from rich.table import Table

import muniment_demo
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import Firm
from muniment.domain.secret import Secret
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter
from muniment.runbooks.rows.restore_database import restore_database
from muniment.runbooks.rows.restore_matter import restore_matter
from muniment_demo.practice import DATABASE, create_database
from tests.bench.dataset import bench_cluster
from tests.support.firms import paper_firm

MATTERS = int(os.environ.get("MUNIMENT_BENCH_MATTERS", "100000"))
# Two of them are deleted; the second comes back without a reading of the ledgers.
LOST = MATTERS // 2, MATTERS // 2 + 1
_DEMO = Path(muniment_demo.__file__).parent
_POLICY = _DEMO.parent / "applications" / "practice.yaml"
# A client, 5 tasks, 10 notes, 3 events, a document with its embedding, an account and 4 transfers for each matter.
_ROWS = """
INSERT INTO practice.users (full_name, email, role, hourly_rate_cents)
    SELECT 'User ' || n, n || '@firm.example', 'associate', 20000 FROM generate_series(1, 200) n;
INSERT INTO practice.contacts (full_name, email, phone, postal_address)
    SELECT 'Client ' || n, n || '@client.example', n, n || ' Main Street' FROM generate_series(1, {matters}) n;
INSERT INTO practice.matters (number, title, practice_area, client_id, lead_id, opened_on, trust_balance_cents)
    SELECT '2026-' || lpad(n::text, 6, '0'), 'Matter ' || n, 'Litigation', n, 1 + n % 200, '2026-01-02', 400
    FROM generate_series(1, {matters}) n;
INSERT INTO practice.tasks (matter_id, assignee_id, title, due_on, done)
    SELECT m, 1 + m % 200, 'Review ' || n, '2026-02-02', true
    FROM generate_series(1, {matters}) m, generate_series(1, 5) n;
INSERT INTO practice.notes (matter_id, author_id, written_at, body)
    SELECT m, 1 + m % 200, '2026-03-03 09:00Z', repeat(md5(m::text || n), 8)
    FROM generate_series(1, {matters}) m, generate_series(1, 10) n;
INSERT INTO practice.events (matter_id, starts_at, lasts, kind, place)
    SELECT m, '2026-04-04 09:00Z', '45 minutes', 'hearing', 'Court ' || n
    FROM generate_series(1, {matters}) m, generate_series(1, 3) n;
INSERT INTO practice.documents (matter_id, title, passage, filed_at, embedding)
    SELECT m, 'Brief', repeat(md5(m::text), 10), '2026-05-05 09:00Z',
           (SELECT array_agg(sin(m + i)::real) FROM generate_series(1, 384) i)::real[]
    FROM generate_series(1, {matters}) m;
INSERT INTO practice.trust_accounts (kind, name) VALUES ('bank', 'pooled');
INSERT INTO practice.trust_accounts (kind, name, matter_id) SELECT 'client', m, m FROM generate_series(1, {matters}) m;
INSERT INTO practice.ledger_entries (transfer_id, trust_account_id, amount_cents, posted_at, memo)
    SELECT 4 * m + n, CASE side WHEN 1 THEN m + 1 ELSE 1 END, 100 * side, '2026-06-06 09:00Z', 'retainer'
    FROM generate_series(1, {matters}) m, generate_series(1, 4) n, unnest(ARRAY[1, -1]) side;
"""
DELETED = """
DELETE FROM practice.ledger_entries e USING practice.ledger_entries o, practice.trust_accounts a
    WHERE e.transfer_id = o.transfer_id AND o.trust_account_id = a.id AND a.matter_id = {id};
DELETE FROM practice.trust_accounts WHERE matter_id = {id};
DELETE FROM practice.documents WHERE matter_id = {id};
DELETE FROM practice.events WHERE matter_id = {id};
DELETE FROM practice.notes WHERE matter_id = {id};
DELETE FROM practice.tasks WHERE matter_id = {id};
DELETE FROM practice.matters WHERE id = {id};
"""


def run(console: Console) -> None:
    with bench_cluster(17, rows=1000) as live:
        _fill(live)
        live.stop()
        staged = LocalCluster(live.data_dir.with_name("staged"), live.programs)
        shutil.copytree(live.data_dir, staged.data_dir, symlinks=True)
        shutil.copy(live.passfile, staged.passfile)
        live.start()
        staged.start()
        try:
            _measure(console, *(PostgresServer("acme", Secret(each.conninfo()), DATABASE) for each in (live, staged)))
        finally:
            staged.stop("immediate")


def _measure(console: Console, live: PostgresServer, staged: PostgresServer) -> None:
    with live.connect() as connection:
        for matter in LOST:
            connection.execute(DELETED.format(id=matter).encode())
            connection.execute(
                "DELETE FROM practice.contacts WHERE id = %s", (matter,)
            )  # its client's number is its own
        found = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database())) AS size").fetchone()
    first, second = (f"2026-{matter:06d}" for matter in LOST)
    planned, written, rows = _restored(_firm(), first, live, staged)
    _, unread, _ = _restored(_firm(drills={}), second, live, staged)
    whole, _ = _timed(lambda: restore_database(_firm(), DATABASE, staged=staged, live=live, clock=utc_now))
    table = Table("", "time", title=f"one matter of {MATTERS:,} ({rows} rows) in {(found or {})['size']}")
    table.add_row("muniment matter, its plan", f"{planned:.2f} s")
    table.add_row("muniment matter, applied: both readings of the ledgers", f"{written:.2f} s")
    table.add_row("muniment matter, applied: no ledger in the registry", f"{unread:.2f} s")
    table.add_row("muniment database: all of it beside, to look into", f"{whole:.1f} s")
    console.print(table)


def _restored(firm: Firm, matter: str, live: PostgresServer, staged: PostgresServer) -> tuple[float, float, int]:
    request = MatterRequest(matter, "engineer")
    planned, plan = _timed(lambda: plan_matter(firm, request, staged=staged, live=live, clock=utc_now))
    approval = Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256)
    written, images = _timed(
        lambda: restore_matter(firm, plan, approval=approval, staged=staged, live=live, keep=lambda _: None)
    )
    return planned, written, len(images.rows)


def _firm(**changes: Any) -> Firm:
    told = yaml.safe_load(_POLICY.read_text())
    policy = {**{name: told[name] for name in ("matters", "drills")}, **changes}
    return paper_firm(restore={"approvers": ["engineer", "lead"]}, policy=policy)


def _fill(cluster: LocalCluster) -> None:
    create_database(cluster.conninfo())
    with psycopg.connect(cluster.conninfo(DATABASE)) as connection:
        connection.execute("CREATE SCHEMA practice")
        connection.execute("CREATE DOMAIN practice.embedding AS real[] CHECK (array_length(VALUE, 1) = 384)")
        connection.execute((_DEMO / "practice.sql").read_bytes())
        connection.execute(_ROWS.format(matters=MATTERS).encode())
        connection.execute((_DEMO / "practice_rules.sql").read_bytes())
    with psycopg.connect(cluster.conninfo(DATABASE), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _timed[R](work: Callable[[], R]) -> tuple[float, R]:
    began = time.monotonic()
    found = work()
    return time.monotonic() - began, found
