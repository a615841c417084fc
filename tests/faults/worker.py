"""A worker that the tests kill: runs the chain up to one step, says so, and begins that step when it is told to.

``python -m tests.faults.worker FIRM.pickle STEP POINT_ID EXPIRE_AT``
"""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.domain.backup.proofs import CopyProof, WalProof
from muniment.domain.chain_steps import NIGHT
from muniment.domain.firm.firm import Firm
from muniment.domain.vault.registers import Backup
from muniment.ports import utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.config.back_up_config import back_up_config
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment.runbooks.firm.check_firm import require_ready
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment.runbooks.vault.create_vaults import create_vaults
from muniment.runbooks.wal.verify_checkpoint import verify_wal_checkpoint
from tests.fixtures.sites import LOGINS


class Night:
    """The eight steps as eight tasks: each gets what the ones before it returned."""

    def __init__(self, site: Site, point_id: str, expire_at: datetime | None = None) -> None:
        self.site, self.point_id, self.clock = site, point_id, utc_now
        self.expire_at = expire_at or utc_now()
        self.backup: Backup
        self.wal: WalProof
        self.copy: CopyProof

    def run(self, until: str | None = None, announce: Callable[[], None] = lambda: None) -> None:
        """Every step, or those up to ``until``; ``announce`` is called before the last one."""
        steps = NIGHT[: NIGHT.index(until) + 1] if until else NIGHT
        for step in steps:
            if step == until:
                announce()
            getattr(self, step)()

    def check_firm(self) -> None:
        create_vaults(self.site, clock=self.clock)
        require_ready(self.site, clock=self.clock)

    def base_backup(self) -> None:
        self.backup = back_up_cluster(self.site, point_id=self.point_id, full=True, clock=self.clock)

    def verify_wal_checkpoint(self) -> None:
        self.wal = verify_wal_checkpoint(self.site, backup_id=self.backup.id, clock=self.clock)

    def sync_documents(self) -> None:
        sync_documents(self.site, snapshot_id=self.point_id, clock=self.clock)

    def back_up_config(self) -> None:
        back_up_config(self.site, config_id=self.point_id, clock=self.clock)

    def copy_to_replica(self) -> None:
        ids = {"backup_id": self.backup.id, "snapshot_id": self.point_id, "config_id": self.point_id}
        self.copy = copy_to_replica(self.site, **ids, clock=self.clock)

    def register_recovery_point(self) -> None:
        register_recovery_point(
            self.site,
            point_id=self.point_id,
            run="test",
            backup_id=self.backup.id,
            wal=self.wal,
            copy=self.copy,
            clock=self.clock,
        )

    def expire(self) -> None:
        expire(self.site, point_id=self.point_id, clock=lambda: self.expire_at)


def through(site: Site, endpoint_url: str) -> tuple[Firm, Login, Login]:
    """The site's firm and logins, its store behind another address."""
    logins = LOGINS[site.firm.id]
    aws = replace(logins["aws"], extra={**logins["aws"].extra, "endpoint_url": endpoint_url})
    return site.firm, logins["postgres"], aws


def main() -> None:
    path, step, point_id, expire_at = sys.argv[1:]
    firm, postgres, aws = pickle.loads(Path(path).read_bytes())
    site = build_site(firm, postgres.conninfo(), aws.clients())
    night = Night(site, point_id, datetime.fromisoformat(expire_at))

    def announce() -> None:
        os.write(1, b"ready\n")
        sys.stdin.readline()

    night.run(until=step, announce=announce)


if __name__ == "__main__":
    main()
