"""A drill's restore by the restore kit alone: RESTORE.md's own steps, with the script that the vault itself holds.

The script runs in a process that can import neither Muniment nor Airflow and has nothing but the vault's credentials in
its environment. What it fetches, PostgreSQL's programs put together by its ``finish.sh``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.drill.kit_process import KitProcess, kit_environment, link_packages
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.site.site import Side, Site
from muniment.adapters.staging.isolated_cluster import fenced_in
from muniment.adapters.vault.authenticity import get_authentic
from muniment.domain.evidence import Check
from muniment.domain.restore.kit_page import kit_key, packages_of
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
    folder: Path
    process: KitProcess
    versions: dict[str, str]

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
        """Base backups, WAL to the archive's end, configuration. Raises ``ProgramFailed``."""
        self._fetch("--point", point.id, "--into", self.folder / "cluster", progress=progress)

    def fetch_documents(self, point: Point, progress: Progress) -> None:
        """Every document of the point's snapshot."""
        self._fetch("--point", point.documents, "--documents", self.documents, progress=progress)

    def _fetch(self, *what: str | Path, progress: Progress) -> None:
        vault = self.site.vault(self.side)
        where = ("--bucket", vault.bucket, "--region", vault.region, "--kms-key", vault.kms_key)
        self.process.run("fetch", *where, *what, told=lambda line: progress.note(f"{SCRIPT}: {line}"))

    def finish(self, point: Point, major: int) -> tuple[LocalCluster, Check]:
        """Step 6 of RESTORE.md: pg_verifybackup on each backup, pg_combinebackup, settings that hurt nobody."""
        programs, into = PostgresPrograms.find(major), self.folder / "cluster"
        argv = ["sh", str(into / "finish.sh"), str(programs.bin_dir)]
        # It makes a folder for its socket in $TMPDIR, which is then our own.
        said = run_program([*fenced_in(self.folder), *argv], timeout_s=FINISH_TIMEOUT_S).stdout
        verified, expected = said.count(_VERIFIED), len(point.chain)
        check = Check(
            name="pg_verifybackup",
            expected=f"{expected} of {expected} backups verified",
            found=f"{verified} of {expected} backups verified",
            passed=verified == expected,
        )
        return LocalCluster(into / "data", programs), check

    def wal(self) -> list[Path]:
        return [path for path in (self.folder / "cluster" / "wal").iterdir() if len(path.name) == 24]


def take_kit(site: Site, side: Side, folder: Path) -> Kit:
    """The script and its page out of the vault into ``folder``.

    Raises ``ObjectMissing`` where the chain left none, ``ObjectDamaged`` where it is another script than this release's
    or than the page tells. Whoever may write to the vault may write there, and it would run here with the firm's
    credentials: nothing is run but what we know.
    """
    vault = site.vault(side)
    folder.mkdir(mode=0o755)
    content, page = get_authentic(vault, kit_key(SCRIPT)), get_authentic(vault, kit_key(PAGE))
    if content != (KIT / SCRIPT).read_bytes():
        reason = "it is not this release's script, which the nightly chain puts there; it is not run"
        raise vault.damaged(kit_key(SCRIPT), reason)
    if hashlib.sha256(content).hexdigest() not in page.decode():
        reason = "it does not tell the script's sha256, by which an engineer knows it"
        raise vault.damaged(kit_key(PAGE), reason)
    script = folder / SCRIPT
    script.write_bytes(content)
    (folder / PAGE).write_bytes(page)
    versions = link_packages(packages_of(content.decode()), folder / "packages")
    environment = kit_environment(site.clients, vault.region, folder)
    return Kit(site, side, folder, KitProcess(script, folder / "packages", environment), versions)
