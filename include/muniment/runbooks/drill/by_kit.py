"""A drill's restore by the restore kit alone: RESTORE.md's own steps, with the script that the vault itself holds.

The commands are those of the page, word for word; what differs is where ``restore.py`` finds its packages, where
PostgreSQL's programs lie, and that a fence is around what they start. The script runs in a process that can import
neither Muniment nor Airflow and has nothing but the vault's credentials in its environment. What it fetches,
PostgreSQL's programs put together by its ``finish.sh``; the server recovers with the settings that this wrote alone.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.drill.kit_process import KitProcess, kit_environment, link_packages
from muniment.adapters.drill.kit_server import KitServer
from muniment.adapters.drill.scratch import Scratch
from muniment.adapters.host.local_cluster import LocalCluster, hand_over
from muniment.adapters.host.programs import PostgresPrograms, as_unprivileged, run_program
from muniment.adapters.site.site import Side, Site
from muniment.adapters.staging.isolated_cluster import fenced_in
from muniment.adapters.vault.authenticity import get_authentic
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import DrillTarget
from muniment.domain.evidence import Check
from muniment.domain.restore.kit_page import kit_key, packages_of
from muniment.domain.restore.kit_steps import KitSteps, NotOnThePage, last_lines, stopping_at
from muniment.domain.vault.registers import Point
from muniment.ports import Progress
from muniment.runbooks.restore.publish_kit import KIT, PAGE, SCRIPT

FINISH_TIMEOUT_S = 6 * 3600.0
OURS = ("muniment", "muniment_airflow", "airflow")
"""What the script must not find."""
_VERIFIED = "backup successfully verified"


@dataclass(frozen=True, slots=True)
class Kit:
    """The script, taken from one vault into ``folder``, and its process."""

    site: Site
    side: Side
    scratch: Scratch
    process: KitProcess
    versions: dict[str, str]
    steps: KitSteps

    @property
    def folder(self) -> Path:
        return self.scratch.kit

    @property
    def documents(self) -> Path:
        return self.folder / "documents"

    def checks(self) -> Iterator[Check]:
        """It is the script that RESTORE.md names, with the packages that it names, and it finds nothing of ours."""
        content = self.process.script.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        yield Check(name="restore.py is the one that RESTORE.md names", expected=digest, found=digest, passed=True)
        wanted = packages_of(content.decode())
        found = tuple(f"{name}=={self.versions[name]}" for name in (text.partition("==")[0] for text in wanted))
        yield Check(
            name="packages of the restore kit",
            expected=", ".join(wanted),
            found=", ".join(found),
            passed=wanted == found,
        )
        ours = self.process.importable(OURS)
        yield Check(
            name="what else the restore kit can import",
            expected="neither Muniment nor Airflow",
            found=", ".join(ours) or "neither Muniment nor Airflow",
            passed=not ours,
        )

    def fetch_cluster(self, point: Point, progress: Progress) -> None:
        """Step 4: base backups, WAL to the archive's end, configuration. Raises ``ProgramFailed``."""
        self._fetch(point.id, "--into", progress)

    def fetch_documents(self, point: Point, progress: Progress) -> None:
        """Step 4 again, for every document of the point's snapshot."""
        self._fetch(point.documents, "--documents", progress)

    def _fetch(self, point: str, only: str, progress: Progress) -> None:
        with _page_of(self.site.vault(self.side)):
            argv = self.steps.fetching(point, only, str(self.folder))
        self.process.run(*argv, told=lambda line: progress.note(f"{SCRIPT}: {line}"))

    def finish(self, point: Point, target: DrillTarget, programs: PostgresPrograms) -> tuple[KitServer, Check]:
        """Steps 5 and 6: where to stop; pg_verifybackup on each backup, pg_combinebackup, settings that hurt nobody.

        As the user that the server will run as, who makes a folder for its socket in ``$TMPDIR``. Raises
        ``ProgramFailed`` and ``ObjectDamaged``.
        """
        into, sockets = self.folder / "cluster", self.scratch.sockets
        with _page_of(self.site.vault(self.side)):
            staging = into / "staging.conf"
            staging.write_text(stopping_at(staging.read_text(), _stop(target)))
        sockets.mkdir(mode=0o700)
        for folder in (into, sockets):
            hand_over(folder)
        shell, script, _ = self.steps.finish
        argv = as_unprivileged([shell, str(self.folder / script), str(programs.bin_dir)])
        fence = fenced_in(sockets, self.folder)
        said = run_program([*fence, *argv], timeout_s=FINISH_TIMEOUT_S).stdout
        with _page_of(self.site.vault(self.side)):
            start, look = last_lines(said)
        server = KitServer(LocalCluster(into / "data", programs), start, look, self.steps.superuser, fence)
        return server, self._verified(said, point)

    def _verified(self, said: str, point: Point) -> Check:
        verified, expected = said.count(_VERIFIED), len(point.chain)
        return Check(
            name="pg_verifybackup",
            expected=f"{expected} of {expected} backups verified",
            found=f"{verified} of {expected} backups verified",
            passed=verified == expected,
        )

    def wal(self) -> list[Path]:
        return [path for path in (self.folder / "cluster" / "wal").iterdir() if len(path.name) == 24]


def _stop(target: DrillTarget) -> dict[str, str]:
    return {
        "recovery_target_lsn": str(target.lsn),
        "recovery_target_inclusive": "off",
        "recovery_target_action": "promote",
    }


@contextmanager
def _page_of(vault: Vault) -> Iterator[None]:
    try:
        yield
    except NotOnThePage as missing:
        raise vault.damaged(kit_key(PAGE), f"whoever follows it is lost: {missing}") from missing


def take_kit(site: Site, side: Side, scratch: Scratch) -> Kit:
    """The script and its page out of the vault into the scratch folder.

    Raises ``ObjectMissing`` where the chain left none, ``ObjectDamaged`` where it is another script than this release's
    or than the page tells, or where the page lacks a step. Whoever may write to the vault may write there, and it would
    run here with the firm's credentials: nothing is run but what we know.
    """
    vault, folder = site.vault(side), scratch.kit
    folder.mkdir(mode=0o755)
    content, page = get_authentic(vault, kit_key(SCRIPT)), get_authentic(vault, kit_key(PAGE))
    if content != (KIT / SCRIPT).read_bytes():
        reason = "it is not this release's script, which the nightly chain puts there; it is not run"
        raise vault.damaged(kit_key(SCRIPT), reason)
    if hashlib.sha256(content).hexdigest() not in page.decode():
        reason = "it does not tell the script's sha256, by which an engineer knows it"
        raise vault.damaged(kit_key(PAGE), reason)
    with _page_of(vault):
        steps = KitSteps.of(page.decode())
    script = folder / SCRIPT
    script.write_bytes(content)
    (folder / PAGE).write_bytes(page)
    versions = link_packages(packages_of(content.decode()), folder / "packages")
    environment = kit_environment(site.clients, vault.region, folder)
    return Kit(site, side, scratch, KitProcess(script, folder / "packages", environment), versions, steps)
