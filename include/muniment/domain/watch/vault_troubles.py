"""What is wrong with a firm's two vaults, and with how far they could bring it back."""

from collections.abc import Iterator
from datetime import timedelta

from muniment.domain.incidents.severity import reached, severity_of
from muniment.domain.incidents.trouble import Scope, Trouble
from muniment.domain.units import human_duration, human_size
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, places_of, trouble_of
from muniment.domain.watch.vault import VaultSeen

# Without these two, whoever can delete an object has deleted a backup: that is made good by nothing.
_IRREVERSIBLE = frozenset({"versioning", "object lock"})
_LONGEST_LIST = 5
# Until a segment is archived what was committed before the first look has no age: archive_timeout sees to that.
_UNKNOWN_FOR = timedelta(minutes=30)
_ON_SERVER_ALONE = "every commit before that instant; the later ones are on the server alone"
_SERVER, _BOTH = "the server", "the server with the primary region"


def vault_troubles(seen: FirmSeen) -> Iterator[Trouble]:
    """Of a vault that was not seen, only that."""
    for vault in seen.vaults:
        if vault.unseen is not None:
            yield _unseen(seen, vault)
        else:
            yield from _holes(seen, vault)
        yield from _key(seen, vault)
        yield from _settings(seen, vault)
    yield from _at_risk(seen)
    for vault in seen.vaults:
        yield from _unknown_risk(seen, vault)


def _unseen(seen: FirmSeen, vault: VaultSeen) -> Trouble:
    since = vault.seen_at or seen.watched_since
    lasting = (seen.seen_at - since).total_seconds()
    is_another_firms = vault.unseen_kind in {"WrongVault", "MarkMissing"}
    return trouble_of(
        seen,
        "vault-unseen",
        "critical" if is_another_firms else severity_of(max(lasting / seen.rpo_promise_s, 0.5), seen.severity_weight),
        Words(
            subject=f"the {vault.side} vault does not answer",
            what=f"{vault.side} vault {vault.bucket} in {vault.region}, firm {seen.firm}, was not seen: {vault.unseen}",
            kept=f"what the {'replica' if vault.side == 'primary' else 'primary'} vault holds, as far as it answers",
            hint=f"look at the health of S3 and KMS in {vault.region}; then `muniment check {seen.firm}`",
            at_stake=f"how far this vault could bring the firm back is unknown since {since:%Y-%m-%d %H:%M:%S} UTC",
            breaks_at=since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=() if is_another_firms else places_of(vault),
        opens_at_once=is_another_firms,
    )


def _holes(seen: FirmSeen, vault: VaultSeen) -> Iterator[Trouble]:
    held = vault.held
    if held is not None and held.missing_before:
        yield _old_hole(seen, vault, held.missing_before)
    if held is None or not held.is_hole:
        return
    other = seen.vault("replica" if vault.side == "primary" else "primary")
    is_everywhere = other is not None and other.held is not None and held.missing[0] in other.held.missing
    repair = f"`muniment repair {seen.firm}` brings it from the other vault"
    yield trouble_of(
        seen,
        "wal-hole",
        "critical" if is_everywhere else "error",
        Words(
            subject=f"WAL is missing from the {vault.side} vault",
            what=(
                f"the WAL of firm {seen.firm} in {vault.side} vault {vault.bucket} has a hole:"
                f" {_listed(held.missing)} missing, {len(held.ahead)} segments lie behind it"
            ),
            kept="every instant before the hole; behind it recovery begins again with the next base backup",
            hint=f"take a full backup now: `muniment backup {seen.firm} --full`" if is_everywhere else repair,
            at_stake="what lies behind the hole cannot be restored"
            + ("" if is_everywhere else " from this vault alone"),
        ),
        opens_at_once=True,
    )


def _old_hole(seen: FirmSeen, vault: VaultSeen, missing: tuple[str, ...]) -> Trouble:
    """Before the newest recovery point, which therefore stands."""
    return trouble_of(
        seen,
        "wal-hole",
        "error",
        Words(
            subject=f"old WAL is gone from the {vault.side} vault",
            what=f"{vault.side} vault {vault.bucket} of firm {seen.firm} has lost WAL that it had: {_listed(missing)}",
            kept="the newest recovery point and every instant since; the recovery points before it, each by itself",
            hint=f"`muniment repair {seen.firm}` brings it from the other vault; find out who removed it",
            at_stake="instants within the point-in-time window cannot be restored from this vault alone",
        ),
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_LONGEST_LIST]) + (" …" if len(names) > _LONGEST_LIST else "")


def _key(seen: FirmSeen, vault: VaultSeen) -> Iterator[Trouble]:
    if vault.key_fault is None:
        return
    end = "will be deleted" if vault.key_pending_deletion else "cannot be used"
    if vault.key_pending_deletion:
        hint = f"at once: `aws kms cancel-key-deletion --region {vault.region} --key-id {vault.key}`, then enable-key"
    else:
        hint = "compare the key's state and policy with docs/iam/key-policy.json"
    yield trouble_of(
        seen,
        "key-pending-deletion" if vault.key_pending_deletion else "key-unusable",
        "critical" if vault.key_pending_deletion else "error",
        Words(
            subject=f"the {vault.side} vault's key {end}",
            what=f"firm {seen.firm}: {vault.key_fault}",
            kept="the other vault, whose own key opens every object",
            hint=hint,
            at_stake="without a key nothing in the vault can be read again",
        ),
        scopes=(Scope(kind="key", name=vault.key), Scope(kind="region", name=vault.region)),
        opens_at_once=vault.key_pending_deletion,
    )


def _settings(seen: FirmSeen, vault: VaultSeen) -> Iterator[Trouble]:
    if not vault.setting_faults:
        return
    faults = "; ".join(vault.setting_faults.values())
    gravest = bool(_IRREVERSIBLE & vault.setting_faults.keys())
    yield trouble_of(
        seen,
        "vault-settings",
        "critical" if gravest else "error",
        Words(
            subject=f"the {vault.side} vault's bucket is not protected as it must be",
            what=f"{vault.side} vault {vault.bucket} of firm {seen.firm}: {faults}",
            kept="every object that is there now",
            hint=f"`muniment check {seen.firm}` names the command that sets each one right; find out who changed it",
            at_stake="backups can be deleted or read by others",
        ),
        scopes=(Scope(kind="bucket", name=vault.bucket),),
        opens_at_once=gravest,
    )


def _at_risk(seen: FirmSeen) -> Iterator[Trouble]:
    """One for both vaults: what matters is what would be lost with the server, and with the server's region."""
    known = [vault for vault in seen.vaults if vault.unseen is None and vault.rpo_s is not None]
    if not known:
        return
    worst = max(known, key=lambda vault: vault.rpo_s or 0.0)
    severity = reached((worst.rpo_s or 0.0) / seen.rpo_promise_s, seen.severity_weight)
    if severity is None or worst.at_risk_since is None:
        return
    lasting = human_duration(worst.rpo_s or 0.0)
    of_primary = worst.side == "primary"
    yield trouble_of(
        seen,
        "wal-at-risk",
        severity,
        Words(
            subject=f"{lasting} of commits are not in the {worst.side} vault",
            what=(
                f"the WAL of firm {seen.firm} reaches {worst.side} vault {worst.bucket} late: commits since"
                f" {worst.at_risk_since:%Y-%m-%d %H:%M:%S} UTC are not there; promised are"
                f" {human_duration(seen.rpo_promise_s)}"
            ),
            kept=_ON_SERVER_ALONE if of_primary else "every commit that the primary vault has",
            hint=f"`muniment wal status {seen.firm}` shows how far each vault is; see whether archive_command works",
            at_stake=f"{lasting} of the firm's work, if {_SERVER if of_primary else _BOTH} is lost now",
            breaks_at=worst.at_risk_since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=places_of(*((worst,) if of_primary else seen.vaults)),  # the replica's comes by way of the primary one
    )


def _unknown_risk(seen: FirmSeen, vault: VaultSeen) -> Iterator[Trouble]:
    """Server and vault answer, and still nobody can say what is at risk: a standby answers, or what the vault lacks is
    older than every look. Of a firm whose vault never had any WAL the missing point tells."""
    if seen.server is None or seen.server_unseen is not None or vault.unseen is not None or vault.held is None:
        return
    since = vault.rpo_known_at or seen.watched_since
    lasting = (seen.seen_at - since).total_seconds()
    if vault.rpo_s is not None or lasting <= max(_UNKNOWN_FOR.total_seconds(), seen.rpo_promise_s):
        return
    behind = "" if vault.behind_bytes is None else f"; the vault is {human_size(vault.behind_bytes)} of WAL behind"
    what = "a standby answers" if seen.server.is_standby else "the vault holds nothing as young as the first look"
    yield trouble_of(
        seen,
        "wal-at-risk",
        "error",
        Words(
            subject=f"nobody knows how much is not in the {vault.side} vault",
            what=(
                f"how old the first commit is that {vault.side} vault {vault.bucket} of firm {seen.firm} lacks is"
                f" unknown for {human_duration(lasting)}, though server and vault answer: {what}{behind}"
            ),
            kept="every commit that the vault has",
            hint=(
                "see that the watch's connection leads to the server that is written to, and that archive_command does"
                f" what it says: `muniment wal status {seen.firm}`"
            ),
            at_stake="the firm's work since then may be on the server alone",
            breaks_at=since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=places_of(vault),
    )
