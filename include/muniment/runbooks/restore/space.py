"""How much a restore writes, and where: by the folder, so that each file system's room can be summed up."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from muniment.domain.backup.layout import Layout
from muniment.domain.restore.estimate import ByTablespace, result_by_tablespace, room_by_tablespace
from muniment.domain.vault.registers import Backup

type Claim = tuple[Path, int]


def claims_of(layout: Layout, chain: Sequence[Backup]) -> Iterator[Claim]:
    """Less what a restore that was killed, or the cluster that is restored over, has there already."""
    for root, needed in _by_root(layout, room_by_tablespace(chain)):
        yield root, needed - _size_of(root)


def claims_of_result(layout: Layout, chain: Sequence[Backup]) -> Iterator[Claim]:
    """Of what goes live, where it has to be copied to another file system."""
    return _by_root(layout, result_by_tablespace(chain))


def _by_root(layout: Layout, sizes: ByTablespace) -> Iterator[Claim]:
    """A tablespace that was dropped before the last part has its parts beside the data directory's."""
    yield layout.folder, sum(size for oid, size in sizes.items() if oid not in layout.tablespaces)
    for oid, place in layout.tablespaces.items():
        yield place, sizes.get(oid, 0)


def _size_of(folder: Path) -> int:
    """A second name of the same file takes no room."""
    seen: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            there = path.lstat()
            seen[there.st_dev, there.st_ino] = there.st_size
    return sum(seen.values())
