"""RESTORE.md's values: a firm's own names and its newest points, as a stressed engineer wants to read them."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from muniment.domain.firm.firm import Firm
from muniment.domain.units import human_size
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, Point

_DEPENDENCY = re.compile(r'^#     "([^"]+)",$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ClusterNeeds:
    """What a server must have before it can open the cluster's files. ``unread``: databases that let us not in."""

    server_version: str
    extensions: tuple[str, ...]
    preload: str
    superuser: str
    """Of those that may log in the oldest: ``postgres``, unless the firm has renamed it or locked it out."""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KitPage:
    """Everything that the page of one vault is made of; ``points`` newest first, ``chain`` is the newest one's."""

    firm: Firm
    side: str
    needs: ClusterNeeds
    points: Sequence[Point]
    chain: Sequence[Backup]
    script: bytes

    def render(self, template: str) -> str:
        """Raises ``KeyError`` for a placeholder that nothing fills."""
        return Template(template).substitute(self._places() | self._server() | self._newest())

    def _places(self) -> dict[str, str]:
        vaults = self.firm.vaults
        own, other = (vaults.primary, vaults.replica) if self.side == "primary" else (vaults.replica, vaults.primary)
        return {
            "firm": self.firm.id,
            "firm_name": self.firm.name,
            "side": self.side,
            "bucket": own.bucket,
            "region": own.region,
            "kms_key": own.kms_key,
            "other_bucket": other.bucket,
            "other_region": other.region,
            "other_kms_key": other.kms_key,
            "script_sha256": hashlib.sha256(self.script).hexdigest(),
            "packages": " ".join(packages_of(self.script.decode())),
        }

    def _server(self) -> dict[str, str]:
        unread = "".join(f"; database `{name}` could not be read, ask its owner" for name in self.needs.unread)
        return {
            "major": str(self.chain[-1].server_version // 10000),
            "server_version": self.needs.server_version,
            "extensions": (", ".join(f"`{name}`" for name in self.needs.extensions) or "none") + unread,
            "preload": f"`{self.needs.preload}`" if self.needs.preload else "nothing",
            "superuser": self.needs.superuser,
        }

    def _newest(self) -> dict[str, str]:
        newest = self.points[0]
        totals = newest.control_totals
        counted = [f"- `{table}`: {count} rows" for table, count in totals.counts.items()]
        summed = [f"- {name}: {total}" for name, total in totals.sums.items()]
        needed = 2 * sum(backup.size_bytes for backup in self.chain)
        return {
            "system_identifier": str(newest.system_identifier),
            "point": newest.id,
            "points": "\n".join(_row(point) for point in self.points),
            "space": human_size(needed),
            "document_space": human_size(newest.document_bytes),
            "totals_lsn": str(totals.lsn),
            "totals": "\n".join(counted + summed) or "(the firm's policy names none)",
        }


def packages_of(script: str) -> tuple[str, ...]:
    """The dependencies in its inline metadata, with their versions."""
    return tuple(_DEPENDENCY.findall(script))


def kit_key(name: str) -> str:
    return f"{keys.RESTORE_KIT}{name}"


def _row(point: Point) -> str:
    ends = [window.end_at for window in point.windows if window.end_at is not None]
    until = f"{max(ends):%Y-%m-%d %H:%M:%S}" if ends else "its own end"
    taken = f"{point.taken_at:%Y-%m-%d %H:%M:%S}"
    damaged = " names DAMAGED files" if point.is_damaged else ""
    return f"| `{point.id}`{damaged} | {taken} | {until} | {point.kind} | {point.document_count} |"
