"""To which instant a vault brings a firm back, by what the watch saw of it last."""

from datetime import datetime, timedelta

from muniment.domain.watch.vault import VaultSeen


def recoverable_to(vault: VaultSeen, rpo_s: float | None) -> datetime | None:
    """The first commit at risk ends it. Where that is not known (``rpo_s`` is ``None``) it ends as the newest recovery
    point has registered it, if WAL still reaches there. ``None``: it has no point, or nobody knows."""
    if not vault.windows:
        return None
    newest = vault.windows[-1]
    known_at = vault.rpo_known_at or vault.seen_at  # when the log's end was seen, which may be before the vault was
    if rpo_s is not None and known_at is not None:
        return max(newest.start_at, known_at - timedelta(seconds=rpo_s))
    reaches = vault.held is not None and vault.held.end_lsn >= newest.end_lsn
    return newest.end_at if reaches else None


def holes_now(vault: VaultSeen) -> int | None:
    """Behind the newest recovery point, and before it: WAL that is missing and in no register. ``None``: without WAL
    that was counted nothing is known of it."""
    return None if vault.held is None else vault.held.is_hole + bool(vault.held.missing_before)
