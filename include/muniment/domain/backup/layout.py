"""Where each file of a base backup lies on the machine that restores it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from muniment.domain.vault.registers import Backup

CONTROL = "global/pg_control"
# No server starts without pg_control: it gets its name when everything else is on disk.
UNFINISHED_CONTROL = "global/pg_control.unfinished"
WAL = "pg_wal"
TABLESPACES = "pg_tblspc"


@dataclass(frozen=True, slots=True)
class Layout:
    """``tablespaces``: OID → folder. Paths are the manifest's: relative to the data directory."""

    folder: Path
    tablespaces: Mapping[int, Path]

    @classmethod
    def below(cls, folder: Path, tablespace_root: Path, backup: Backup) -> "Layout":
        """Each tablespace in a folder of its OID's name."""
        oids = [archive.tablespace.oid for archive in backup.archives if archive.tablespace is not None]
        return cls(folder, {oid: tablespace_root / str(oid) for oid in oids})

    @property
    def roots(self) -> tuple[Path, ...]:
        return (self.folder, *self.tablespaces.values())

    def place(self, path: str) -> Path:
        """Of a file, as long as the restore is not finished."""
        if path == CONTROL:
            return self.folder / UNFINISHED_CONTROL
        root, below = self._parted(path)
        return root / below

    def link_of(self, oid: int) -> Path:
        """What PostgreSQL finds a tablespace by: a link to its folder, or that folder itself."""
        return self.folder / TABLESPACES / str(oid)

    def root_of(self, path: str) -> Path:
        return self._parted(path)[0]

    def _parted(self, path: str) -> tuple[Path, str]:
        head, _, rest = path.partition("/")
        oid, _, below = rest.partition("/")
        if head == TABLESPACES and oid.isdigit() and int(oid) in self.tablespaces:
            return self.tablespaces[int(oid)], below
        return self.folder, path
