"""Which cluster lies at the live place, and whether a cut-over is of it.

A new one may have been made there since, and adopted: the journals beside it are the former one's. What pg_control says
counts, and firm.json where a vault can be asked.
"""

from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.cut_over.live_host import lying_at
from muniment.adapters.site.site import Site
from muniment.domain.restore.cut_over import CutOver, why_of_another
from muniment.errors import AnotherClusterIsLive, MunimentError
from muniment.runbooks.identity import prove_vault


def named_by_firm(site: Site) -> int | None:
    """By ``firm.json``; ``None`` where neither vault answers soon: none of them holds up a way back."""
    for vault in site.hasty_vaults():
        try:
            return prove_vault(vault).system_identifier
        except MunimentError:
            continue
    return None


def is_of_another(journal: CutOver) -> bool:
    """Whether another cluster than its own lies at the live place by now."""
    return lying_at(Path(journal.live)) not in (None, journal.system_identifier)


@dataclass(frozen=True, slots=True)
class Lying:
    """System identifiers: at the live place, and of ``firm.json``; ``None`` where nobody knows."""

    here: int | None
    named: int | None

    def line(self) -> str | None:
        if self.here is None:
            return None
        whose = {None: "no vault says whose that is", self.here: "the firm's"}
        return f"cluster {self.here} lies there: {whose.get(self.named, f"NOT the firm's, which is {self.named}")}"

    def is_another(self, journal: CutOver) -> bool:
        return why_of_another(journal, here=self.here, named=self.named) is not None


def look(site: Site) -> Lying:
    """At the live place of this machine."""
    return Lying(lying_at(Path(site.firm.cluster.live.data_directory or "")), named_by_firm(site))


def require_its_own(site: Site, journal: CutOver) -> None:
    """Raises ``AnotherClusterIsLive`` before anybody is asked to sign, and before anything is touched."""
    reason = why_of_another(journal, here=lying_at(Path(journal.live)), named=named_by_firm(site))
    if reason is not None:
        raise AnotherClusterIsLive(
            id=journal.id, firm=journal.firm, place=journal.live, aside=journal.aside, reason=reason
        )
