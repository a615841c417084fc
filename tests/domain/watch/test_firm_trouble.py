"""What many firms have when they lose one region is one incident, though each shows it in several ways."""

from datetime import datetime, timedelta

from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Trouble
from muniment.domain.watch.duty import DutyState
from muniment.domain.watch.duty_troubles import duty_troubles
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.judging import judged_firm
from muniment.domain.watch.server_troubles import server_troubles
from muniment.domain.watch.vault import VaultSide
from muniment.domain.watch.vault_troubles import vault_troubles
from tests.support.troubles import Watching
from tests.support.watched import firm_seen

FIRMS = [f"firm-{number:02d}" for number in range(40)]
DAY = timedelta(days=1)


def without(side: VaultSide, firm: str, now: datetime) -> FirmSeen:
    """A night after its region went: nothing is archived where that was the primary's, and nothing is copied."""
    seen = firm_seen(firm, now)
    primary, replica = seen.vaults
    lost = {"unseen": "no route", "seen_at": now - DAY, "rpo_s": None}
    behind = {"rpo_s": 86_400.0, "at_risk_since": now - DAY}
    if side == "primary":
        vaults = (primary.model_copy(update=lost), replica.model_copy(update=behind))
    else:
        vaults = (primary, replica.model_copy(update=lost))
    server = seen.server
    assert server is not None
    if side == "primary":
        server = server.model_copy(update={"last_archived_at": now - DAY, "last_failed_at": now, "last_failed": "0A"})
    missing = ("nightly point", "second copy", "verification") if side == "primary" else ("second copy",)
    duties = tuple(
        DutyState(
            firm=firm, duty=duty, state="missing" if duty in missing else "kept", due_at=now - DAY, grace_until=now,
            evidence_at=now - 2 * DAY,
        )
        for duty in ("nightly point", "second copy", "verification", "drill")
    )  # fmt: skip
    return seen.model_copy(update={"vaults": vaults, "server": server, "duties": duties})


def troubles(seen: FirmSeen) -> list[Trouble]:
    return [*server_troubles(seen), *vault_troubles(seen), *duty_troubles(seen)]


def opened_by(side: VaultSide) -> tuple[set[str], list[str]]:
    """Causes that were seen, and what was told of them in an hour."""
    watch, causes, told = Watching(), set[str](), list[str]()
    for _ in range(12):
        seen = [without(side, firm, watch.now) for firm in FIRMS]
        judged = Judged(firms=tuple(judged_firm(each, airflow_seen=True) for each in seen))
        found = [each for one in seen for each in troubles(one)]
        causes |= {each.cause for each in found}
        told += [" ".join(each) for each in watch.look(*found, judged=judged)]
    return causes, told


def test_the_primarys_region() -> None:
    causes, told = opened_by("primary")
    assert told == ["opened vault-unseen.region.eu-central-1"]
    assert causes >= {"vault-unseen", "archiver-failing", "wal-at-risk", "point-missing", "copy-missing"}


def test_the_replicas_region() -> None:
    causes, told = opened_by("replica")
    assert told == ["opened vault-unseen.region.eu-west-1"]
    assert causes == {"vault-unseen", "copy-missing"}
