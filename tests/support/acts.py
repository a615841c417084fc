"""An act on what is live, in a process of its own that is killed in the middle of it."""

import multiprocessing
import os
import signal
from datetime import timedelta

from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.domain.acts.act import Order
from muniment.domain.firm.firm import Firm
from muniment.ports import Progress, Silent, utc_now
from muniment.runbooks.acts.on_record import Ledger, on_record
from tests.fixtures.sites import LOGINS

ORDER = Order(act="matter", what="matter M-1", by="muniment matter by engineer on db-1", asked_by="engineer")


def ledger_of(site: Site, progress: Progress | None = None) -> Ledger:
    return Ledger(site.vaults, timedelta(days=365), utc_now, progress or Silent())


def kill_in_the_middle(site: Site) -> None:
    logins = LOGINS[site.firm.id]
    worker = multiprocessing.get_context("forkserver").Process(
        target=_die, args=(site.firm, logins["postgres"], logins["aws"])
    )
    worker.start()
    worker.join(240)
    assert worker.exitcode == -signal.SIGKILL


def _die(firm: Firm, postgres: Login, aws: Login) -> None:
    with on_record(ledger_of(build_site(firm, postgres.conninfo(), aws.clients())), ORDER):
        os.kill(os.getpid(), signal.SIGKILL)
