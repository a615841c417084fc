"""A target that cannot be reached, with the nearest instants on both sides and every window."""

from muniment.domain.recovery.backup_choice import Instant, Unreachable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.vault.registers import RecoveryWindow
from muniment.errors import TargetUnreachable
from muniment.runbooks.restore.find_stop import StopFinder
from muniment.runbooks.restore.vault_stock import Stock
from muniment.runbooks.wal.windows import windows_of


def unreachable(stock: Stock, target: RecoveryTarget, why: Unreachable, finder: StopFinder | None) -> TargetUnreachable:
    before = finder.last_instant(why.before) if finder and why.before else None
    after = Instant(why.after.backup.stop_lsn, why.after.backup.finished_at) if why.after else None
    backups = [base.backup for base in stock.restorable.bases]
    windows = windows_of(stock.store, stock.restorable.archive, backups)
    return TargetUnreachable(
        firm=stock.vault.firm,
        bucket=stock.vault.bucket,
        target=target,
        reason=why.reason,
        before=before or "none",
        after=after or "none",
        windows="".join(f"\n  {_window(window)}" for window in windows) or " none",
    )


def _window(window: RecoveryWindow) -> str:
    start, end = Instant(window.start_lsn, window.start_at), Instant(window.end_lsn, window.end_at)
    return f"{start} to {end} on timeline {window.timeline}"
